"""How long real webhooks take beside a thousand slow connections and a flood of large bodies.

    python -m tests.soak.slow [--seconds 30]

Exits 1 where one of these does not hold: each webhook is answered 200; 99 in 100 within a second; `ingest` grows by
less than 100 MB.
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp

from tagger.simulator.stage.broker import EmbeddedBroker
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import SECRET, Sender, event
from tests.integration.ingest.test_slow import dribble_for_ever, flood_for_ever, resident_bytes

SLOW: Final = 1_000
FLOODS: Final = 4
FILES: Final = 4_000  # each connection is one here and one there
P99_S_MAX: Final = 1.0
GROWTH_BYTES_MAX: Final = 100 * 1024 * 1024


async def measured(process: Process, seconds: float) -> tuple[list[float], list[int]]:
    """How long each webhook took, and what was answered."""
    took = []
    async with aiohttp.ClientSession() as session:
        sender = Sender(session, process.port)
        hostile = [asyncio.create_task(dribble_for_ever(process.port)) for _ in range(SLOW)]
        hostile += [asyncio.create_task(flood_for_ever(process.port)) for _ in range(FLOODS)]
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            await sender.send(event(1, len(took)))
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
        for task in hostile:
            task.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)
        return took, sender.statuses


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds, topic = parser.parse_args().seconds, uuid.uuid4().hex
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(FILES, hard)), hard))
    with EmbeddedBroker({topic: 3}) as broker, TemporaryDirectory() as folder:
        os.environ |= {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "KAFKA_WEBHOOKS_TOPIC": topic,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": "0",
            "INGEST_ADMIN_PORT": "0",
            "LOG_FORMAT": "json",
        }
        process = Process(Path(folder) / "log")
        try:
            process.wait_until_it_listens()
            before = resident_bytes(process)
            took, statuses = asyncio.run(measured(process, seconds))
            grown = resident_bytes(process) - before
        finally:
            process.end()
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"{len(took)} webhooks, median {statistics.median(took):.3f} s, p99 {p99:.3f} s, {max(took):.3f} s at most"
    )
    print(f"answers {sorted(set(statuses))}, {grown / 2**20:.0f} MiB more")
    return 0 if set(statuses) == {200} and p99 < P99_S_MAX and grown < GROWTH_BYTES_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
