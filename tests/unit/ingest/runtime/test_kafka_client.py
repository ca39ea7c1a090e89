"""A broker that stopped answering is asked last; a batch that is done is freed without garbage collection."""

import gc
import weakref
from types import SimpleNamespace

import pytest
from aiokafka.conn import CloseReason
from aiokafka.structs import BrokerMetadata, TopicPartition

from ingest.runtime.kafka_client import new_producer
from ingest.runtime.kafka_connections import end

BROKERS = {number: BrokerMetadata(number, "127.0.0.1", 9_000 + number, None) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("known", "closed", "reason", "asked"),
    [
        ({1, 2, 3}, 2, CloseReason.CONNECTION_TIMEOUT, {1, 3}),
        ({1, 2, 3}, 2, CloseReason.CONNECTION_BROKEN, {1, 3}),
        ({1, 2, 3}, 2, None, {1, 3}),
        ({1, 2, 3}, 2, CloseReason.IDLE_DROP, {1, 2, 3}),
        ({1, 2, 3}, 2, CloseReason.SHUTDOWN, {1, 2, 3}),
        ({1, 3}, 2, CloseReason.CONNECTION_TIMEOUT, {1, 3}),
        ({2}, 2, CloseReason.CONNECTION_TIMEOUT, {2}),
    ],
)
async def test_after_a_connection_ended_the_other_brokers_are_asked(
    known: set[int], closed: int, reason: CloseReason | None, asked: set[int]
) -> None:
    kafka = new_producer({"bootstrap_servers": "127.0.0.1:1"}, "test")
    kafka.client.cluster._brokers = {number: BROKERS[number] for number in known}
    gone = BROKERS[closed]
    kafka.client._on_connection_closed(SimpleNamespace(host=gone.host, port=gone.port), reason)
    assert {broker.nodeId for broker in kafka.client.cluster.brokers()} == asked
    await end(kafka, 1)


async def test_where_all_stopped_answering_all_are_asked_again() -> None:
    kafka = new_producer({"bootstrap_servers": "127.0.0.1:1"}, "test")
    kafka.client.cluster._brokers = dict(BROKERS)
    for gone, left in ((2, {1, 3}), (3, {1}), (1, {1, 2, 3}), (1, {2, 3})):
        at = SimpleNamespace(host=BROKERS[gone].host, port=BROKERS[gone].port)
        kafka.client._on_connection_closed(at, CloseReason.CONNECTION_TIMEOUT)
        assert {broker.nodeId for broker in kafka.client.cluster.brokers()} == left
    await end(kafka, 1)


async def test_a_batch_is_freed_once_nobody_refers_to_it() -> None:
    """Thousands a second would otherwise stop the event loop for tens of milliseconds at each garbage collection."""
    kafka = new_producer({"bootstrap_servers": "127.0.0.1:1"}, "test")
    accumulator, place = kafka._message_accumulator, TopicPartition("topic", 0)
    gc.disable()
    try:
        batch = weakref.ref(accumulator._append_batch(accumulator.create_builder(), place))
        assert batch() is accumulator._batches.pop(place)[0]
        assert batch() is None
    finally:
        gc.enable()
    await end(kafka, 1)
