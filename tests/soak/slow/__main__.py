"""How long real webhooks take beside a thousand slow connections and a flood of large bodies.

Exits 1 where one of these does not hold: each webhook is answered 200; 99 in 100 within a second; `ingest` grows by
less than 100 MB.
"""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Final

import aiohttp

from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import Sender, event
from tests.integration.ingest.test_slow import dribble_forever, flood_forever
from tests.soak.ingest import on_embedded_broker
from tests.soak.main import main

SLOW: Final = 1_000
FLOODS: Final = 4
P99_S_MAX: Final = 1.0
GROWTH_BYTES_MAX: Final = 100 * 1024 * 1024


async def measured(process: Process, seconds: float) -> tuple[list[float], list[int]]:
    """How long each webhook took, and what was answered."""
    took: list[float] = []
    async with aiohttp.ClientSession() as session:
        sender = Sender(session, process.port)
        hostile = [asyncio.create_task(dribble_forever(process.port)) for _ in range(SLOW)]
        hostile += [asyncio.create_task(flood_forever(process.port)) for _ in range(FLOODS)]
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            await sender.send(event(1, len(took)))
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
        for task in hostile:
            task.cancel()
        await asyncio.gather(*hostile, return_exceptions=True)
        return took, sender.statuses


async def soak(folder: Path, seconds: float = 30.0) -> list[str]:
    with on_embedded_broker(folder) as process:
        before = process.resident_bytes
        took, statuses = await measured(process, seconds)
        grown = process.resident_bytes - before
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"{len(took)} webhooks, median {statistics.median(took):.3f} s, p99 {p99:.3f} s, {max(took):.3f} s at most"
    )
    print(f"answers {sorted(set(statuses))}, {grown / 2**20:.0f} MiB more")
    held = {
        "a webhook was not answered 200": set(statuses) == {200},
        f"the p99 is over {P99_S_MAX:g} s": p99 < P99_S_MAX,
        f"ingest grew by more than {GROWTH_BYTES_MAX >> 20} MiB": grown < GROWTH_BYTES_MAX,
    }
    return [problem for problem, holds in held.items() if not holds]


if __name__ == "__main__":
    main(soak)
