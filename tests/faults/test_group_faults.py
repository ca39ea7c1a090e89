"""What a group goes through on a real Kafka: partitions are added, offsets moved, a name is given twice."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tagger.kafka import group as groups
from tagger.kafka.consumer import Consumer
from tests.deadline import until
from tests.integration.tagger.scene import Scene, ended, started
from tests.kafka.kafka import Kafka


def noted(consumer: Consumer) -> list[str]:
    """What health says of the offsets that were found."""
    return consumer.preparing.found.notes(time.monotonic())


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 2)
    return Scene(kafka_real, unique, partitions=2)


async def test_partitions_that_are_added_are_named_and_then_taken_on(scene: Scene) -> None:
    async with scene.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2)
        assert await consumer._unheld.look() == set()
        admin = AIOKafkaAdminClient(bootstrap_servers=scene.kafka.bootstrap)
        await admin.start()
        await admin.create_partitions({scene.topic: NewPartitions(6)})
        await admin.close()

        async def unheld(wanted: set[int]) -> bool:
            return await consumer._unheld.look() == wanted

        await until(lambda: unheld({2, 3, 4, 5}))
        await until(lambda: len(consumer.assigned) == 6)  # long before aiokafka's own five minutes
        await until(lambda: unheld(set()))
        await scene.write(*[w for n in range(20) for w in (started(f"T{n}", "hello"), ended(f"T{n}"))])
        await until(lambda: len(set(scene.settled)) == 20)
        assert any(number > 1 and a.state.stats().position for number, a in consumer.assigned.items())
        # The records went where the consumer expects them.
        for job in scene.jobs:
            homes = [n for n in range(6) if consumer.is_home(n, job.thread.organization, job.thread.chat_id)]
            assert len(homes) == 1
            assert consumer.assigned[homes[0]].state.stats().position > job.offset


async def test_two_processes_of_one_name_are_told_of_it_and_take_longer_turns(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "JOIN_AFTER_S_MAX", 4.0)
    async with scene.running(instance_id="one") as first, scene.running(instance_id="one") as second:

        def told() -> bool:
            now = time.monotonic()
            complaints = [member.membership.complaint(now) for member in (first, second)]
            return any(
                "another process has the same KAFKA_GROUP_INSTANCE_ID" in said for said in complaints if said
            )

        await until(told)
        await scene.write(started("T1", "hello"), ended("T1"))
        await until(lambda: "T1" in scene.settled)


@pytest.mark.parametrize("how", ["moved", "deleted"])
async def test_offsets_that_another_program_changed_are_told_at_the_start(
    scene: Scene, kafka_real: Kafka, how: str
) -> None:
    await scene.write(*[w for n in range(9) for w in (started(f"T{n}", "hello"), ended(f"T{n}"))])
    async with scene.running() as consumer:
        await until(lambda: len(set(scene.settled)) == 9)
    name = f"group-{scene.topic}"
    arguments: dict[str, tuple[Any, ...]] = {
        "moved": ("--group", name, "--topic", scene.topic, "--reset-offsets", "--to-latest", "--execute"),
        "deleted": ("--group", name, "--delete"),
    }
    await asyncio.to_thread(kafka_real.run, "kafka-consumer-groups", *arguments[how])
    said = {"moved": "was not set by `tagger`", "deleted": "had no offset"}[how]
    async with scene.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values()))
        notes = noted(consumer)
        assert len(notes) == 2
        assert all(said in note for note in notes)

        async def are_ours() -> bool:
            return all([(await scene.committed(number))[1] for number in range(2)])

        await until(are_ours)
    async with scene.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2 and all(a.ready for a in consumer.assigned.values()))
        assert not noted(consumer)
