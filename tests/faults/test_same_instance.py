"""What happens: two taggers are given the same KAFKA_GROUP_INSTANCE_ID.
What must hold: T C L N M Q once one of them is gone; meanwhile both say what is wrong, and they take longer turns.
Measured: by their health, the group's offsets and the tags.
"""

import time

import aiohttp
import pytest

from tagger.kafka import group as groups
from tagger.simulator.stage.service import Service
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.integration.tagger.scene import Scene, ended, started
from tests.kafka.kafka import Kafka

TOLD = "another process has the same KAFKA_GROUP_INSTANCE_ID"


async def tells(service: Service) -> bool:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{service.admin_url}/health/ready") as answer,
    ):
        return TOLD in await answer.text()


@pytest.mark.long
async def test_two_taggers_with_the_same_instance_id(world: MakeWorld) -> None:
    async with world(settings={"KAFKA_GROUP_INSTANCE_ID": "one"}) as w:
        async with w.chats():
            await w.tagged(5)
            second = await w.crowd.join()
            w.proof.did("a second tagger took the name of the first")

            async def is_told() -> bool:
                return any([await tells(service) for service in w.taggers])

            await until(is_told)
            await w.crowd.leave(second)
            await w.tagged(5)
        await w.everything_holds()


async def test_two_processes_of_one_name_are_told_of_it_and_take_longer_turns(
    kafka_real: Kafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka_real.create_topic(unique, 2)
    scene = Scene(kafka_real, unique, partitions=2)
    monkeypatch.setattr(groups, "JOIN_AFTER_S_MAX", 4.0)
    async with scene.running(instance_id="one") as first, scene.running(instance_id="one") as second:

        def told() -> bool:
            now = time.monotonic()
            complaints = [member.membership.complaint(now) for member in (first, second)]
            return any(TOLD in said for said in complaints if said)

        await until(told)
        await scene.write(started("T1", "hello"), ended("T1"))
        await until(lambda: "T1" in scene.settled)
