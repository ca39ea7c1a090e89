"""What happens: LiveChat takes longer for a call than a tagger waits where its partitions are taken away.
What must hold: T C L N M Q; what ends afterwards settles nothing, and the next owner does it again.
Measured: by the group's offsets twice a second while members join, leave and are killed, and by all tags at the end.
"""

from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.stage.service import Service
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import PARTITIONS, World
from tests.integration.watch import held

CALL_S: Final = (
    60.0  # longer than others take the partitions and give them back; a tagger asks again after 20 s
)
TIMES: Final = 2


async def leaves(w: World, second: Service) -> None:
    """Returns when the first tagger has its partitions back."""
    await w.crowd.leave(second)

    async def has_all() -> bool:
        return await held(w.taggers[0]) == PARTITIONS

    await until(has_all)


@pytest.mark.long
async def test_no_end_counts_as_settled_that_is_not(world: MakeWorld) -> None:
    """Calls of the first tagger are under way, another one decides these chats, and when the first has its partitions
    back and new chats under way, the old calls end: they are none of the new ones."""
    async with world() as w:
        slow, faults = Fault(method="tag_thread", delay_s=CALL_S), w.stage.livechat.faults
        async with w.chats():
            await w.tagged(5)
            for _ in range(TIMES):
                await leaves(w, await w.crowd.join())  # so that the first one begins anew
                faults.append(slow)
                await w.ended(10)
                faults.remove(slow)
                await leaves(w, await w.crowd.join())
                faults.append(slow)
                await w.ended(20)
                faults.remove(slow)
                await until(lambda: not sum(w.stage.livechat.in_flight.values()))  # all that were slow
                w.proof.did("a tagger joined and left", 2)
            await w.tagged(5)
        await w.everything_holds()
