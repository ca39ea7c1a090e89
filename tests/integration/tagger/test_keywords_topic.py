"""The last keyword set in force outlives the process: stored when it comes into force, taken where files are bad."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.records.keyword_set import unpack
from tagger.kafka import keywords_topic
from tagger.kafka.keywords_topic import a_set_in_force, keep_stored, stored_sets
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics
from tests.kafka.kafka import AnyKafka

METRICS: Final = Metrics()

DEADLINE_S = 60.0
RULES = "version: 1\nrules:\n  - id: {0}\n    tag: T\n    any: [{0}]\n"
BAD = RULES.format("one").replace("any:", "anny:")
NOWHERE = {"bootstrap_servers": "127.0.0.1:1"}


def keywords_of(folder: Path, text: str) -> Keywords:
    (folder / "rules.yaml").write_text(text)
    return Keywords(folder, DEFAULT_PLACEHOLDER)


def options_of(kafka: AnyKafka) -> Callable[[], Mapping[str, Any]]:
    return lambda: {"bootstrap_servers": kafka.bootstrap}


async def records(kafka: AnyKafka, topic: str) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        tp = TopicPartition(topic, 0)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        return [await consumer.getone() for _ in range(end)]
    finally:
        await consumer.stop()


async def put(kafka: AnyKafka, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, key=b"x", partition=0)
    await producer.stop()


def is_stored() -> bool:
    return METRICS.registry.get_sample_value("tagger_keywords_stored") == 1


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not what():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def storing(
    keywords: Keywords, options: Callable[[], Mapping[str, Any]], topic: str
) -> AsyncIterator[None]:
    METRICS.keywords_stored.set(0)
    task = asyncio.create_task(keep_stored(keywords, options, topic, METRICS))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def stored(kafka: AnyKafka, keywords: Keywords, topic: str) -> None:
    async with storing(keywords, options_of(kafka), topic):
        await until(is_stored)


async def test_a_set_in_force_is_stored_once_under_its_hash(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka.create_topic(unique, 1)
    began_ms = time.time_ns() // 1_000_000
    for word in ("one", "one", "two", "one", "one"):
        keywords = keywords_of(tmp_path, RULES.format(word))
        await stored(kafka, keywords, unique)
    first, second, third = await records(kafka, unique)
    assert first.key == third.key == keywords.decider.hash.encode() != second.key
    assert unpack(first.value) == {"rules.yaml": RULES.format("one").encode()}
    ((name, at_ms),) = first.headers
    assert name == "in_force_at_ms"
    assert began_ms <= int(at_ms) <= time.time_ns() // 1_000_000


async def test_a_changed_set_is_stored_as_well(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> None:
    kafka_embedded.create_topic(unique, 1)
    keywords = keywords_of(tmp_path, RULES.format("one"))
    watch = asyncio.create_task(keywords.watch(lambda *_: None))
    async with storing(keywords, options_of(kafka_embedded), unique):
        await until(is_stored)
        METRICS.keywords_stored.set(0)  # else the gauge speaks of the first set until the second is noticed
        (tmp_path / "rules.yaml").write_text(RULES.format("two"))
        await until(is_stored)
        assert keywords.decider.rules[0].id == "two"
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert len(await records(kafka_embedded, unique)) == 2


async def test_while_kafka_is_away_it_is_tried_again(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords_topic, "RETRY_S_MIN", 0.01)
    kafka_embedded.create_topic(unique, 1)
    tries = 0

    def away_at_first() -> Mapping[str, Any]:
        nonlocal tries
        tries += 1
        return NOWHERE if tries <= 2 else options_of(kafka_embedded)()

    keywords = keywords_of(tmp_path, RULES.format("one"))
    async with storing(keywords, away_at_first, unique):
        await until(is_stored)
    assert len(await records(kafka_embedded, unique)) == 1


async def test_a_set_that_is_too_large_is_not_stored(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka_embedded.create_topic(unique, 1)
    noise = "".join(f"# {Random(n).randbytes(600).hex()}\n" for n in range(2_000))
    keywords = keywords_of(tmp_path, RULES.format("one") + noise)
    assert keywords.origin == "files"
    async with storing(keywords, options_of(kafka_embedded), unique):
        await asyncio.sleep(1.0)  # nothing is to happen
    assert not is_stored()
    assert await records(kafka_embedded, unique) == []


async def test_where_the_files_are_bad_the_newest_stored_set_is_in_force(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka.create_topic(unique, 1)
    for word in ("one", "two", "three"):
        await stored(kafka, keywords_of(tmp_path, RULES.format(word)), unique)
    await put(kafka, unique, b"damaged")
    keywords = keywords_of(tmp_path, BAD)
    async with asyncio.timeout(DEADLINE_S):
        await a_set_in_force(keywords, options_of(kafka), unique)
    assert (keywords.origin, keywords.decider.rules[0].id) == ("topic", "three")
    assert "rules.yaml:5" in keywords.problems[0]
    assert [list(files) for files in await stored_sets(options_of(kafka)(), unique)] == [["rules.yaml"]] * 3


@asynccontextmanager
async def waiting_for_files(
    folder: Path, options: Callable[[], Mapping[str, Any]], topic: str
) -> AsyncIterator[asyncio.Task[None]]:
    """Files are bad and no set is had from Kafka; at the end of the block they are right, and that ends the wait."""
    keywords = keywords_of(folder, BAD)
    waiting = asyncio.create_task(a_set_in_force(keywords, options, topic))
    watch = asyncio.create_task(keywords.watch(lambda *_: None))
    yield waiting
    (folder / "rules.yaml").write_text(RULES.format("one"))
    async with asyncio.timeout(DEADLINE_S):
        await waiting
    assert keywords.origin == "files"
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_where_none_is_stored_it_waits_for_files_that_are_right(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka_embedded.create_topic(unique, 1)
    async with waiting_for_files(tmp_path, options_of(kafka_embedded), unique) as waiting:
        await asyncio.sleep(0.5)
        assert not waiting.done()


async def test_files_that_are_right_end_the_wait_for_kafka(tmp_path: Path) -> None:
    async with waiting_for_files(tmp_path, lambda: NOWHERE, "t"):
        pass
