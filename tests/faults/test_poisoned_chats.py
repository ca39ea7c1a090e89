"""What happens: LiveChat answers everything about eight chats with 500, for ever, while others go on ending.
What must hold: the others get their tags, nothing is parked before there is evidence; once it is over: T C L N M Q.
Measured: by the simulated LiveChat's tags, in one partition of one organization, where all wait in one line.
"""

from typing import Final

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.strangers import PAUSE_S, missing, play_some, tagged_visits, tried
from tests.integration.watch import figures

PER_S: Final = 20.0
BAD: Final = 8
GOOD: Final = 80


async def test_chats_that_always_fail_hold_up_no_other(world: MakeWorld) -> None:
    async with world(partitions=1, versions=("3.6",), pause_s=PAUSE_S) as w:
        (organization,) = w.stage.organizations
        bad = await play_some(w.stage, tagged_visits(1, BAD), organization, PER_S, poisoned=True)
        await until(lambda: tried(w.stage, bad))
        good = await play_some(w.stage, tagged_visits(2, GOOD), organization, PER_S)
        await until(lambda: not missing(good))
        assert len(missing(bad)) == BAD  # and they fail still
        assert (await figures(w.taggers[0]))["tagger_parked_total"] == 0
        w.proof.did("a chat was poisoned", BAD)
        w.stage.livechat.faults.clear()
        await w.everything_holds()
