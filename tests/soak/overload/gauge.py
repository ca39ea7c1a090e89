"""What a running tagger shows of itself, and what the kernel says of its memory, again and again."""

import asyncio
import time
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tagger.simulator.stage.service import Service

LOOK_EVERY_S: Final = 1.0
MB: Final = 1_000_000


class Look(NamedTuple):
    """One look. `at_s` is monotonic."""

    at_s: float
    rss_mb: float
    lag: int  # records
    age_s: float  # of the oldest end that is not settled
    waiting: int  # ended chats that were read and are not settled
    settled: int  # chats
    open_mb: float  # of all chats in memory, as accounted
    paused: bool

    def __str__(self) -> str:
        return (
            f"lag {self.lag:>7} records   oldest {self.age_s:>4.0f} s   waiting {self.waiting:>5} chats   "
            f"settled {self.settled:>6}   memory {self.rss_mb:>4.0f} MB{'   paused' if self.paused else ''}"
        )


class Gauge:
    """`looks` grow while `run` runs."""

    def __init__(self, tagger: Service) -> None:
        self.looks: list[Look] = []
        self._tagger = tagger

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                self.looks.append(await self._look(session))
                await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> Look:
        """One look now."""
        async with aiohttp.ClientSession() as session:
            return await self._look(session)

    async def _look(self, session: aiohttp.ClientSession) -> Look:
        async with session.get(f"{self._tagger.admin_url}/metrics") as answer:
            page = await answer.text()
        sums: dict[str, float] = {}
        ages = [0.0]
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
                if sample.name == "tagger_oldest_unsettled_age_seconds":
                    ages.append(sample.value)
        return Look(
            at_s=time.monotonic(),
            rss_mb=self._rss_mb(),
            lag=int(sums["tagger_lag_records"]),
            age_s=max(ages),
            waiting=int(sums["tagger_unsettled_threads"]),
            settled=int(sums["tagger_decisions_total"]),
            open_mb=sums["tagger_open_bytes"] / MB,
            paused=sums["tagger_paused"] > 0,
        )

    def _rss_mb(self) -> float:
        for line in Path(f"/proc/{self._tagger.pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / MB
        raise AssertionError("Linux tells VmRSS of every process")
