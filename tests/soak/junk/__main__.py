"""Forty strangers without the secret, eight kinds of junk at full speed: whether real webhooks get through.

`ingest` has one core to itself; strangers, a LiveChat that sends so many webhooks a second, and the broker share the
other. `--idle` opens so many connections beside that send a part of a head and then nothing, over and over.
Prints how long real webhooks took, how memory went, and what strangers were answered; exits 1 where a real one was
not answered 200, the p99 is 1 s or more, memory is not flat, or junk got a 5xx.
"""

import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import Sender, event
from tests.soak.ingest import on_embedded_broker
from tests.soak.main import main

P99_S_MAX: Final = 1.0
GROWTH_BYTES_MAX: Final = 30 << 20  # from a tenth of the time on, when buffers and caches are filled
TELL_EVERY_S: Final = 5.0


class Real:
    """A LiveChat that sends webhooks at a rate, whatever became of the one before."""

    def __init__(self, sender: Sender) -> None:
        self.took_s: list[float] = []
        self.failed: Counter[str] = Counter()
        self._sender = sender

    async def one(self, number: int) -> None:
        began = time.monotonic()
        try:
            status = await self._sender.send(event(number % 50, number))
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed[type(error).__name__] += 1
            return
        self.took_s.append(time.monotonic() - began)
        if status != 200:
            self.failed[str(status)] += 1

    async def run(self, rate: float, seconds: float) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
                group.create_task(self.one(number))


async def idle_for_ever(port: int) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /")
            await reader.read()
            writer.close()
        await asyncio.sleep(0.1)


async def watch(process: Process, sizes: list[int]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        sizes.append(process.resident_bytes)
        print(f"{time.monotonic() - began:4.0f} s  {sizes[-1] >> 20} MiB", flush=True)


async def beside_junk(
    process: Process, seconds: float, connections: int, rate: float, idle: int
) -> tuple[Real, list[int], Counter[int], list[str]]:
    """Returns the real webhooks, memory over time, what strangers were answered, and metrics of closed connections."""
    sizes: list[int] = []
    timeout = aiohttp.ClientTimeout(total=10)  # LiveChat's own
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        real = Real(Sender(session, process.port))
        await real.one(0)
        around = [asyncio.create_task(idle_for_ever(process.port)) for _ in range(idle)]
        around.append(asyncio.create_task(watch(process, sizes)))
        command = ["-m", "tests.integration.ingest.strangers", str(process.port), str(seconds)]
        strangers = await asyncio.create_subprocess_exec(
            sys.executable, *command, f"--connections={connections}", stdout=asyncio.subprocess.PIPE
        )
        await asyncio.sleep(2)  # they start
        await real.run(rate, seconds - 2)
        told, _ = await strangers.communicate()
        for task in around:
            task.cancel()
        await asyncio.gather(*around, return_exceptions=True)
        async with session.get(f"http://127.0.0.1:{process.admin_port}/metrics") as page:
            lines = [line for line in (await page.text()).splitlines() if "closed_total{" in line]
    return real, sizes, Counter({int(k): v for k, v in orjson.loads(told).items()}), lines


def verdict(real: Real, sizes: list[int], answers: Counter[int]) -> list[str]:
    """Print what came of it."""
    p50, p99 = (statistics.quantiles(real.took_s, n=100)[place] for place in (49, 98))
    print(f"real webhooks  {len(real.took_s)} answered, failed {dict(real.failed)}")
    print(
        f"took           p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, longest {max(real.took_s) * 1e3:.0f} ms"
    )
    print(f"strangers      {sum(answers.values()):,} answers, {dict(sorted(answers.items()))}")
    warm = sizes[len(sizes) // 10]
    print(f"memory         {warm >> 20} MiB to {sizes[-1] >> 20} MiB, at most {max(sizes) >> 20} MiB")
    held = {
        "a real webhook was not answered 200": not real.failed,
        f"the p99 is over {P99_S_MAX:g} s": p99 < P99_S_MAX,
        "memory is not flat": sizes[-1] - warm <= GROWTH_BYTES_MAX,
        "junk was answered 5xx": not any(status >= 500 for status in answers),
    }
    return [problem for problem, holds in held.items() if not holds]


async def soak(
    folder: Path, seconds: float = 60.0, connections: int = 40, rate: float = 20.0, idle: int = 0
) -> list[str]:
    ingest_core, other_core, *_ = sorted(os.sched_getaffinity(0))
    with on_embedded_broker(folder) as process:
        os.sched_setaffinity(process.pid, {ingest_core})
        os.sched_setaffinity(0, {other_core})
        real, sizes, answers, lines = await beside_junk(process, seconds, connections, rate, idle)
    print("\n".join(lines))
    return verdict(real, sizes, answers)


if __name__ == "__main__":
    main(soak)
