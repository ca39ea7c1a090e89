"""What happens: LiveChat takes longer for a call than a tagger waits where its partitions are taken away.
What must hold: T C L N M Q; what ends afterwards settles nothing, and the next owner does it again.
Measured: by the group's offsets twice a second while members join, leave and are killed, and by all tags at the end.
"""

import asyncio
from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.stage.service import Service
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import PARTITIONS, World
from tests.integration.watch import held

TIMES: Final = 2


async def leaves(w: World, second: Service) -> None:
    """Returns when the first tagger has its partitions back."""
    await w.crowd.leave(second)

    async def has_all() -> bool:
        return await held(w.taggers[0]) == PARTITIONS

    await until(has_all)


async def slow(w: World, ends: int) -> asyncio.Event:
    """Calls of so many ends, none of which is answered before what is returned is set. Later calls are quick.

    A tagger waits for 20 s, and then asks again.
    """
    goes_on = asyncio.Event()
    fault = Fault(method="tag_thread", until=goes_on)
    w.stage.livechat.faults.append(fault)
    await w.ended(ends)
    w.stage.livechat.faults.remove(fault)
    return goes_on


@pytest.mark.long
async def test_no_end_counts_as_settled_that_is_not(world: MakeWorld) -> None:
    """Calls of the first tagger are under way, another one decides these chats, and when the first has its partitions
    back and new chats under way, the old calls end: they are none of the new ones."""
    async with world() as w:
        async with w.chats():
            await w.tagged(5)
            for _ in range(TIMES):
                await leaves(w, await w.crowd.join())  # so that the first one begins anew
                old = await slow(w, 10)
                await leaves(w, await w.crowd.join())
                new = await slow(w, 20)
                old.set()
                await w.tagged(20)  # offsets are committed meanwhile
                new.set()
                await until(lambda: not sum(w.stage.livechat.in_flight.values()))
                w.proof.did("a tagger joined and left", 2)
            await w.tagged(5)
        await w.everything_holds()
