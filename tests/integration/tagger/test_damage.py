"""What becomes of a batch that nobody can read, and of all that is around it."""

import asyncio
import time
from typing import Any

import pytest

from ingest.runtime.partitioner import partition_of
from ingest.topic import record_key
from tagger.kafka import polling
from tagger.kafka.batches import Batch, reading
from tagger.kafka.consumer import Consumer
from tests.deadline import until
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import Scene, ended, said, started
from tests.kafka.kafka import AnyKafka

KINDS = ["crc", "decompression", "codec", "header"]
TIME_MS = 1_790_000_000_000


def good(number: int) -> bytes:
    return damaged("good", [started(f"T{number}", "refund"), ended(f"T{number}")], TIME_MS)


def bad(kind: str, *webhooks: dict[str, Any]) -> bytes:
    return damaged(kind, list(webhooks) or [started("BAD", "refund"), ended("BAD")], TIME_MS)


@pytest.fixture
def scene(kafka_embedded: AnyKafka, unique: str) -> Scene:
    kafka_embedded.create_topic(unique, 2)
    return Scene(kafka_embedded, unique, partitions=2)


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "RECOVER_S_MIN", 0.05)
    monkeypatch.setattr(polling, "RECOVER_S_MAX", 0.2)


async def ready(consumer: Consumer) -> None:
    await until(lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values()))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_that_cannot_be_read_holds_up_its_own_partition_only(scene: Scene, kind: str) -> None:
    async with scene.running() as consumer:
        await ready(consumer)
        await put(scene.kafka, scene.topic, 1, good(0), bad(kind), good(1))
        for number in range(10, 30):
            await put(scene.kafka, scene.topic, 0, good(number))
        await until(lambda: consumer.assigned[1].unreadable is not None)
        for number in range(30, 40):
            await put(scene.kafka, scene.topic, 0, good(number))
        await until(lambda: {f"T{number}" for number in [0, *range(10, 40)]} <= set(scene.settled))
        stopped_at = consumer.assigned[1].unreadable
        assert stopped_at is not None
        offset = 3 if kind == "header" else 2  # the first record of that one can be read
        assert stopped_at.offset == offset
        await until(lambda: scene.committed_is(1, offset))
        await until(lambda: scene.committed_is(0, 60))
    assert "T1" not in scene.settled
    # Nothing was passed over; what is where its key would not have put it may be called moved.
    assert {job.incomplete for job in scene.jobs} <= {None, "moved"}


async def test_a_process_that_starts_before_a_batch_that_cannot_be_read_stands_still_and_ends_in_order(
    scene: Scene,
) -> None:
    await put(scene.kafka, scene.topic, 1, bad("decompression"), good(1))
    await put(scene.kafka, scene.topic, 0, good(2))
    for _ in range(2):
        async with scene.running() as consumer:
            await until(lambda: 1 in consumer.assigned and consumer.assigned[1].unreadable is not None)
            await until(lambda: "T2" in scene.settled)


async def test_what_can_be_read_again_is_read_without_anybody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene.running() as consumer:
        await ready(consumer)
        await put(scene.kafka, scene.topic, 1, good(0))
        await until(lambda: "T0" in scene.settled)
        consumer.polling._stand_still(
            consumer.assigned[1], "CorruptRecordException"
        )  # as the network may have it
        await put(scene.kafka, scene.topic, 1, good(1))
        await until(lambda: "T1" in scene.settled)
        assert consumer.assigned[1].unreadable is None


async def test_what_is_deleted_meanwhile_holds_up_nothing_more(scene: Scene) -> None:
    async with scene.running() as consumer:
        await ready(consumer)
        await put(scene.kafka, scene.topic, 1, bad("crc"), good(1))
        await until(lambda: consumer.assigned[1].unreadable is not None)
        scene.kafka.delete_records(scene.topic, 1, 2)
        await until(lambda: "T1" in scene.settled)


async def test_a_replay_steps_over_what_went_bad_since_and_trusts_no_thread_that_it_cuts(
    scene: Scene,
) -> None:
    """An open thread spans the damaged batch; all in that was settled before the restart."""
    now_ms = time.time_ns() // 1_000_000
    spans = next(f"O{n}" for n in range(99) if partition_of(record_key("org", f"CHATO{n}"), 2) == 1)
    open_before = damaged("good", [started(spans, "hello")], now_ms)
    gone_bad = damaged("crc", [said(spans, 2, "refund"), ended("GONE")], now_ms + 10)
    after = damaged("good", [started("T1", "refund"), ended("T1")], now_ms + 20)
    await put(scene.kafka, scene.topic, 1, open_before, gone_bad, after)
    await scene.commit(1, offset=5, replay_from=0, record_ms=now_ms)
    async with scene.running() as consumer:
        await until(lambda: 1 in consumer.assigned and consumer.assigned[1].state.stats().position == 5)
        await put(scene.kafka, scene.topic, 1, damaged("good", [ended(spans)], now_ms + 30))
        await until(lambda: spans in scene.settled)
        assert consumer.assigned[1].unreadable is None
    assert "T1" not in scene.settled  # it was settled before
    assert scene.jobs[-1].thread.thread_id == spans
    assert scene.jobs[-1].incomplete not in (None, "moved")


@pytest.mark.parametrize("kind", ["good", *KINDS])
async def test_a_batch_is_told_by_its_offsets_and_by_whether_it_can_be_read(scene: Scene, kind: str) -> None:
    await put(scene.kafka, scene.topic, 0, good(0), bad(kind))
    async with reading({"bootstrap_servers": scene.kafka.bootstrap}, scene.topic) as batch_at:
        seen = [await batch_at(scene.tp(0), offset) for offset in (2, 3, 4)]
    for batch in seen[:2]:
        assert isinstance(batch, Batch)
        assert (batch.first, batch.last, batch.first_ms) == (2, 3, TIME_MS)
        assert (batch.error_type is None) == (kind == "good")
    assert seen[0] is not None
    assert seen[0].readable_to == {"good": 4, "header": 3}.get(kind, 2)
    assert seen[2] is None


async def test_killing_the_poll_between_a_fetch_and_its_fold_loses_nothing(scene: Scene) -> None:
    async with scene.running() as consumer:
        await ready(consumer)
        real, raised = consumer.polling._fold, asyncio.Event()

        def fails_once(batches: Any) -> None:
            if batches and not raised.is_set():
                raised.set()
                raise RuntimeError
            real(batches)

        consumer.polling._fold = fails_once  # type: ignore[method-assign]
        await put(scene.kafka, scene.topic, 0, good(0))
        await raised.wait()
        await until(lambda: "T0" in scene.settled)
