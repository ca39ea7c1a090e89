"""How our aiokafka producers are made, spared and ended: the one file that knows what aiokafka keeps to itself.

It promises that a producer goes on with the same producer id for as long as it can (the broker then recognises
what it has already, so a retry writes nothing twice), that a broker that stopped answering is asked last, and
that a producer that is ended leaves no task and no connection behind.
"""

import asyncio
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.conn import CloseReason
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedForMessageFormatError,
)

from ingest.runtime.supervision import closed

# For one request and for one connection. What a broker writes after that is acknowledged at the next try, so a
# slow one costs a repetition and no duplicate; a frozen one holds up nothing for longer than this.
REQUEST_S: Final = 3.0
METADATA_AGE_S: Final = 15.0  # how soon new partitions are known; in all services alike, or chats are split
CUT_S: Final = 1.0  # for what was cut off to end

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


def _ask_others_first(client: Any) -> None:
    """Have a broker that stopped answering forgotten before metadata are asked for; the others name it again.

    aiokafka asks brokers in any order, and while it waits for a frozen one to accept a connection it makes none
    to any other.
    """
    go_on = client._on_connection_closed

    def on_close(connection: Any, reason: CloseReason | None) -> None:
        if reason in (CloseReason.CONNECTION_TIMEOUT, CloseReason.CONNECTION_BROKEN):
            brokers = client.cluster._brokers
            silent = [
                node
                for node, broker in brokers.items()
                if (broker.host, broker.port) == (connection.host, connection.port)
            ]
            if len(brokers) > len(silent):
                for node in silent:
                    del brokers[node]
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


async def end(kafka: AIOKafkaProducer, flush_s: float) -> None:
    """Stop a producer: what it holds gets `flush_s` seconds to be acknowledged, then it is cut off. Never raises."""
    try:
        left = await closed(kafka.stop(), flush_s)
    except asyncio.CancelledError:
        await _cut(kafka)
        raise
    if left is not None:
        await _cut(kafka)


async def _cut(kafka: AIOKafkaProducer) -> None:
    """End what `stop()` waits for without an end while no broker answers: its flush, and its open requests."""
    client, sending = kafka.client, kafka._sender.sender_task
    _abort_connections(client)
    await closed(client.close(), CUT_S)
    if client._md_update_fut is not None and not client._md_update_fut.done():
        client._md_update_fut.set_result(False)  # nobody else will, and requests wait for it
    kafka._message_accumulator.fail_all(ProducerClosed())
    if sending is not None and not sending.done():
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([sending], timeout=CUT_S)
    _abort_connections(client)  # and those that were being made meanwhile


def _abort_connections(client: Any) -> None:
    for connection in client._conns.values():
        if connection._writer is not None:  # a frozen broker never reads what a clean close would wait for
            connection._writer.transport.abort()


def error_of(done: asyncio.Future[Any]) -> BaseException | None:
    """What became of a send: None where it was acknowledged."""
    return asyncio.CancelledError() if done.cancelled() else done.exception()
