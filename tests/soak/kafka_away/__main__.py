"""Kafka is away for ten minutes while LiveChat sends 500 webhooks a second.

    python -m tests.soak.kafka_away [--minutes 10] [--rate 500]

One `ingest` with a spool and a real Kafka that is killed and started again. Every chat sends its next webhook
when the one before was answered, and sends it again where that was no 200. At the end each webhook that was
answered 200 is on the topic, in its chat's order; none had to wait for longer than LiveChat does; and the spool
was drained at ten times the rate of arrival.
"""

import argparse
import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import aiohttp
import uvloop

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.service import Service
from tests.integration.ingest.sender import (
    PATIENCE_S,
    SECRET,
    Sender,
    assert_nothing_lost,
    event,
    records,
)
from tests.integration.watch import figures
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka

CHATS: Final = 500
AROUND_S: Final = 20.0  # of load before the outage and after it
TOPIC: Final = "livechat.webhooks"
NOTE: Final = "x" * 700  # with it a webhook has 900 bytes
DRAIN_RATIO_MIN: Final = 10
DRAIN_S_MAX: Final = 600.0


class Figures(NamedTuple):
    """What the run came to."""

    answered_200: int
    others: int
    slowest_s: float
    spooled: int  # records in the spool when Kafka came back
    drain_s: float
    drain_ratio: float  # to the rate of arrival


class Load:
    """All chats together send `rate` webhooks a second, whatever is answered."""

    def __init__(self, session: aiohttp.ClientSession, port: int, rate: float) -> None:
        self.sender = Sender(session, port)
        self._every_s = CHATS / rate
        self._until = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as chats:
            for chat in range(CHATS):
                chats.create_task(self._chat(chat))

    def stop(self) -> None:
        self._until.set()

    async def _chat(self, chat: int) -> None:
        await asyncio.sleep(self._every_s * chat / CHATS)
        number = 0
        while not self._until.is_set():
            began = time.monotonic()
            if await self.sender.send(event(chat, number, note=NOTE)) == 200:
                self.sender.stored.append((f"C{chat}", f"T{chat}_{number}"))
                number += 1
            await asyncio.sleep(max(0.0, began + self._every_s - time.monotonic()))


async def run(minutes: float, rate: float, folder: Path) -> Figures:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    connector = aiohttp.TCPConnector(limit=0)
    with start() as broker, reserved_port() as port, reserved_port() as admin_port:
        Kafka(broker.bootstrap).create_topic(TOPIC, 12)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(port),
            "INGEST_ADMIN_PORT": str(admin_port),
            "INGEST_SPOOL_DIR": str(folder / "spool"),
        }
        service = Service("ingest", (), settings, admin_port, folder / "ingest.log")
        await service.start()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            load = Load(session, port, rate)
            sending = asyncio.create_task(load.run())
            await asyncio.sleep(AROUND_S)
            await asyncio.to_thread(broker.kill)
            end = time.monotonic() + minutes * 60
            while (left := end - time.monotonic()) > 0:
                spooled = (await figures(service))["ingest_spool_records"]
                print(f"{left:5.0f} s of outage left, {spooled:9,.0f} records in the spool", flush=True)
                await asyncio.sleep(min(left, 30))
            await asyncio.to_thread(broker.start_again)
            while not (await figures(service))["ingest_kafka_up"]:
                await asyncio.sleep(0.2)
            spooled, began = (await figures(service))["ingest_spool_records"], time.monotonic()
            arrived = len(load.sender.stored)
            async with asyncio.timeout(DRAIN_S_MAX):
                while (await figures(service))["ingest_spooling"]:
                    await asyncio.sleep(0.2)
            drain_s, arrived = time.monotonic() - began, len(load.sender.stored) - arrived
            print(
                f"drained {spooled:,.0f} records and {arrived:,} that came meanwhile in {drain_s:.1f} s",
                flush=True,
            )
            await asyncio.sleep(AROUND_S)
            load.stop()
            await sending
        code = await service.stop()
        assert code == 0, f"ingest ended with {code}"
        assert_nothing_lost(load.sender.stored, await records(broker.bootstrap, TOPIC))
        statuses = load.sender.statuses
        return Figures(
            len(load.sender.stored),
            len(statuses) - len(load.sender.stored),
            load.sender.slowest_s,
            int(spooled),
            drain_s,
            (spooled + arrived) / drain_s / rate,
        )


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--rate", type=float, default=500)
    given = options.parse_args()
    with (
        TemporaryDirectory(prefix="kafka-away-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        figures = runner.run(run(given.minutes, given.rate, Path(folder)))
    for name, value in figures._asdict().items():
        print(f"{name:14} {value:,.1f}" if isinstance(value, float) else f"{name:14} {value:,}")
    holds = {
        "every webhook was answered 200": not figures.others,
        "within LiveChat's patience": figures.slowest_s < PATIENCE_S,
        f"drained at {DRAIN_RATIO_MIN} times the rate": figures.drain_ratio >= DRAIN_RATIO_MIN,
    }
    for what, held in holds.items():
        print(f"{'yes' if held else 'NO ':3} {what}")
    return not all(holds.values())


if __name__ == "__main__":
    raise SystemExit(main())
