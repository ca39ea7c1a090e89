"""What happens: brokers are killed (kill -9) while chats go on, one after the other and always the one that leads.
What must hold: T C L N M Q; whoever reads goes on where another broker leads, without a restart.
Measured: by the topics and the group's offsets twice a second, and by the tags of the simulated LiveChat.
"""

import asyncio
from typing import Final

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.integration.tagger.scene import Scene, ended, position_of, started, whole_thread
from tests.kafka.broker import Broker
from tests.kafka.kafka import Kafka

KILLS: Final = 3
GO_ON: Final = 10  # tags: so everybody has found the next leader


@pytest.mark.long
async def test_the_leader_is_killed_three_times(world: MakeWorld) -> None:
    async with world(brokers=3, taggers=2) as w:
        async with w.chats():
            for _ in range(KILLS):
                leader = await w.leader(w.names.webhooks)
                await w.killed(leader)
                await w.led_without(leader)
                await w.tagged(GO_ON)
                await w.back(leader)
                await w.tagged(GO_ON)
        await w.everything_holds()


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
        await until(scene.all_committed)
