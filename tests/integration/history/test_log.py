"""A topic read without a group, stretch by stretch, over batches that nobody can read."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from tagger.kafka import log as log_module
from tagger.kafka.log import Chunk, follow, opened
from tagger.kafka.reader import TopicMissingError
from tests.deadline import DEADLINE_S
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import ended
from tests.integration.tagger.test_reader import write
from tests.kafka.kafka import AnyKafka

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000


async def read(kafka: AnyKafka, topic: str, **how: object) -> list[Chunk]:
    async with opened({"bootstrap_servers": kafka.bootstrap}, topic, **how) as log:  # type: ignore[arg-type]
        return [chunk for stretch in log.stretches async for chunk in log.read(stretch)]


def offsets(chunks: Sequence[Chunk]) -> list[tuple[int, int]]:
    return [(chunk.partition, record.offset) for chunk in chunks for record in chunk.records]


async def test_partitions_come_one_after_the_other_each_to_its_end(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 3)
    await write(kafka, unique, [NOW] * 2, partition=2)
    await write(kafka, unique, [NOW] * 5)
    chunks = await read(kafka, unique)
    assert offsets(chunks) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (2, 0), (2, 1)]
    assert (chunks[-1].to, sum(chunk.unreadable for chunk in chunks)) == (2, 0)


async def test_it_goes_on_where_it_was(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 2)
    await write(kafka, unique, [NOW] * 5)
    await write(kafka, unique, [NOW] * 2, partition=1)
    assert offsets(await read(kafka, unique, positions={0: 3, 1: 2})) == [(0, 3), (0, 4)]


async def test_a_position_behind_the_end_is_of_another_topic(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW] * 2)
    assert offsets(await read(kafka, unique, positions={0: 3})) == [(0, 0), (0, 1)]


async def test_what_was_deleted_is_not_waited_for(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW] * 3)
    kafka.delete_records(unique, 0, 2)
    assert offsets(await read(kafka, unique, positions={0: 1})) == [(0, 2)]


@pytest.mark.embedded_gap("no time index: everything is read")
async def test_older_records_are_not_read(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW - 2 * HOUR, NOW - HOUR, NOW])
    assert offsets(await read(kafka, unique, since_ms=NOW - HOUR)) == [(0, 1), (0, 2)]


@pytest.mark.parametrize("kind", ["crc", "decompression", "codec", "header"])
async def test_a_damaged_batch_costs_its_own_records_only(
    kafka_embedded: AnyKafka, unique: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "SILENT_S", 1.0)
    kafka_embedded.create_topic(unique, 2)
    good = damaged("good", [ended(f"T{n}") for n in range(3)], NOW)
    bad = damaged(kind, [ended(f"B{n}") for n in range(2)], NOW)
    await put(kafka_embedded, unique, 0, good, bad, bad, good)
    await put(kafka_embedded, unique, 1, bad)
    chunks = await read(kafka_embedded, unique)
    lost = sum(chunk.unreadable for chunk in chunks)
    whole = {(0, n) for n in (0, 1, 2, 7, 8, 9)}
    found = offsets(chunks)
    assert set(found) >= whole
    assert len(found) + lost == 12
    assert len(found) == len(set(found))
    assert lost == (3 if kind == "header" else 6)  # the first record of such a batch can be read


async def test_a_topic_that_is_missing_is_not_made(kafka: AnyKafka, unique: str) -> None:
    for _ in range(2):
        with pytest.raises(TopicMissingError, match=unique):
            await read(kafka, unique)


async def test_what_comes_is_followed_in_every_partition(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 2)
    await write(kafka, unique, [NOW] * 2)
    seen: list[tuple[int, int]] = []
    began = asyncio.Event()

    async def watch(positions: dict[int, int] | None) -> None:
        async for chunk in follow({"bootstrap_servers": kafka.bootstrap}, unique, positions):
            seen.extend(offsets([chunk]))
            began.set()

    task = asyncio.create_task(watch({0: 1}))
    async with asyncio.timeout(DEADLINE_S):
        await began.wait()
        await write(kafka, unique, [NOW], partition=1)
        while len(seen) < 2:
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == [(0, 1), (1, 0)]
