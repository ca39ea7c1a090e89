"""What counting costs: metric calls beside the whole work, and a scrape of a running service.

    python -m tests.bench.metrics [--seconds 5] [--rounds 3]

(a) `ingest`: the metric calls of one webhook, timed in a loop, beside the CPU time of the whole process for one
webhook, on the embedded broker under wrk. (b) `tagger`: those of one settled thread beside the CPU time of the whole
process for one, while simulated chats are played to both services. (c) One `GET /metrics` of each service after that, on
12 partitions: CPU time of its process.
"""

import asyncio
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiohttp

import tagger.metrics
from ingest.metrics import Metrics
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.broker import EmbeddedBroker
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import Stage
from tests.bench.ingest import load
from tests.bench.ingest.servers import TICKS_A_S, running
from tests.options import given

RESULTS: Final = Path(__file__).parent.parent / "results" / "metrics.csv"
PARTITIONS: Final = 12
CALLS: Final = 100_000
SCRAPES: Final = 300
CHATS: Final = 1_000
IDLE_S: Final = 5.0
SHARE_MAX: Final = 0.03  # of the CPU time of the whole work
SCRAPE_US_MAX: Final = 10_000.0  # 1 % of a core at one a second


def microseconds(call: Callable[[], None]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - began) / CALLS * 1e6


def count_webhook(metrics: Metrics) -> Callable[[], None]:
    """What `ingest` counts of a webhook; an acknowledgement answers for many of them."""

    def count() -> None:
        metrics.webhooks.count("incoming_event", "kafka")

    return count


def count_thread(metrics: tagger.metrics.Metrics) -> Callable[[], None]:
    """What `tagger` counts of a thread with one tag, from its end to its settlement."""

    def count() -> None:
        metrics.api_requests.labels(method="tag_thread", result="done").inc()
        metrics.api_seconds.labels(method="tag_thread").observe(0.05)
        metrics.tags.labels(result="set").inc()
        metrics.decisions.labels(outcome="tagged").inc()
        metrics.end_to_tag.observe(0.1)
        metrics.rule_hits.labels(rule="refund").inc()

    return count


def webhook_us(seconds: int) -> float:
    """CPU time of `ingest` for one webhook."""
    _, core, *_ = [*sorted(os.sched_getaffinity(0)), 0, 0]
    with EmbeddedBroker({"bench": PARTITIONS}) as broker, tempfile.TemporaryDirectory() as folder:
        lua = load.script(Path(folder))
        with running("ingest", broker.bootstrap, "bench", core) as server:
            load.flood(server.port, 1, lua)
            before = server.cpu_s()
            told = load.flood(server.port, seconds, lua)
            return (server.cpu_s() - before) / told.requests * 1e6


async def on_stage() -> tuple[float, dict[str, float]]:
    """CPU time of `tagger` for one thread; and of each service for one scrape. Microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with Stage(Path(folder), 1) as stage:
            idle = await _idle(stage.tagger)
            began, before = time.monotonic(), _cpu_s(stage.tagger)
            await stage.play(visits(1, CHATS))
            await stage.settled(60)
            spent = _cpu_s(stage.tagger) - before - idle * (time.monotonic() - began)
            scrapes = {service.name: await _scraped(service) for service in (stage.ingest, stage.tagger)}
            return spent / CHATS * 1e6, scrapes


async def _idle(service: Service) -> float:
    """CPU seconds a second while nothing comes."""
    began, before = time.monotonic(), _cpu_s(service)
    await asyncio.sleep(IDLE_S)
    return (_cpu_s(service) - before) / (time.monotonic() - began)


async def _scraped(service: Service) -> float:
    async with aiohttp.ClientSession() as session:
        idle = await _idle(service)
        began, before = time.monotonic(), _cpu_s(service)
        for _ in range(SCRAPES):
            async with session.get(f"{service.admin_url}/metrics") as answer:
                await answer.read()
        spent = _cpu_s(service) - before - idle * (time.monotonic() - began)
    return spent / SCRAPES * 1e6


def _cpu_s(service: Service) -> float:
    fields = Path(f"/proc/{service.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def main(seconds: int = 5, rounds: int = 3) -> int:
    counted = microseconds(count_webhook(Metrics()))
    of_webhook = [counted / webhook_us(seconds) for _ in range(rounds)]
    played = [asyncio.run(on_stage()) for _ in range(rounds)]
    scrapes = {
        name: statistics.median(scrapes[name] for _, scrapes in played) for name in ("ingest", "tagger run")
    }
    rows = [
        ("ingest: metrics / CPU of a webhook", statistics.median(of_webhook)),
        (
            "tagger: metrics / CPU of a thread",
            microseconds(count_thread(tagger.metrics.Metrics())) / statistics.median(us for us, _ in played),
        ),
        ("tagger: CPU of a thread, us", statistics.median(us for us, _ in played)),
        *((f"{name}: a scrape, us CPU", value) for name, value in scrapes.items()),
    ]
    for name, value in rows:
        print(f"{value:12.4f}  {name}")
    with RESULTS.open("w", newline="") as file:
        csv.writer(file).writerows([("measure", "value"), *((name, f"{value:.4f}") for name, value in rows)])
    return any(value > SHARE_MAX for _, value in rows[:2]) or any(
        value > SCRAPE_US_MAX for value in scrapes.values()
    )


if __name__ == "__main__":
    raise SystemExit(main(**given(main)))
