"""What happens: a topic is deleted and recreated: that of the decisions while chats end, and that of the webhooks.
What must hold: T C L N M Q; without its topic nothing counts as decided, and both services say what is missing.
Measured: by the topics, the group's offsets and the tags, and by the tagger's metrics while the topic is gone.
"""

import asyncio

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.integration.tagger.scene import Scene, whole_thread
from tests.integration.watch import figures
from tests.kafka.kafka import Kafka


@pytest.mark.long
async def test_the_topic_of_decisions_is_deleted_and_recreated(world: MakeWorld) -> None:
    async with world() as w:
        async with w.chats():
            await w.ended(20)
        await w.everything_holds()  # so that every decision was read before it is gone
        await asyncio.to_thread(w.kafka.delete_topic, w.names.decisions)
        w.proof.did("the topic of decisions was deleted")
        async with w.chats():

            async def is_told() -> bool:
                shown = await figures(w.stage.tagger, topic=w.names.decisions)
                return shown["tagger_topic_unfit"] > 0 and w.watch.lag > 0

            await until(is_told)
            await w.ended(20)
            await asyncio.to_thread(w.kafka.create_topic, w.names.decisions, 3)
            await w.tagged(10)
        await w.everything_holds()


async def test_a_topic_that_was_recreated_is_read_from_its_start(kafka_real: Kafka, unique: str) -> None:
    kafka_real.create_topic(unique, 1)
    scene = Scene(kafka_real, unique)
    await scene.write(*whole_thread(1), *whole_thread(2))
    async with scene.running():
        await until(lambda: len(scene.settled) == 2)
    kafka_real.delete_topic(unique)
    kafka_real.create_topic(unique, 1)
    await scene.write(*whole_thread(3))
    async with scene.running():
        await until(lambda: "T3" in scene.settled)
        await until(scene.all_committed)
