"""What happens: brokers are killed (kill -9) while chats go on, one after the other and always the one that leads.
What must hold: T C L N M Q; and whoever reads goes on where another broker leads, without a restart.
Measured: by the brokers' topics and the group's offsets twice a second, and by the simulated LiveChat's tags.
"""

from typing import Final

import pytest

from tests.faults.conftest import MakeWorld

KILLS: Final = 3


@pytest.mark.long
async def test_the_leader_is_killed_three_times(world: MakeWorld) -> None:
    async with world(brokers=3, taggers=2) as w:
        async with w.chats():
            for _ in range(KILLS):
                leader = await w.leader(w.names.webhooks)
                await w.killed(leader)
                await w.led_without(leader)
                await w.tagged(15)
                await w.back(leader)
                await w.tagged(15)
        await w.everything_holds()
