"""What happens: a broker comes back on another port, first the one that leads, then the one that coordinates the group.
What must hold: T C L N M Q, though the addresses that the services were given are no longer right.
Measured: by the topics, the group's offsets and the tags, while no service is restarted.
"""

import asyncio

import pytest

from tests.faults.conftest import MakeWorld


@pytest.mark.long
async def test_two_brokers_come_back_elsewhere(world: MakeWorld) -> None:
    async with world(brokers=3) as w:
        async with w.chats():
            for topic in (w.names.webhooks, "__consumer_offsets"):
                broker = await w.leader(topic)
                await asyncio.to_thread(broker.shut_down)
                broker.move()
                w.proof.did("a broker came back on another port")
                await w.led_without(broker)
                await w.back(broker)
                await asyncio.to_thread(w.kafka.elect_preferred, w.names.webhooks)
                await w.tagged(15)
        await w.everything_holds()
