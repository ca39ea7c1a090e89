"""What happens: forty strangers send junk to `ingest` at full speed, and somebody writes junk to the topic itself.
What must hold: T C L N M Q for the chats around it; no process ends, and each unreadable record is parked or passed.
Measured: by the answers that strangers get, the simulated LiveChat's tags, and what the kernel says of memory.
"""

from typing import Final

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.integration.ingest.strangers import Strangers
from tests.integration.test_whole_way import junk

ANSWERS_MIN: Final = 500  # that strangers get
STATUSES: Final = {400, 401, 404, 413}


@pytest.mark.long
async def test_strangers_at_full_speed_keep_no_webhook_out(world: MakeWorld) -> None:
    async with world() as w:
        async with (
            w.chats(),
            Strangers(int(w.ingests[0].settings["INGEST_PORT"]), connections=16) as strangers,
        ):
            await until(lambda: strangers.answers.total() >= ANSWERS_MIN)
            await w.tagged(20)
        w.proof.did("a stranger was answered", strangers.answers.total())
        await w.everything_holds()
        assert set(strangers.answers) <= STATUSES
        assert not w.entrance.refused()


@pytest.mark.long
async def test_junk_with_the_right_secret_and_on_the_topic_stops_nothing(world: MakeWorld) -> None:
    async with world() as w:
        bodies = junk(w.stage.secret)
        address = f"http://127.0.0.1:{w.ingests[0].settings['INGEST_PORT']}/webhooks/livechat"
        async with w.chats(), aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as sender:
            statuses = set()
            for body in bodies:
                async with sender.post(address, data=body) as answer:
                    statuses.add(answer.status)
            async with AIOKafkaProducer(bootstrap_servers=w.stage.bootstrap) as producer:
                for number, body in enumerate(bodies[:-2]):
                    await producer.send_and_wait(w.names.webhooks, body, key=b"junk:%d" % number)
            await w.tagged(20)
        w.proof.did("junk was sent, and written to the topic", len(bodies))
        await w.everything_holds()
        assert statuses <= {200, *STATUSES}
