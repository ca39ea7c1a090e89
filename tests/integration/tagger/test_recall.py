"""What people removed before we knew a thread, read from Kafka when it is asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from ingest.runtime.clock import now_ms
from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source
from tagger.kafka import log
from tagger.kafka import recall as module
from tagger.kafka.reader import NO_KAFKA
from tagger.kafka.recall import KEPT_MAX, Lag, Recall
from tests.kafka.kafka import AnyKafka
from tests.webhooks import tag_change

PARTITIONS = 3
HOUR_MS = 3_600_000
NOW_MS = now_ms() - 60_000  # Kafka refuses times that are ahead of its own


def thread(number: int) -> ThreadKey:
    return ThreadKey("org", f"C{number}", f"T{number}")


class Topics:
    """Two topics, and a way to write to them."""

    def __init__(self, bootstrap: str, unique: str, producer: AIOKafkaProducer) -> None:
        self.decisions, self.webhooks = f"{unique}.decisions", f"{unique}.webhooks"
        self.options, self._producer, self._count = {"bootstrap_servers": bootstrap}, producer, 0

    async def corrected(self, number: int, tag: str, at_ms: int, change: Any = "removed") -> None:
        self._count += 1
        source = Source(self.webhooks, 0, self._count)
        record = correction_record(thread(number), tag, change, source, at_ms)
        await self._send(self.decisions, number, record, at_ms)

    async def untagged(self, number: int, tag: str) -> None:
        value = tag_change("thread_untagged", f"C{number}", f"T{number}", tag, "org")
        await self._send(self.webhooks, number, value, NOW_MS)

    async def _send(self, topic: str, number: int, value: object, at_ms: int) -> None:
        key = record_key("org", f"C{number}")
        await self._producer.send_and_wait(topic, orjson.dumps(value), key=key, timestamp_ms=at_ms)

    def recall(self, lag: Lag | None = None, kept_max: int = KEPT_MAX) -> Recall:
        return Recall(lambda: self.options, self.decisions, lag=lag, kept_max=kept_max)


@asynccontextmanager
async def topics_of(kafka: AnyKafka, unique: str) -> AsyncIterator[Topics]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        topics = Topics(kafka.bootstrap, unique, producer)
        for topic in (topics.decisions, topics.webhooks):
            kafka.create_topic(topic, PARTITIONS)
        yield topics
    finally:
        await producer.stop()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics that were opened, in their order."""
    names, original = list[str](), log.opened

    def noted(options: Any, topic: str, **more: Any) -> Any:
        names.append(topic)
        return original(options, topic, **more)

    monkeypatch.setattr(module, "opened", noted)
    return names


async def test_removals_are_found_by_thread_also_those_that_come_later(kafka: AnyKafka, unique: str) -> None:
    async with topics_of(kafka, unique) as topics:
        recall = topics.recall()
        assert await recall.of(thread(1), NOW_MS - HOUR_MS) == ()
        await topics.corrected(1, "Refund", NOW_MS)
        await topics.corrected(2, "Upset", NOW_MS)
        await topics.corrected(1, "Added", NOW_MS, "added")
        for _ in range(2):
            assert await recall.of(thread(1), NOW_MS - HOUR_MS) == ("Refund",)
        await topics.corrected(1, "Upset", NOW_MS)
        assert await recall.of(thread(1), NOW_MS - HOUR_MS) == ("Refund", "Upset")
        assert await recall.of(thread(3), NOW_MS - HOUR_MS) == ()


async def test_an_older_thread_is_looked_for_further_back(kafka_embedded: AnyKafka, unique: str) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        await topics.corrected(1, "Refund", NOW_MS - 10 * HOUR_MS)
        await topics.corrected(2, "Upset", NOW_MS)
        recall = topics.recall()
        assert await recall.of(thread(2), NOW_MS - HOUR_MS) == ("Upset",)
        assert await recall.of(thread(1), 0) == ("Refund",)
        assert await recall.of(thread(2), NOW_MS - HOUR_MS) == ("Upset",)


async def test_those_who_ask_at_once_are_served_together(
    kafka_embedded: AnyKafka, unique: str, opened: list[str]
) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        for number in range(50):
            await topics.corrected(number, f"tag {number}", NOW_MS)
        recall = topics.recall()
        found = await asyncio.gather(*(recall.of(thread(number), 0) for number in range(50)))
        assert found == [(f"tag {number}",) for number in range(50)]
        assert len(opened) <= 2


async def test_more_than_is_kept_is_read_again_and_found(kafka_embedded: AnyKafka, unique: str) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        for number in range(30):
            await topics.corrected(number, f"tag {number}", NOW_MS)
        recall = topics.recall(kept_max=10)
        for number in (0, 29, 0):
            assert await recall.of(thread(number), NOW_MS - HOUR_MS) == (f"tag {number}",)
        assert recall._fed == 0


async def test_what_a_group_has_not_finished_is_read_from_the_webhooks(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        await topics.untagged(1, "Refund")
        recall = topics.recall(Lag(topics.webhooks, f"{unique}-group"))
        assert await recall.of(thread(1), NOW_MS) == ("Refund",)
        await topics.untagged(1, "Upset")
        await topics.untagged(2, "Other")
        assert await recall.of(thread(1), NOW_MS) == ("Refund", "Upset")
        assert await topics.recall().of(thread(1), NOW_MS) == ()


async def test_who_was_not_answered_asks_again(kafka_embedded: AnyKafka, unique: str) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        await topics.corrected(1, "Refund", NOW_MS)
        recall, options = topics.recall(), topics.options
        topics.options = {"bootstrap_servers": "127.0.0.1:1"}
        with pytest.raises(NO_KAFKA):
            await recall.of(thread(1), 0)
        topics.options = options
        assert await recall.of(thread(1), 0) == ("Refund",)


async def test_nobody_is_remembered_who_no_longer_asks(kafka_embedded: AnyKafka, unique: str) -> None:
    async with topics_of(kafka_embedded, unique) as topics:
        recall, options = topics.recall(), topics.options
        topics.options = {"bootstrap_servers": "127.0.0.1:1"}
        with pytest.raises(NO_KAFKA):
            await recall.of(thread(1), 0)
        topics.options = options
        leaving = [asyncio.create_task(recall.of(thread(number), 0)) for number in range(3)]
        await asyncio.sleep(0)  # one looks, two wait for it
        for one in leaving:
            one.cancel()
        await asyncio.wait(leaving)
        assert not recall._asked
        await recall.of(thread(1), 0)
        assert not recall._asked
