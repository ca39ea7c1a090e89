"""What happens: `ingest` is killed (kill -9) at any moment while webhooks come; with a spool also while Kafka is away.
What must hold: T C L N M Q; what was answered 200 is on the topic, whoever answered and whenever they died.
Measured: by comparing all that was answered 200 with all that is on the topic.
"""

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.entrance import STORED
from tests.faults.kills import Kills
from tests.kafka.broker import Broker

AGAIN_S = (2.0, 5.0, 10.0, 30.0)  # a LiveChat that sends again a little earlier than ours, and once more


@pytest.mark.parametrize(
    ("times", "seed"),
    [
        pytest.param(3, 0, id="3"),
        *(pytest.param(50, n, id=f"50-{n}", marks=pytest.mark.long) for n in (1, 2)),
    ],
)
async def test_what_was_answered_200_outlives_it(world: MakeWorld, times: int, seed: int) -> None:
    async with world() as w:
        w.stage.livechat.sender.sending.retry_after_s = AGAIN_S
        async with w.chats(per_s=12):
            await Kills(w, w.ingests[0], seed).happen(times)
        await w.everything_holds()


@pytest.mark.long
@pytest.mark.parametrize("times", [20])
async def test_what_is_in_the_spool_outlives_it(world: MakeWorld, kafka_own: Broker, times: int) -> None:
    async with world(kafka=kafka_own, spool=True) as w:
        w.stage.livechat.sender.sending.retry_after_s = AGAIN_S
        async with w.chats():
            await w.killed(kafka_own)
            kills = Kills(w, w.ingests[0], times)
            await kills.happen(times)
            await w.ended(20)
            await w.back(kafka_own)
            await w.tagged(20)
        await w.everything_holds()
        # LiveChat gives up what finds nobody there too often, which a busy machine decides.
        assert w.entrance.answers() <= {STORED}
