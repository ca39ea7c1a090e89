"""What happens: between the tagger and LiveChat all is late, slow, cut, reset, refused, half-open, unanswered, or nameless.
What must hold: T C L N M Q; nothing is parked: an outage costs lag, and no chat.
Measured: LiveChat is reached by a proxy; the topic of parked items is read to its end.
"""

from pathlib import Path

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.far import far_away
from tests.faults.planted import planted
from tests.faults.ways import CHATS, WAYS, Way
from tests.faults.world import World
from tests.integration.watch import figures


def parked(w: World) -> list[str]:
    return [thread for thread, all_told in w.truth.told.items() for told in all_told if told.parked]


@pytest.mark.long
@pytest.mark.parametrize("happens", WAYS, ids=lambda way: way.__name__)
@pytest.mark.usefixtures("kafka_real")  # so that it is counted where there is none
async def test_the_way_changes_and_nothing_is_parked(world: MakeWorld, happens: Way) -> None:
    async with far_away() as (far, broker), world(kafka=broker, settings=far.settings) as w:
        far.leads_to(w)
        async with w.chats():
            await happens(w, far.livechat)
            await w.tagged(10)
        await w.everything_holds()
        assert not parked(w)


@pytest.mark.long
@pytest.mark.usefixtures("kafka_real")
async def test_no_name_is_known_for_a_while_and_nothing_is_parked(world: MakeWorld, tmp_path: Path) -> None:
    gone = tmp_path / "names-are-gone"
    async with far_away() as (far, broker):
        by_name = {"LIVECHAT_API_URL": f"http://localhost:{far.livechat.port}/v3.6"}
        async with world(kafka=broker, settings=far.settings | by_name | planted(names_gone=gone)) as w:
            far.leads_to(w)

            async def is_noticed() -> bool:
                shown = await figures(w.taggers[0], error_type="dns")
                return shown["tagger_livechat_failing_organizations"] > 0

            async with w.chats():
                await w.tagged(3)
                gone.touch()
                await far.livechat.reset()  # or what is connected would stay so
                await w.ended(CHATS)
                await until(is_noticed)
                gone.unlink()
                await w.tagged(10)
            w.proof.did("no name was known while 15 chats ended")
            await w.everything_holds()
            assert not parked(w)
