"""What happens: LiveChat answers one call in five with 429 whatever the rate; and for a while every one.
What must hold: chats are tagged all the same, while one in five is refused; nothing is parked; T C L N M Q.
Measured: by the simulated LiveChat's tags while the storm lasts, and the topic of parked items after it.
"""

from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.strangers import PAUSE_S, missing, play_some, tagged_visits
from tests.faults.world import World

PER_S: Final = 20.0


@pytest.mark.parametrize(
    "chats", [pytest.param(60, id="60 chats"), pytest.param(600, id="600 chats", marks=pytest.mark.long)]
)
async def test_calls_refused_at_random_leave_nothing_behind(world: MakeWorld, chats: int) -> None:
    async with world(partitions=1, versions=("3.6",), pause_s=PAUSE_S) as w:
        (organization,) = w.stage.organizations
        w.stage.livechat.faults.append(Fault("too_many_requests", share=0.2))
        played = await play_some(w.stage, tagged_visits(3, chats), organization, PER_S)
        await until(lambda: not missing(played))  # while one call in five is refused still
        w.proof.did("a call was answered 429", refused(w))
        await w.everything_holds()


@pytest.mark.long
async def test_a_wall_of_refusals_is_waited_for(world: MakeWorld) -> None:
    async with world() as w:
        async with w.chats():
            wall = Fault("too_many_requests", retry_after_s=1.0)
            w.stage.livechat.faults.append(wall)
            await w.ended(60)
            w.stage.livechat.faults.remove(wall)
            await w.tagged(30)
        w.proof.did("a call was answered 429", refused(w))
        await w.everything_holds()
        assert not [told for all_told in w.truth.told.values() for told in all_told if told.parked]


def refused(w: World) -> int:
    return sum(call.outcome == "too_many_requests" for call in w.stage.livechat.calls)
