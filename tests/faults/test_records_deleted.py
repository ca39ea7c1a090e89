"""What happens: records of webhooks are deleted, by DeleteRecords and by retention, below the committed offset and above it.
What must hold: T C L N M Q for every thread whose end is left; what was lost is counted, and nothing hangs.
Measured: by the topics and the tags of the threads whose end was read or is left, and by the tagger's metrics.
"""

import asyncio
from typing import Final

import pytest
from structlog.testing import capture_logs

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import LOOK_EVERY_S, World
from tests.integration.tagger.scene import Scene, ended, position_of, said, started, whole_thread
from tests.integration.watch import figures
from tests.kafka.broker import Broker
from tests.kafka.kafka import Kafka

SOME: Final = 30  # records: two or three chats of a partition


async def has_ended_unread(w: World) -> bool:
    return len(await w.truth.undecided()) >= 20


@pytest.mark.long
async def test_records_are_deleted_below_the_committed_offset(world: MakeWorld) -> None:
    """Open chats lose their beginnings."""
    async with world() as w:
        async with w.chats():
            for _ in range(3):
                await w.tagged(10)
                await w.stop(w.stage.tagger)
                await w.watch.look()  # at what is about to be deleted
                for partition, offset in (await w.truth.committed()).items():
                    await asyncio.to_thread(w.kafka.delete_records, w.names.webhooks, partition, offset)
                w.proof.did("everything below the committed offsets was deleted")
                await w.start(w.stage.tagger)
        await w.everything_holds()


@pytest.mark.long
async def test_records_are_deleted_above_the_committed_offset(world: MakeWorld) -> None:
    """Some chats lose their end: nobody tags them."""
    async with world() as w:
        async with w.chats():
            await w.tagged(10)
            await w.stop(w.stage.tagger)
            await until(lambda: has_ended_unread(w), LOOK_EVERY_S)
            ends = await asyncio.to_thread(w.kafka.ends, w.names.webhooks)
            below = {n: min(offset + SOME, ends[n]) for n, offset in (await w.truth.committed()).items()}
            w.give_up(await w.truth.undecided(below))
            for partition, offset in below.items():
                await asyncio.to_thread(w.kafka.delete_records, w.names.webhooks, partition, offset)
            w.proof.did(f"{SOME} records above each committed offset were deleted")
            await w.start(w.stage.tagger)
            assert (await figures(w.stage.tagger))["tagger_lost_range_total"] > 0
            await w.tagged(10)
        await w.everything_holds()


@pytest.mark.long
async def test_retention_overtakes_the_tagger(world: MakeWorld) -> None:
    broker = Broker()
    broker.configure("log.retention.check.interval.ms=1000")
    await asyncio.to_thread(broker.start_again)
    with broker:
        async with world(kafka=broker) as w:
            async with w.chats():
                await w.tagged(10)
                await w.stop(w.stage.tagger)
                await until(lambda: has_ended_unread(w), LOOK_EVERY_S)
            w.give_up(await w.truth.undecided())
            for setting, value in {"segment.ms": "1000", "retention.ms": "1000"}.items():
                await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, setting, value)

            async def all_is_deleted() -> bool:
                starts, ends = [
                    await asyncio.to_thread(ask, w.names.webhooks) for ask in (w.kafka.starts, w.kafka.ends)
                ]
                return bool(starts == ends)

            await until(all_is_deleted, LOOK_EVERY_S)
            await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, "retention.ms", "604800000")
            w.proof.did("retention deleted what nobody had read")
            await w.start(w.stage.tagger)
            async with w.chats():
                await w.tagged(10)
            assert (await figures(w.stage.tagger))["tagger_lost_range_total"] > 0
            await w.everything_holds()


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 1)
    return Scene(kafka_real, unique)


async def test_deleted_records_below_the_committed_offset_make_threads_incomplete(
    scene: Scene, kafka_real: Kafka
) -> None:
    await scene.write(started("T1", "my parcel"), said("T1", 2, "is late"))
    async with scene.running() as consumer:
        await until(lambda: position_of(consumer) == 2)
    kafka_real.delete_records(scene.topic, 0, 1)
    await scene.write(ended("T1"))
    async with scene.running():
        await until(lambda: scene.settled == ["T1"])
    assert scene.jobs[0].incomplete is not None


async def test_deleted_records_above_the_committed_offset_lose_no_later_end(
    scene: Scene, kafka_real: Kafka
) -> None:
    await scene.write(*whole_thread(1))
    async with scene.running():
        await until(lambda: scene.settled == ["T1"])
    await scene.write(*whole_thread(2), *whole_thread(3))
    kafka_real.delete_records(scene.topic, 0, 7)  # all of thread 2, and the beginning of thread 3
    with capture_logs() as lines:
        async with scene.running() as consumer:
            await until(lambda: "T3" in scene.settled)
            assert consumer.assigned[0].state.stats().counters["lost_range", ""] == 1
            await until(scene.all_committed)
    told = [line for line in lines if line["event"] == "records_lost"]
    assert [(line["partition"], line["reason"], line["offset"]) for line in told] == [(0, "lost_range", 7)]
    assert next(job for job in scene.jobs if job.thread.thread_id == "T3").incomplete is not None


async def test_deleted_records_under_a_running_consumer_stop_nothing(scene: Scene, kafka_real: Kafka) -> None:
    async with scene.running() as consumer:
        await until(lambda: bool(consumer.assigned) and consumer.assigned[0].ready)
        await scene.write(*whole_thread(1))
        await until(lambda: scene.settled == ["T1"])
        kafka_real.delete_records(scene.topic, 0, 3)
        await scene.write(*whole_thread(2))
        await until(lambda: scene.settled == ["T1", "T2"])
        await until(scene.all_committed)
