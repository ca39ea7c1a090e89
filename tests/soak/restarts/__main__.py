"""`ingest` is restarted a hundred times under load, as a roll-out does it: SIGTERM, and a new one when it has ended.

    python -m tests.soak.restarts [--restarts 100] [--rate 200]

Against a real Kafka, without a spool. Senders see nothing but 200 and, at the very end, connections that are
refused; each process ends with 0 within 30 s; every webhook that was answered 200 is on the topic.
"""

import argparse
import asyncio
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import aiohttp
import uvloop

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.service import Service
from tests.integration.ingest.sender import PATIENCE_S, SECRET, Sender, assert_nothing_lost, event, records
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka

CHATS: Final = 100
TOPIC: Final = "livechat.webhooks"
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


async def run(restarts: int, rate: float, folder: Path) -> Figures:
    exits: list[tuple[int | None, float]] = []
    outcomes: Counter[str] = Counter()
    with start() as broker, reserved_port() as port, reserved_port() as admin_port:
        Kafka(broker.bootstrap).create_topic(TOPIC, 12)
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(port),
            "INGEST_ADMIN_PORT": str(admin_port),
        }
        service = Service("ingest", (), settings, admin_port, folder / "ingest.log")
        await service.start()
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            sender, ended = Sender(session, port), asyncio.Event()
            async with asyncio.TaskGroup() as chats:
                for number in range(CHATS):
                    chats.create_task(chat(sender, number, rate, outcomes, ended))
                for number in range(restarts):
                    began = time.monotonic()
                    exits.append((await service.stop(EXIT_S_MAX), time.monotonic() - began))
                    await service.start()
                    print(
                        f"restart {number + 1}: {len(sender.stored):,} stored, {dict(outcomes)}", flush=True
                    )
                ended.set()
        await service.stop()
        assert_nothing_lost(sender.stored, await records(broker.bootstrap, TOPIC))
    refused = outcomes.pop("refused", 0)
    codes = dict(Counter(code for code, _ in exits))
    slowest = max(seconds for _, seconds in exits)
    return Figures(
        dict(Counter(sender.statuses)), refused, dict(outcomes), len(sender.stored), slowest, codes
    )


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--restarts", type=int, default=100)
    options.add_argument("--rate", type=float, default=200)
    given = options.parse_args()
    with (
        TemporaryDirectory(prefix="restarts-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        figures = runner.run(run(given.restarts, given.rate, Path(folder)))
    for name, value in figures._asdict().items():
        print(f"{name:14} {value}")
    held = set(figures.answers) == {200} and not figures.broken and set(figures.exit_codes) == {0}
    print("Everything holds." if held else "It does NOT hold.")
    return not held


if __name__ == "__main__":
    raise SystemExit(main())
