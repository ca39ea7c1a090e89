"""The consumer on a broker: what it reads, commits and gives back. Jobs are settled by the test itself."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tagger.core.limits import Limits
from tagger.core.partition.offsets import decode
from tagger.core.partition.protocol import Job
from tagger.kafka import consumer as consumers
from tagger.kafka.assigned import Assigned
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.deadline import until
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import Scene, ended, said, started, whole_thread
from tests.kafka.kafka import AnyKafka


@pytest.fixture
def scene(kafka: AnyKafka, unique: str) -> Scene:
    kafka.create_topic(unique, 1)
    return Scene(kafka, unique)


async def test_the_first_position_is_committed_before_anything_is_written(scene: Scene) -> None:
    async def is_committed() -> bool:
        return (await scene.committed())[0] == 0

    async with scene.running():
        await until(is_committed)


async def test_the_committed_offset_stays_at_an_end_until_it_is_settled(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"), started("T2", "hi"))
    scene.hold.add("T1")

    async def commits(offset: int) -> bool:
        return (await scene.committed())[0] == offset

    async with scene.running():
        await until(lambda: commits(1))
        await asyncio.sleep(1.5)  # a commit interval and more: it must not move
        assert await commits(1)
        scene.hold.clear()
        await until(lambda: commits(3))


async def test_an_open_thread_is_rebuilt_by_the_next_consumer(scene: Scene) -> None:
    await scene.write(started("T1", "my parcel"), said("T1", 2, "is late"))
    async with scene.running() as consumer:
        await until(lambda: consumer.assigned[0].state.stats().position == 2 if consumer.assigned else False)
    offset, metadata = await scene.committed()
    assert offset == 2
    hint = decode(metadata)
    assert getattr(hint, "replay_from", None) == 0
    await scene.write(ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.jobs) == 1)
    job = scene.jobs[0]
    assert job.incomplete is None
    assert [field for said in job.conversation.said for field in said.fields] == ["my parcel", "is late"]


async def test_a_clean_stop_and_start_repeats_no_job(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.jobs) == 1)
    async with scene.running() as consumer:
        await scene.write(started("T2", "hello"), ended("T2"))
        await until(lambda: len(scene.jobs) == 2)
        assert consumer.assigned[0].ready
    assert [job.thread.thread_id for job in scene.jobs] == ["T1", "T2"]


async def test_a_job_that_was_not_settled_is_done_by_the_next_consumer(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"))
    scene.hold.add("T1")
    async with scene.running():
        await until(lambda: len(scene.jobs) == 1)
    scene.hold.clear()
    async with scene.running():
        await until(lambda: len(scene.jobs) == 2)
    assert (await scene.committed())[0] == 2


async def test_an_offset_without_metadata_makes_the_next_consumer_look_back(scene: Scene) -> None:
    await scene.write(started("T1", "my parcel"), said("T1", 2, "is late"))
    async with scene.running() as consumer:
        await until(lambda: consumer.assigned[0].state.stats().position == 2 if consumer.assigned else False)
    other = AIOKafkaConsumer(
        scene.topic,
        bootstrap_servers=scene.kafka.bootstrap,
        group_id=f"group-{scene.topic}",
        enable_auto_commit=False,
        session_timeout_ms=6_000,
    )
    await other.start()
    await other.commit({TopicPartition(scene.topic, 0): 2})
    await other.stop()
    assert (await scene.committed())[1] == ""
    await scene.write(ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.jobs) == 1)
    assert len(scene.jobs[0].conversation.said) == 2


@pytest.mark.parametrize("error", [asyncio.CancelledError, RuntimeError])
async def test_a_job_that_ends_by_what_is_no_answer_is_begun_again(
    scene: Scene, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka leaks CancelledErrors; nothing else would begin that job again, and it holds the offset."""
    monkeypatch.setattr(consumers, "RETRY_S", 0.01)
    failing = iter([error])

    async def settle(assigned: Assigned, job: Job) -> None:
        for raised in failing:
            raise raised
        await settled(assigned, job)

    settled, scene.settle = scene.settle, settle  # type: ignore[method-assign]
    await scene.write(started("T1", "hello"), ended("T1"))
    async with scene.running():
        await until(lambda: scene.settled == ["T1"])
        await until(lambda: scene.committed_is(0, 2))


async def test_a_partition_without_a_leader_holds_up_no_commit_and_no_other_end(unique: str) -> None:
    with EmbeddedBroker({unique: 2}) as kafka:
        scene = Scene(kafka, unique, partitions=2)
        async with scene.running() as consumer:
            await until(
                lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values())
            )
            kafka.lead(unique, 1, False)
            await put(
                kafka, unique, 0, damaged("good", [started("T1", "hello"), ended("T1")], 1_790_000_000_000)
            )
            await until(lambda: consumer.assigned[0].log_end == 2)
            before = commits(scene)
            await until(lambda: commits(scene) >= before + 5)
            kafka.lead(unique, 1, True)
            await put(
                kafka, unique, 1, damaged("good", [started("T2", "hello"), ended("T2")], 1_790_000_000_000)
            )
            await until(lambda: set(scene.settled) == {"T1", "T2"})


def commits(scene: Scene) -> float:
    return float(scene.metrics.commits.labels(result="ok")._value.get())


async def test_a_value_of_junk_is_a_parked_job_and_holds_back_nothing(scene: Scene) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=scene.kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(scene.topic, b"\x00not json", key=b"org:CHATT1")
    await producer.stop()
    await scene.write(started("T1", "hello"), ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.jobs) == 2)
    assert [job.kind for job in scene.jobs] == ["unreadable", "end"]


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
        await until(scene.all_committed)
    assert len(scene.settled) == threads
