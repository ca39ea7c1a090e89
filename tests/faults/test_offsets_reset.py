"""What happens: the group's offsets are moved by hand: to the start, the end, a time; or the group is deleted.
What must hold: T C L N M Q, but for ends that were stepped over; what was moved is told. Of a running group nothing is moved.
Measured: by the group's offsets, the tags, and how many calls are repeated.
"""

import asyncio
import time
from typing import Any, Final

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import OffsetSpec

from tagger.kafka.consumer import Consumer
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import World
from tests.integration.tagger.scene import Scene, ended, said, started, whole_thread
from tests.kafka.kafka import Kafka

MOVES: Final = ("to_the_start", "to_the_end", "to_a_time", "deleted")


async def move(w: World, how: str, at_ms: int) -> None:
    """KafkaException where the group has members."""
    if how == "deleted":
        await asyncio.to_thread(w.kafka.delete_group, w.names.group)
        return
    to = {
        "to_the_start": OffsetSpec.earliest(),  # type: ignore[no-untyped-call]
        "to_the_end": OffsetSpec.latest(),  # type: ignore[no-untyped-call]
        "to_a_time": OffsetSpec.for_timestamp(at_ms),
    }
    await asyncio.to_thread(w.kafka.move_offsets, w.names.group, w.names.webhooks, to[how])


@pytest.mark.long
@pytest.mark.parametrize("how", MOVES)
async def test_offsets_are_moved_while_no_tagger_runs(world: MakeWorld, how: str) -> None:
    async with world() as w:
        async with w.chats():
            await w.tagged(10)
            at_ms = time.time_ns() // 1_000_000
            await w.tagged(10)
            await w.stop(w.stage.tagger)
            await w.ended(20)
            async with w.unwatched():
                await move(w, how, at_ms)
                if how == "to_the_end":
                    w.give_up(await w.truth.undecided())
            w.proof.did(f"offsets were moved: {how.replace('_', ' ')}")
            await w.start(w.stage.tagger)
            await w.tagged(10)
        await w.everything_holds()


@pytest.mark.long
async def test_of_a_group_that_runs_nothing_is_moved(world: MakeWorld) -> None:
    async with world() as w:
        async with w.chats():
            for how in MOVES:
                with pytest.raises(KafkaException):
                    await move(w, how, 0)
                w.proof.did(f"refused by Kafka: {how.replace('_', ' ')}")
            await w.tagged(10)
        await w.everything_holds()


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 1)
    return Scene(kafka_real, unique)


@pytest.fixture
def two(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 2)
    return Scene(kafka_real, unique, partitions=2)


def noted(consumer: Consumer) -> list[str]:
    """What health says of the offsets that were found."""
    return consumer.preparing.found.notes(time.monotonic())


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
        await until(scene.all_committed)
    again = scene.settled.count("T1")
    assert again == (2 if where == "--to-earliest" else 1)
    assert len(scene.jobs[-1].conversation.said) == 2  # what is below the new offset was read again


@pytest.mark.parametrize("how", ["moved", "deleted"])
async def test_offsets_that_another_program_changed_are_told_at_the_start(
    two: Scene, kafka_real: Kafka, how: str
) -> None:
    await two.write(*[w for n in range(9) for w in (started(f"T{n}", "hello"), ended(f"T{n}"))])
    async with two.running() as consumer:
        await until(lambda: len(set(two.settled)) == 9)
    name = f"group-{two.topic}"
    arguments: dict[str, tuple[Any, ...]] = {
        "moved": ("--group", name, "--topic", two.topic, "--reset-offsets", "--to-latest", "--execute"),
        "deleted": ("--group", name, "--delete"),
    }
    await asyncio.to_thread(kafka_real.run, "kafka-consumer-groups", *arguments[how])
    said = {"moved": "was not set by `tagger`", "deleted": "had no offset"}[how]
    async with two.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values()))
        notes = noted(consumer)
        assert len(notes) == 2
        assert all(said in note for note in notes)

        async def are_ours() -> bool:
            return all([(await two.committed(number))[1] for number in range(2)])

        await until(are_ours)
    async with two.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values()))
        assert not noted(consumer)
