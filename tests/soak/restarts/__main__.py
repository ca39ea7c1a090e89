"""`ingest` is restarted a hundred times under load, as a roll-out does it: SIGTERM, and a new one when it has ended.

Against a real Kafka, without a spool. Senders see nothing but 200 and, at the very end, connections that are
refused; each process ends with 0 within 30 s; every webhook that was answered 200 is on the topic.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from tests.integration.ingest.sender import PATIENCE_S, Sender, assert_nothing_lost, event, records
from tests.soak.ingest import TOPIC, on_kafka
from tests.soak.main import main

CHATS: Final = 100
EXIT_S_MAX: Final = 30.0
AGAIN_S: Final = 0.05  # after a refused connection; LiveChat would wait longer


class Figures(NamedTuple):
    """What the run came to."""

    answers: dict[int, int]  # status → how often
    refused: int  # connections, while nobody listened
    broken: dict[str, int]  # connections that broke otherwise, by type of the error
    stored: int
    slowest_exit_s: float
    exit_codes: dict[int | None, int]


async def chat(
    sender: Sender, number: int, rate: float, outcomes: Counter[str], ended: asyncio.Event
) -> None:
    """A sender that sends each webhook again until it is answered 200."""
    sent = 0
    await asyncio.sleep(number / rate)
    while not ended.is_set():
        try:
            if await sender.send(event(number, sent)) == 200:
                sender.stored.append((f"C{number}", f"T{number}_{sent}"))
                sent += 1
            await asyncio.sleep(CHATS / rate)
        except aiohttp.ClientConnectorError:
            outcomes["refused"] += 1
            await asyncio.sleep(AGAIN_S)
        except aiohttp.ClientError as error:
            outcomes[type(error).__name__] += 1


async def restarted(folder: Path, restarts: int, rate: float) -> Figures:
    exits: list[tuple[int | None, float]] = []
    outcomes: Counter[str] = Counter()
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        on_kafka(folder) as (broker, service, port),
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session,
    ):
        sender, ended = Sender(session, port), asyncio.Event()
        async with asyncio.TaskGroup() as chats:
            for number in range(CHATS):
                chats.create_task(chat(sender, number, rate, outcomes, ended))
            for number in range(restarts):
                began = time.monotonic()
                exits.append((await service.stop(EXIT_S_MAX), time.monotonic() - began))
                await service.start()
                print(f"restart {number + 1}: {len(sender.stored):,} stored, {dict(outcomes)}", flush=True)
            ended.set()
        await service.stop()
        assert_nothing_lost(sender.stored, await records(broker.bootstrap, TOPIC))
    refused = outcomes.pop("refused", 0)
    codes = dict(Counter(code for code, _ in exits))
    slowest = max(seconds for _, seconds in exits)
    return Figures(
        dict(Counter(sender.statuses)), refused, dict(outcomes), len(sender.stored), slowest, codes
    )


async def soak(folder: Path, restarts: int = 100, rate: float = 200.0) -> list[str]:
    figures = await restarted(folder, restarts, rate)
    for name, value in figures._asdict().items():
        print(f"{name:14} {value}")
    held = {
        "something else than 200 was answered": set(figures.answers) == {200},
        "a connection broke": not figures.broken,
        "a process did not end with 0": set(figures.exit_codes) == {0},
    }
    return [problem for problem, holds in held.items() if not holds]


if __name__ == "__main__":
    main(soak)
