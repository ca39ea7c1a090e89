"""What is noted of a run every ten seconds, and what became of each chat."""

import asyncio
import time
from array import array
from pathlib import Path
from typing import Final, NamedTuple

from tagger.simulator.play.summary import percentile
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import Stage
from tests.integration.watch import figures, highest

EVERY_S: Final = 10.0
OLD_S: Final = 30.0  # a chat that ended so long ago is looked at, once
MB: Final = 1_000_000


class Row(NamedTuple):
    """One look. Times from end to tag are of the chats that were looked at since the one before."""

    at_s: float
    tagger_mb: float
    ingest_mb: float
    lag_records: float
    oldest_s: float
    open_chats: float
    chats: int  # so far
    tag_p50_s: float
    tag_p99_s: float
    tag_max_s: float

    def __str__(self) -> str:
        return (
            f"{self.at_s:6.0f} s   tagger {self.tagger_mb:.1f} MB   ingest {self.ingest_mb:.1f} MB"
            f"   lag {self.lag_records:5.0f}   {self.open_chats:5.0f} open, {self.chats:,} ended"
            f"   to tag {self.tag_p50_s:.3f}, p99 {self.tag_p99_s:.3f} s"
        )


def resident_mb(service: Service) -> float:
    for line in Path(f"/proc/{service.pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / MB
    raise AssertionError("Linux tells VmRSS of every process")


class Looks:
    """`rows`, and all that does not hold: (thread, tag)."""

    def __init__(self, stage: Stage) -> None:
        self.rows: list[Row] = []
        self.seconds = array("f")  # from end to tag, of all
        self.missing: list[tuple[str, str]] = []
        self.wrong: list[tuple[str, str]] = []
        self.chats = 0
        self._stage, self._began = stage, time.monotonic()
        self._seen: set[str] = set(stage.player.played)  # of the warm-up

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            await self._look(OLD_S)
            print(self.rows[-1], flush=True)

    async def last(self) -> None:
        """All chats have ended, and nothing is awaited any more."""
        await self._look(0.0) if self._stage.tagger.running else self._check(0.0)

    async def _look(self, old_s: float) -> None:
        stage, took = self._stage, self._check(old_s)
        shown = await figures(stage.tagger)
        self.rows.append(
            Row(
                round(time.monotonic() - self._began, 1),
                resident_mb(stage.tagger),
                resident_mb(stage.ingest),
                shown["tagger_lag_records"],
                await highest(stage.tagger, "tagger_oldest_unsettled_age_seconds"),
                shown["tagger_open_threads"],
                self.chats,
                *(percentile(took or [0.0], percent) for percent in (50, 99, 100)),
            )
        )

    def _check(self, old_s: float) -> list[float]:
        """Look at the chats that ended since; how long each of their tags took."""
        livechat, played = self._stage.livechat, self._stage.player.played
        self._seen &= played.keys()
        until, took = livechat.clock() - old_s, []
        for thread, one in played.items():
            ended_at = livechat.sender.ended_at.get(thread)
            if thread in self._seen or ended_at is None or ended_at > until:
                continue
            self._seen.add(thread)
            self.chats += 1
            self.missing += [(thread, tag) for tag in one.missing]
            self.wrong += [(thread, tag) for tag in one.wrong]
            set_at = (livechat.tagged_at.pop((thread, tag), None) for tag in one.thread.tags)
            took += [max(0.0, at - ended_at) for at in set_at if at is not None]
        self.seconds.extend(took)
        return took
