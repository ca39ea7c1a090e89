"""A topic read as far as it goes, and how far a group has come on it."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tagger.kafka import reader
from tagger.kafka.reader import TopicMissingError, oldest_unfinished_ms, read_topic
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import ended
from tests.kafka.kafka import AnyKafka

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000


async def write(kafka: AnyKafka, topic: str, times: Sequence[int], partition: int = 0) -> None:
    """One record a time; its value is its place."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for place, at in enumerate(times):
            value = f"{partition}:{place}".encode()
            await producer.send_and_wait(topic, value, partition=partition, timestamp_ms=at)
    finally:
        await producer.stop()


async def read(kafka: AnyKafka, topic: str, since_ms: int = 0) -> tuple[list[str], int]:
    values: list[bytes | None] = []
    options = {"bootstrap_servers": kafka.bootstrap}
    whole_since = await read_topic(options, topic, values.append, since_ms=since_ms)
    return sorted(value.decode() for value in values if value), whole_since


async def test_a_topic_is_read_to_its_end_in_every_partition(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 3)
    await write(kafka, unique, [NOW] * 5)
    await write(kafka, unique, [NOW] * 2, partition=2)
    assert await read(kafka, unique) == (["0:0", "0:1", "0:2", "0:3", "0:4", "2:0", "2:1"], 0)


async def test_kafka_that_goes_away_meanwhile_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's consumer leaks a CancelledError when it is stopped then, which would end the task that reads."""
    monkeypatch.setattr(reader, "ANSWER_S", 2.0)
    with EmbeddedBroker({"decisions": 1}) as kafka:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_batch_size=100_000)
        await producer.start()
        for sent in [await producer.send("decisions", b"x" * 20_000) for _ in range(200)]:
            await sent
        await producer.stop()
        seen = 0

        def take(_: bytes | None) -> None:
            nonlocal seen
            seen += 1
            if seen == 100:
                kafka.down()

        with pytest.raises(reader.NO_KAFKA):
            await read_topic({"bootstrap_servers": kafka.bootstrap}, "decisions", take)


async def test_who_is_cancelled_while_clients_close_leaves_none_open(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    kafka_embedded.create_topic(unique, 1)
    closing = asyncio.Event()
    clients = list[Any]()

    async def look() -> None:
        async with reader.connected({"bootstrap_servers": kafka_embedded.bootstrap}, unique) as (
            one,
            _,
            other,
        ):
            clients.extend((one._client, other._client))
            closing.set()  # in the same step of the loop, `connected` begins to close

    looking = asyncio.create_task(look())
    await closing.wait()
    looking.cancel()
    await asyncio.wait([looking])
    assert [client._ended for client in clients] == [True, True]


@pytest.mark.parametrize("kind", ["crc", "decompression", "codec", "header"])
async def test_a_damaged_batch_is_told_as_such(kafka_embedded: AnyKafka, unique: str, kind: str) -> None:
    kafka_embedded.create_topic(unique, 1)
    await put(kafka_embedded, unique, 0, damaged(kind, [ended("T1")], NOW))
    with pytest.raises(reader.NO_KAFKA, match=r"(?i)corrupt|codec"):
        await read_topic({"bootstrap_servers": kafka_embedded.bootstrap}, unique, lambda _: None)


async def test_an_empty_topic_has_nothing_to_hand_over(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 2)
    assert await read(kafka, unique, NOW) == ([], 0)


@pytest.mark.embedded_gap("no time index: everything is read")
async def test_older_records_are_not_read(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW - 2 * HOUR, NOW - HOUR, NOW])
    assert await read(kafka, unique, NOW - HOUR) == (["0:1", "0:2"], 0)


async def test_of_a_topic_that_is_older_nothing_is_read(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW - 2 * HOUR, NOW - HOUR])
    assert await read(kafka, unique, NOW - 1) == ([], 0)


async def test_it_is_told_from_when_on_the_topic_is_whole(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW - 2 * HOUR, NOW - HOUR, NOW])
    kafka.delete_records(unique, 0, 1)
    assert await read(kafka, unique, NOW - 2 * HOUR) == (["0:1", "0:2"], NOW - HOUR)


async def test_a_topic_that_is_missing_is_not_made(kafka: AnyKafka, unique: str) -> None:
    for _ in range(2):
        with pytest.raises(TopicMissingError, match=unique):
            await read(kafka, unique)


@pytest.mark.parametrize(
    ("committed", "hours_ago"),
    [
        ({}, 3),
        ({0: 0, 1: 0}, 3),
        ({0: 2}, 3),
        ({1: 1}, 2),
        ({0: 1, 1: 1}, 1),
        ({0: 2, 1: 1}, None),
    ],
)
async def test_the_oldest_unfinished_record_is_the_one_that_was_committed(
    kafka: AnyKafka, unique: str, committed: dict[int, int], hours_ago: int | None
) -> None:
    kafka.create_topic(unique, 3)
    await write(kafka, unique, [NOW - 2 * HOUR, NOW - HOUR])
    await write(kafka, unique, [NOW - 3 * HOUR], partition=1)
    oldest = None if hours_ago is None else NOW - hours_ago * HOUR
    if committed:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.bootstrap, group_id=unique, enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(unique, number) for number in committed])
            await consumer.commit({TopicPartition(unique, at): offset for at, offset in committed.items()})
        finally:
            await consumer.stop()
    options = {"bootstrap_servers": kafka.bootstrap}
    assert await oldest_unfinished_ms(options, unique, unique) == oldest
