"""What happens: the tagger is killed (kill -9) at any moment, also while it starts and rebuilds what it knew.
What must hold: T C L N M Q; LiveChat is told again only what was not committed when the process was killed.
Measured: by the group's offsets at each kill, and the simulated LiveChat's list of calls.
"""

from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tests.faults.conftest import MakeWorld
from tests.faults.kills import Kills

# Without a name, its group waits for the dead one's session to end, 6 s; with one, it takes its place at once.
NAMES: Final = ("", "one", "two", "three")
CALL_S: Final = 0.05  # that LiveChat takes for a call, so that some are under way


@pytest.mark.parametrize(
    ("times", "name"),
    [
        pytest.param(3, "", id="3"),
        *(pytest.param(50, name, id=f"50 {name}".strip(), marks=pytest.mark.long) for name in NAMES),
    ],
)
async def test_no_tag_is_missing_and_none_is_set_twice_without_need(
    world: MakeWorld, times: int, name: str
) -> None:
    settings = {"KAFKA_GROUP_INSTANCE_ID": name} if name else {}
    async with world(settings=settings) as w:
        w.stage.livechat.faults.append(Fault(method="tag_thread", delay_s=CALL_S))
        kills = Kills(w, w.taggers[0], seed=f"{times} {name}")
        async with w.chats():
            await kills.happen(times)
        await w.everything_holds()
        w.has_no(kills.needless())
        w.proof.most("calls repeated after a kill", kills.most_repeated())
        # What was said below the committed offset was read again: LiveChat need not be asked for it.
        assert not any(call.method == "get_chat" for call in w.stage.livechat.calls)
