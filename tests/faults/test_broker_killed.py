"""What happens: the only broker is killed (kill -9) and comes back, while chats go on.
What must hold: T C L N M Q; nothing is answered 200 that is not stored, and both services go on without a restart.
Measured: by comparing what was answered 200 with the topic, and by the simulated LiveChat's tags.
"""

import asyncio
import random

import pytest

from tests.faults.conftest import MakeWorld
from tests.kafka.broker import Broker

BETWEEN_S_MAX = 3.0


@pytest.mark.long  # what piles up behind a broker that starts for minutes takes a busy machine minutes more
@pytest.mark.parametrize(
    ("times", "spool"),
    [
        pytest.param(2, False, id="2"),
        pytest.param(10, False, id="10"),
        pytest.param(10, True, id="10 with a spool"),
    ],
)
async def test_it_comes_back_and_all_goes_on(
    world: MakeWorld, kafka_own: Broker, times: int, spool: bool
) -> None:
    chance = random.Random(times)
    async with world(kafka=kafka_own, spool=spool) as w:
        async with w.chats():
            for _ in range(times):
                await w.killed(kafka_own)
                await asyncio.sleep(chance.uniform(0, BETWEEN_S_MAX))
                await w.back(kafka_own)
                await w.tagged(5)
                await asyncio.sleep(chance.uniform(0, BETWEEN_S_MAX))
        await w.everything_holds()
