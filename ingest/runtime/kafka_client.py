"""How our aiokafka producers are made and spared.

It promises that a producer goes on with the same producer id for as long as it can (the broker then recognises
what it has already, so a retry writes nothing twice), and that a broker that stopped answering is asked last.
"""

import asyncio
import math
from collections.abc import Mapping
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

from ingest.runtime.kafka_connections import Client

# For one request and for one connection. What a broker writes after that is acknowledged at the next try, so a
# slow one costs a repetition and no duplicate; a frozen one holds up nothing for longer than this.
REQUEST_S: Final = 3.0
METADATA_AGE_S: Final = 15.0  # how soon new partitions are known; in all services alike, or chats are split

# Answers of Kafka that are about the record itself, so that another try gets the same, and nothing was written.
FOR_GOOD: Final = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    InvalidTimestampError,
    UnsupportedForMessageFormatError,
)
# Answers that a person changes, by a right or a name. Nothing was written either.
FORBIDDEN: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, InvalidTopicError)
NOT_WRITTEN: Final = (*FOR_GOOD, *FORBIDDEN)


def new_producer(options: Mapping[str, Any], client_id: str, **more: Any) -> AIOKafkaProducer:
    """An idempotent producer that retries for ever; `options` say how to reach Kafka."""
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
    """Have a broker that stopped answering forgotten before metadata are asked for; the others name it again.

    aiokafka asks brokers in any order, and while it waits for a frozen one to accept a connection it makes none
    to any other. Where none is left, all of them are known again: the last one may be the frozen one.
    """
    go_on, forgotten = client._on_connection_closed, dict[int, Any]()  # as many as there are brokers

    def on_close(connection: Any, reason: CloseReason | None) -> None:
        if reason in (
            None,
            CloseReason.CONNECTION_TIMEOUT,
            CloseReason.CONNECTION_BROKEN,
        ):  # None: never came about
            brokers = client.cluster._brokers
            silent = [
                node
                for node, broker in brokers.items()
                if (broker.host, broker.port) == (connection.host, connection.port)
            ]
            for node in silent:
                forgotten[node] = brokers.pop(node)
            if not brokers:
                brokers.update(forgotten)
                forgotten.clear()
        go_on(connection, reason)

    client._on_connection_closed = on_close


def _uncount_what_is_refused(kafka: AIOKafkaProducer) -> None:
    """Have a batch that was refused uncounted before the next one of its partition is numbered.

    aiokafka counts its records all the same, and the broker takes nothing more from a producer that is out of
    sequence: https://github.com/aio-libs/aiokafka/issues/1017
    """
    accumulator, count = kafka._message_accumulator, kafka._txn_manager.increment_sequence_number
    append = accumulator._append_batch

    def append_batch(builder: Any, partition: TopicPartition) -> Any:
        batch = append(builder, partition)
        fail = batch.failure

        def failure(exception: BaseException) -> None:
            if isinstance(exception, NOT_WRITTEN):
                count(partition, -batch.record_count)
            fail(exception)

        batch.failure = failure
        return batch

    accumulator._append_batch = append_batch


def error_of(done: asyncio.Future[Any]) -> BaseException | None:
    """What became of a send: None where it was acknowledged."""
    return asyncio.CancelledError() if done.cancelled() else done.exception()
