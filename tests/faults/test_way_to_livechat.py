"""What happens: the network between the tagger and LiveChat is late, slow, cut, reset, refused, half-open, or loses answers.
What must hold: T C L N M Q; nothing is parked: an outage costs lag, and no chat.
Measured: LiveChat is reached by a proxy; the topic of parked items is read to its end.
"""

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.far import far_away
from tests.faults.ways import WAYS, Way


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
        assert not [told for all_told in w.truth.told.values() for told in all_told if told.parked]
