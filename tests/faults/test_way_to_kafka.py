"""What happens: the network between both services and Kafka is late, slow, cut, reset, refused, half-open, or loses answers.
What must hold: T C L N M Q; what was written and not acknowledged may be on the topic twice, and changes no tag.
Measured: the broker is reached by a proxy; what was answered 200 and each tag are compared with the topic beside it.
"""

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.far import far_away
from tests.faults.ways import QUICK, WAYS, Way


@pytest.mark.parametrize(
    "happens",
    [pytest.param(way, id=way.__name__, marks=() if way in QUICK else pytest.mark.long) for way in WAYS],
)
@pytest.mark.usefixtures("kafka_real")  # so that it is counted where there is none
async def test_the_way_changes_and_nothing_is_lost(world: MakeWorld, happens: Way) -> None:
    async with far_away() as (far, broker), world(kafka=broker, settings=far.settings) as w:
        far.leads_to(w)
        async with w.chats():
            await happens(w, far.kafka)
            await w.tagged(10)
        await w.everything_holds()
        assert not far.kafka.refused
