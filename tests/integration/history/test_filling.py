"""The kept ledger follows the topic, goes on where it was, and notices when the topic is not the one that it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ingest.runtime.clock import now_ms
from ingest.runtime.supervision import Tasks
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.ledger import Ledger
from tagger.history.wanted import Wanted
from tests.deadline import until
from tests.kafka.kafka import AnyKafka
from tests.unit.history.test_ledger import decided


class Kept:
    """A ledger in a folder, being filled."""

    def __init__(self, folder: Path, kafka: AnyKafka, topic: str) -> None:
        self.ledger = KeptLedger(folder, topic)
        self.filling = Filling(self.ledger, lambda: {"bootstrap_servers": kafka.bootstrap}, topic)

    async def threads(self) -> list[str]:
        page = await self.ledger.ask(lambda view: view.page(Wanted(), 1_000))
        return sorted(each.thread.thread_id for each in page)

    async def has(self, *threads: str) -> None:
        async def there() -> bool:
            return await self.threads() == sorted(threads)

        await until(there)


@asynccontextmanager
async def kept(folder: Path, kafka: AnyKafka, topic: str) -> AsyncIterator[Kept]:
    made, tasks = Kept(folder, kafka, topic), Tasks(lambda _: None)
    tasks.start("filling", made.filling.run)
    try:
        yield made
    finally:
        await tasks.stop()
        await made.ledger.close()


async def put(
    kafka: AnyKafka, topic: str, *values: bytes, partition: int = 0, at_ms: int | None = None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=partition, timestamp_ms=at_ms)
    finally:
        await producer.stop()


async def test_it_takes_what_is_there_and_what_comes_and_goes_on_where_it_was(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka.create_topic(unique, 2)
    await put(kafka, unique, decided("A"), decided("B"))
    async with kept(tmp_path, kafka, unique) as one:
        await one.has("A", "B")
        changed = one.filling.changed()
        await put(kafka, unique, decided("C"), partition=1)
        await changed
        await one.has("A", "B", "C")
        assert one.filling.progress is None
    await put(kafka, unique, decided("D"))
    async with kept(tmp_path, kafka, unique) as again:
        await again.has("A", "B", "C", "D")
        assert (again.filling.recreated_ms, again.filling.lost) == (None, 0)


async def test_a_topic_that_was_recreated_is_noticed_and_read_from_its_start(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """Two topics stand for one that was deleted and made again: only the ledger knows the name."""
    old, new = f"{unique}-old", f"{unique}-new"
    for topic in (old, new):
        kafka_embedded.create_topic(topic, 1)
    await put(kafka_embedded, old, decided("A"), decided("B"))
    await put(kafka_embedded, new, decided("C"), decided("D"), decided("E"), at_ms=now_ms() - 60_000)
    async with kept(tmp_path, kafka_embedded, old) as one:
        await one.has("A", "B")
        await one.ledger.write(lambda ledger: ledger._db.execute("UPDATE positions SET topic = ?", (new,)))
    async with kept(tmp_path, kafka_embedded, new) as other:
        await other.has("A", "B", "C", "D", "E")
        assert other.filling.recreated_ms is not None


async def test_a_shorter_topic_is_noticed_too(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> None:
    kafka_embedded.create_topic(unique, 1)
    await put(kafka_embedded, unique, decided("C"))
    async with kept(tmp_path, kafka_embedded, unique) as one:
        await one.has("C")
        await one.ledger.write(lambda ledger: ledger.take(unique, 0, [decided("A")], 900, now_ms()))
    async with kept(tmp_path, kafka_embedded, unique) as again:
        await until(lambda: again.filling.recreated_ms is not None)
        await again.has("A", "C")


async def test_records_deleted_before_they_were_read_are_counted(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    kafka.create_topic(unique, 1)
    await put(kafka, unique, decided("A"))
    async with kept(tmp_path, kafka, unique) as one:
        await one.has("A")
    await put(kafka, unique, decided("B"), decided("C"), decided("D"))
    kafka.delete_records(unique, 0, 3)
    async with kept(tmp_path, kafka, unique) as again:
        await again.has("A", "D")
        assert again.filling.lost == 2


async def test_what_is_older_than_the_topic_keeps_is_deleted_in_steps(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagger.history.filling.DELETED_AT_ONCE", 2)
    kafka_embedded.create_topic(unique, 1)
    made, tasks = Kept(tmp_path, kafka_embedded, unique), Tasks(lambda _: None)
    old, new = 1_000, now_ms()

    def take(ledger: Ledger) -> None:
        values = [decided(f"O{number}", at=old) for number in range(5)]
        ledger.take(unique, 0, [*values, decided("N", at=new)], 6)

    await made.ledger.write(take)
    tasks.start("cleaning", made.filling.clean)
    await made.has("N")
    await tasks.stop()
    await made.ledger.close()


async def test_while_kafka_is_away_it_says_so(tmp_path: Path) -> None:
    away: Any = type("Away", (), {"bootstrap": "127.0.0.1:9"})()
    async with kept(tmp_path, away, "livechat.decisions") as one:
        await until(lambda: one.filling.trouble is not None)
        assert one.filling.seen_ms is None
        assert await one.threads() == []
