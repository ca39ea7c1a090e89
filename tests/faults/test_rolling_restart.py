"""What happens: brokers are restarted in order, one after the other, and then each partition gets its first leader back.
What must hold: T C L N M Q, and LiveChat is not refused a webhook for good.
Measured: by the topics, the group's offsets and the tags, and by what LiveChat gave up.
"""

import asyncio

import pytest

from tests.faults.conftest import MakeWorld


@pytest.mark.long
async def test_brokers_are_restarted_one_after_the_other_and_leaders_elected(world: MakeWorld) -> None:
    async with world(brokers=3, taggers=2) as w:
        async with w.chats():
            for broker in w.cluster.brokers:
                await asyncio.to_thread(broker.shut_down)
                w.proof.did("a broker was restarted")
                await w.led_without(broker)
                await w.tagged(5)
                await w.back(broker)
            for topic in (*w.names.topics, "__consumer_offsets"):
                await asyncio.to_thread(w.kafka.elect_preferred, topic)
            w.proof.did("leaders were elected")
            await w.tagged(20)
        await w.everything_holds()
        assert w.entrance.refused() == set()
