"""What happens: open chats may take a small part of the memory that they need, and the tagger is killed in between.
What must hold: T C L N M Q; the oldest chats are evicted, and LiveChat is asked for them when they end.
Measured: by the tagger's count of evictions, the simulated LiveChat's tags, and what the kernel says of memory.
"""

from typing import Final

import pytest

from tests.faults.conftest import MakeWorld
from tests.integration.watch import figures

BYTES_MAX: Final = 1 << 20  # the least that may be set, for all partitions
PAUSE_S: Final = 4.0  # between two events of a chat: hundreds are open at a time


@pytest.mark.long
async def test_what_is_evicted_is_fetched_and_tagged(world: MakeWorld) -> None:
    async with world(settings={"TAGGER_OPEN_BYTES_MAX": str(BYTES_MAX)}, pause_s=PAUSE_S) as w:
        async with w.chats(per_s=20):
            evicted = 0.0
            while evicted < 20:
                await w.ended(10)
                evicted = (await figures(w.taggers[0]))["tagger_evicted_total"]
            await w.taggers[0].kill()
            await w.taggers[0].start()
            w.stage.player.pause_s = 0.0  # those that are open come to their end soon
            await w.tagged(20)
        await w.everything_holds()
        w.proof.count("chats evicted", evicted)
        assert any(call.method == "get_chat" for call in w.stage.livechat.calls)
