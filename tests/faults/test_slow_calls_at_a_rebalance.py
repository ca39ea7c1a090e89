"""What happens: LiveChat takes longer for a call than a tagger waits where its partitions are taken away.
What must hold: T C L N M Q; what ends afterwards settles nothing, and the next owner does it again.
Measured: by the group's offsets twice a second while members join, leave and are killed, and by all tags at the end.
"""

from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tests.faults.conftest import MakeWorld

CALL_S: Final = 12.0  # a tagger waits 5 s for calls under way; LiveChat itself gives up after 15
TIMES: Final = 2


@pytest.mark.long
async def test_no_end_counts_as_settled_that_is_not(world: MakeWorld) -> None:
    async with world() as w:
        slow = Fault(method="tag_thread", delay_s=CALL_S)
        async with w.chats():
            await w.tagged(5)
            w.stage.livechat.faults.append(slow)
            for _ in range(TIMES):
                await w.ended(20)
                second = await w.crowd.join()
                await w.ended(20)
                await w.crowd.leave(second)
                w.proof.did("a tagger joined and left")
            w.stage.livechat.faults.remove(slow)
            await w.tagged(5)
        await w.everything_holds()
