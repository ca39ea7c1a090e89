"""What happens: LiveChat sends three webhooks in ten again, although they were answered 200, at any time later.
What must hold: T C L N M Q; each thread is decided once, and no tag is set twice.
Measured: by the decisions on their topic, and the simulated LiveChat's list of calls.
"""

from collections import Counter
from typing import Final

from tests.faults.conftest import MakeWorld
from tests.faults.entrance import STORED

SHARE: Final = 0.3


async def test_what_comes_twice_is_done_once(world: MakeWorld) -> None:
    async with world() as w:
        w.stage.livechat.sender.sending.duplicate_share = SHARE
        async with w.chats():
            await w.tagged(40)
        await w.everything_holds()
        again = sum(one.status == STORED for sent in w.entrance.sent.values() for one in sent)
        again -= len(w.entrance.stored())
        w.proof.did("a webhook was sent again", again)
        assert set(w.truth.decided.values()) == {1}
        calls = Counter((call.thread_id, call.tag) for call in w.stage.livechat.calls if call.tag)
        assert set(calls.values()) == {1}
