"""What happens to groups, logs and brokers in real life, on a real Kafka. Jobs are settled by the test itself.

Each asks the same: nothing hangs, every end is settled that the log or LiveChat can still give, and no
committed offset is above unfinished work.
"""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from structlog.testing import capture_logs

from tagger.core.limits import Limits
from tagger.kafka.assigned import Assigned
from tagger.kafka.consumer import Consumer
from tests.deadline import until
from tests.integration.tagger.scene import Scene, ended, said, started
from tests.kafka.broker import Broker
from tests.kafka.kafka import Kafka


def whole_thread(number: int) -> list[dict[str, Any]]:
    return [started(f"T{number}", "hello"), said(f"T{number}", 2, "refund"), ended(f"T{number}")]


def has_settled(scene: Scene, threads: int) -> bool:
    return len(set(scene.settled)) >= threads


async def all_committed(scene: Scene) -> bool:
    """Whether the group's offsets stand at the log's ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.kafka.bootstrap)
    await admin.start()
    try:
        tps = [TopicPartition(scene.topic, number) for number in range(scene.partitions)]
        committed = await admin.list_consumer_group_offsets(f"group-{scene.topic}", partitions=tps)
        ends = await scene.ends()
        return all(tp in committed and committed[tp].offset == ends[tp] for tp in tps)
    finally:
        await admin.close()


def lag_of(describe: str, topic: str) -> list[str]:
    """The LAG column of `kafka-consumer-groups --describe`."""
    rows = [line.split() for line in describe.splitlines() if topic in line.split()]
    return [row[5] for row in rows]


async def describe(kafka: Kafka, group: str) -> str:
    return await asyncio.to_thread(kafka.run, "kafka-consumer-groups", "--describe", "--group", group)


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 1)
    return Scene(kafka_real, unique)


@pytest.fixture
def wide(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 6)
    return Scene(kafka_real, unique, partitions=6)


async def test_members_that_come_and_go_settle_every_end_and_repeat_little(wide: Scene) -> None:
    threads = 120
    async with AsyncExitStack() as stay:
        await stay.enter_async_context(wide.running())
        for first in range(0, threads, 20):
            async with wide.running():  # a second member, for a while
                await wide.write(*[w for n in range(first, first + 20) for w in whole_thread(n)])
                await until(partial(has_settled, wide, first + 10))
        await until(lambda: len(set(wide.settled)) == threads)
        await until(lambda: all_committed(wide))
    assert all(job.incomplete is None for job in wide.jobs)  # state came over every rebalance


async def test_state_goes_on_over_a_rebalance_without_a_replay(wide: Scene) -> None:
    async with wide.running() as first:
        await until(lambda: len(first.assigned) == 6 and all(a.ready for a in first.assigned.values()))
        await wide.write(*[webhook for number in range(60) for webhook in whole_thread(number)[:2]])
        await until(lambda: sum(a.state.stats().position for a in first.assigned.values()) == 120)
        async with wide.running() as second:
            await until(lambda: len(second.assigned) == 3 and len(first.assigned) == 3)
            await until(lambda: any(counts(a, "resumed") for a in first.assigned.values()))
            stayed = [a for a in first.assigned.values() if counts(a, "resumed")]
            assert not any(counts(a, "replayed") for a in stayed)


def counts(assigned: Assigned, name: str) -> int:
    return assigned.state.stats().counters.get((name, ""), 0)


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
            await until(lambda: all_committed(scene))
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
        await until(lambda: all_committed(scene))


@pytest.mark.parametrize("where", ["--to-earliest", "--to-latest"])
async def test_offsets_that_were_reset_by_hand_hang_nothing(
    scene: Scene, kafka_real: Kafka, where: str
) -> None:
    await scene.write(*whole_thread(1), *whole_thread(2))
    async with scene.running():
        await until(lambda: scene.settled == ["T1", "T2"])
    await scene.write(started("T3", "hello"), said("T3", 2, "refund"))
    reset = ("--group", f"group-{scene.topic}", "--topic", scene.topic, "--reset-offsets", where, "--execute")
    await asyncio.to_thread(kafka_real.run, "kafka-consumer-groups", *reset)
    await scene.write(ended("T3"))
    async with scene.running():
        await until(lambda: "T3" in scene.settled)
        await until(lambda: all_committed(scene))
    again = scene.settled.count("T1")
    assert again == (2 if where == "--to-earliest" else 1)
    assert len(scene.jobs[-1].conversation.said) == 2  # what is below the new offset was read again


async def test_a_topic_that_was_recreated_is_read_from_its_start(scene: Scene, kafka_real: Kafka) -> None:
    await scene.write(*whole_thread(1), *whole_thread(2))
    async with scene.running():
        await until(lambda: len(scene.settled) == 2)
    kafka_real.delete_topic(scene.topic)
    kafka_real.create_topic(scene.topic, 1)
    await scene.write(*whole_thread(3))
    async with scene.running():
        await until(lambda: "T3" in scene.settled)
        await until(lambda: all_committed(scene))


async def test_a_broker_that_restarts_stops_nothing(kafka_own: Broker, unique: str) -> None:
    kafka = Kafka(kafka_own.bootstrap)
    kafka.create_topic(unique, 1)
    scene = Scene(kafka, unique)
    await scene.write(*whole_thread(1), started("T2", "hello"))
    async with scene.running() as consumer:
        await until(lambda: scene.settled == ["T1"] and position_of(consumer) == 4)
        await asyncio.to_thread(kafka_own.kill)
        await asyncio.to_thread(kafka_own.start_again)
        await scene.write(ended("T2"))
        await until(lambda: scene.settled == ["T1", "T2"])
        await until(lambda: all_committed(scene))


async def test_an_outage_of_livechat_costs_lag_and_no_memory(scene: Scene) -> None:
    threads, limit = 3_000, 100
    scene.hold_all = True
    async with scene.running(Limits(unsettled_max=limit)) as consumer:
        await until(lambda: bool(consumer.assigned) and consumer.assigned[0].ready)
        await scene.write(*[webhook for number in range(threads) for webhook in whole_thread(number)])
        await until(lambda: consumer.assigned[0].state.paused)
        await asyncio.sleep(2)  # it must stay so, whatever the broker has
        stats = consumer.assigned[0].state.stats()
        assert stats.paused
        assert stats.unsettled < limit + 1_000  # one poll's worth above the limit
        assert stats.position < 3 * threads
        assert consumer.assigned[0].committed == 2  # the oldest end: lag tells the truth
        scene.hold_all = False
        await until(lambda: len(set(scene.settled)) == threads)
        await until(lambda: all_committed(scene))
    assert len(scene.settled) == threads


async def test_apaches_own_tool_shows_lag_zero_only_when_every_end_is_settled(
    scene: Scene, kafka_real: Kafka
) -> None:
    group = f"group-{scene.topic}"

    async def shows(lag: str) -> bool:
        return lag_of(await describe(kafka_real, group), scene.topic) == [lag]

    scene.hold.add("T2")
    async with scene.running():
        await until(lambda: shows("0"))  # never "-", though nothing was ever written
        await scene.write(*whole_thread(1), *whole_thread(2), *whole_thread(3))
        await until(lambda: set(scene.settled) == {"T1", "T3"})
        await until(lambda: shows("4"))  # back to the end of thread 2: offset 5 of 9
        scene.hold.clear()
        await until(lambda: shows("0"))


def position_of(consumer: Consumer) -> int:
    return consumer.assigned[0].state.stats().position if consumer.assigned else -1
