"""Kafka is away for ten minutes while LiveChat sends 500 webhooks a second.

One `ingest` with a spool and a real Kafka that is killed and started again. Every chat sends its next webhook
when the one before was answered, and sends it again where that was no 200. At the end each webhook that was
answered 200 is on the topic, in its chat's order; none had to wait for longer than LiveChat does; and the spool
was drained at ten times the rate of arrival.
"""

import asyncio
import time
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from tagger.simulator.stage.service import Service
from tests.integration.ingest.sender import PATIENCE_S, Sender, assert_nothing_lost, event, records
from tests.integration.watch import figures
from tests.soak.ingest import TOPIC, on_kafka
from tests.soak.main import main

CHATS: Final = 500
AROUND_S: Final = 20.0  # of load before the outage and after it
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
        self.slowest_s = 0.0  # an answer

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
            status = await self.sender.send(event(chat, number, note=NOTE))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            if status == 200:
                self.sender.stored.append((f"C{chat}", f"T{chat}_{number}"))
                number += 1
            await asyncio.sleep(max(0.0, began + self._every_s - time.monotonic()))


async def away(folder: Path, minutes: float, rate: float) -> Figures:
    async with (
        on_kafka(folder, INGEST_SPOOL_DIR=str(folder / "spool")) as (broker, service, port),
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=PATIENCE_S)
        ) as session,
    ):
        load = Load(session, port, rate)
        sending = asyncio.create_task(load.run())
        await asyncio.sleep(AROUND_S)
        await asyncio.to_thread(broker.kill)
        await spools(service, minutes * 60)
        await asyncio.to_thread(broker.start_again)
        spooled, arrived, drain_s = await drained(service, load)
        await asyncio.sleep(AROUND_S)
        load.stop()
        await sending
        code = await service.stop()
        assert code == 0, f"ingest ended with {code}"
        sender = load.sender
        assert_nothing_lost(sender.stored, await records(broker.bootstrap, TOPIC))
        return Figures(
            len(sender.stored),
            len(sender.statuses) - len(sender.stored),
            load.slowest_s,
            int(spooled),
            drain_s,
            (spooled + arrived) / drain_s / rate,
        )


async def spools(service: Service, seconds: float) -> None:
    """The outage, and how the spool grows meanwhile."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        spooled = (await figures(service))["ingest_spool_records"]
        print(f"{left:5.0f} s of outage left, {spooled:9,.0f} records in the spool", flush=True)
        await asyncio.sleep(min(left, 30))


async def drained(service: Service, load: Load) -> tuple[float, int, float]:
    """When the spool is empty: what was in it when Kafka was back, what came meanwhile, and the seconds it took."""
    while not (await figures(service))["ingest_kafka_up"]:
        await asyncio.sleep(0.2)
    spooled, began = (await figures(service))["ingest_spool_records"], time.monotonic()
    before = len(load.sender.stored)
    async with asyncio.timeout(DRAIN_S_MAX):
        while (await figures(service))["ingest_spooling"]:
            await asyncio.sleep(0.2)
    drain_s, arrived = time.monotonic() - began, len(load.sender.stored) - before
    print(
        f"drained {spooled:,.0f} records and {arrived:,} that came meanwhile in {drain_s:.1f} s", flush=True
    )
    return spooled, arrived, drain_s


async def soak(folder: Path, minutes: float = 10.0, rate: float = 500.0) -> list[str]:
    found = await away(folder, minutes, rate)
    for name, value in found._asdict().items():
        print(f"{name:14} {value:,.1f}" if isinstance(value, float) else f"{name:14} {value:,}")
    held = {
        "a webhook was not answered 200": not found.others,
        "an answer took longer than LiveChat waits": found.slowest_s < PATIENCE_S,
        f"the spool was drained at less than {DRAIN_RATIO_MIN} times the rate": found.drain_ratio
        >= DRAIN_RATIO_MIN,
    }
    return [problem for problem, holds in held.items() if not holds]


if __name__ == "__main__":
    main(soak)
