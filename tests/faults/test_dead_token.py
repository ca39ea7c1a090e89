"""What happens: the token of one organization is dead, and more of its chats have ended than are worked on at a time.
What must hold: another organization's chats are tagged meanwhile; with a new token in the file: T C L N M Q.
Measured: by the simulated LiveChat's tags, in one partition, where all wait in one line.
"""

from typing import Final

from tests.deadline import DEADLINE_S, until
from tests.faults.conftest import MakeWorld
from tests.faults.strangers import PAUSE_S, missing, play_some, tagged_visits
from tests.integration.watch import figures

PER_S: Final = 20.0
STANDING_MIN: Final = 1_000  # more than may be worked on at a time


async def test_an_organization_whose_token_is_dead_holds_up_no_other(world: MakeWorld) -> None:
    async with world(partitions=1, versions=("3.6", "3.6")) as w:
        alive, dead = w.stage.organizations
        w.stage.livechat.access.revoke(dead.id)
        w.stage.player.pause_s = 0.0
        standing = await play_some(w.stage, tagged_visits(4, STANDING_MIN + 100), dead, 500.0)
        await w.stage.livechat.sent(DEADLINE_S)

        async def they_wait() -> bool:
            return (await figures(w.taggers[0]))["tagger_unsettled_threads"] >= len(standing)

        await until(they_wait)
        w.stage.player.pause_s = PAUSE_S
        played = await play_some(w.stage, tagged_visits(5, 40), alive, PER_S)
        await until(lambda: not missing(played))
        assert len(missing(standing)) == len(standing)
        w.proof.did("a chat ended whose token is dead", len(standing))
        w.stage._write_credentials()  # new ones, which is all that a person does about it
        await w.everything_holds()
