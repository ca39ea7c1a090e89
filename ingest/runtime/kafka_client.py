"""How our aiokafka producers are made.

It promises that a producer keeps its producer id for as long as it can (the broker then recognises what it already
has, so a retry writes nothing twice), and that a broker that stopped answering is asked last.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.conn import CloseReason
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedForMessageFormatError,
)
from aiokafka.producer.message_accumulator import MessageBatch

from ingest.runtime.kafka_connections import Client

# For one request and for one connection. What a broker writes later is acknowledged at the next try: a slow broker
# costs a repetition but no duplicate, and a frozen one holds up nothing for longer.
REQUEST_S: Final = 3.0
METADATA_AGE_S: Final = 15.0  # until new partitions are known; the same in all services, or chats are split

# Kafka's answers about the record itself: another try gets the same, and nothing was written.
FOR_GOOD: Final = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTimestampError,
    UnsupportedForMessageFormatError,
)
# Answers that only a person can change, with a permission or a name. Nothing was written either.
FORBIDDEN: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, InvalidTopicError)
NOT_WRITTEN: Final = (*FOR_GOOD, *FORBIDDEN)


def new_producer(options: Mapping[str, Any], client_id: str, **more: Any) -> AIOKafkaProducer:
    """An idempotent producer that retries indefinitely; `options` say how to reach Kafka."""
    kafka = AIOKafkaProducer(
        **options,
        client_id=client_id,
        acks="all",  # stored means acknowledged by all in-sync replicas
        enable_idempotence=True,  # aiokafka's own retries write nothing twice
        request_timeout_ms=int(REQUEST_S * 1000),
        metadata_max_age_ms=int(METADATA_AGE_S * 1000),
        **more,
    )
    # A batch whose partition has no leader for REQUEST_S would fail, and leave the producer out of sequence.
    kafka._message_accumulator._batch_ttl = math.inf
    _ask_others_first(kafka.client)
    _uncount_what_is_refused(kafka)
    return kafka


def _ask_others_first(client: Client) -> None:
    """Forget a broker that stopped answering before metadata is requested; the others name it again.

    aiokafka asks in any order, and connects to no other broker while it waits for a frozen one. When none is left, all
    are restored: the last one may be frozen.
    """
    closed, forgotten = client._on_connection_closed, dict[int, Any]()  # as many as there are brokers
    silent = (None, CloseReason.CONNECTION_TIMEOUT, CloseReason.CONNECTION_BROKEN)  # None: it was never made

    def on_close(connection: Any, reason: CloseReason | None) -> None:
        if reason in silent:
            address, brokers = (connection.host, connection.port), client.cluster._brokers
            for node in [node for node, each in brokers.items() if (each.host, each.port) == address]:
                forgotten[node] = brokers.pop(node)
            if not brokers:
                brokers.update(forgotten)
                forgotten.clear()
        closed(connection, reason)

    client._on_connection_closed = on_close


class _Uncounting(MessageBatch):  # type: ignore[misc]  # aiokafka has no type hints
    """A batch that is taken off the count if it is refused. It must form no cycle: there are thousands a second."""

    count: Callable[[TopicPartition, int], None]

    def failure(self, exception: BaseException) -> None:
        if isinstance(exception, NOT_WRITTEN):
            self.count(self.tp, -self.record_count)
        super().failure(exception)


def _uncount_what_is_refused(kafka: AIOKafkaProducer) -> None:
    """Take the records of a refused batch off the count before the partition's next batch is numbered.

    aiokafka counts them, and the broker accepts nothing more from a producer that is out of sequence:
    https://github.com/aio-libs/aiokafka/issues/1017
    """
    accumulator, count = kafka._message_accumulator, kafka._txn_manager.increment_sequence_number
    append = accumulator._append_batch

    def append_batch(builder: Any, partition: TopicPartition) -> Any:
        batch = append(builder, partition)
        batch.__class__, batch.count = _Uncounting, count
        return batch

    accumulator._append_batch = append_batch


def error_of(done: asyncio.Future[Any]) -> BaseException | None:
    """Why a send failed; None if it was acknowledged."""
    return asyncio.CancelledError() if done.cancelled() else done.exception()
