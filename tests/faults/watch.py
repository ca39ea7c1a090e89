"""Looks at a world again and again: at its offsets, its topics, and the memory of its processes."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.faults.verdict import Problem

if TYPE_CHECKING:
    from tests.faults.world import World

LOOK_EVERY_S: Final = 0.5
PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Watch:
    """`problems` are of the letters C and N; what is wrong once is wrong for good."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.problems: list[Problem] = []
        self.lag = 0
        self.memory_mb = 0.0  # the most that a process took
        self.looks = 0
        self.looking = asyncio.Lock()  # who holds it is not watched

    async def run(self) -> None:
        """Until it is cancelled. While Kafka is away, there is nothing to see."""
        while True:
            try:
                await self.look()
            except TimeoutError:
                continue
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once. TimeoutError where Kafka is away for too long."""
        async with self.looking:
            await self._look()

    async def _look(self) -> None:
        for service in (*self._world.ingests, *self._world.taggers):
            if service.pid is not None:
                self.memory_mb = max(self.memory_mb, peak_mb(service.pid))
        seen = await self._world.truth.look()
        self.lag, self.looks = seen.lag, self.looks + 1
        for place in seen.untrue:
            self._note(
                Problem("C", f"the end at {place} is committed and not decided", self._thread_at(place))
            )
        for partition, before, now in seen.went_back:
            self._note(Problem("N", f"partition {partition} went back from {before} to {now}"))

    def _note(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def _thread_at(self, place: tuple[int, int]) -> str:
        for thread, stored in self._world.truth.stored.items():
            if any((one.partition, one.offset) == place for one in stored):
                return thread
        return ""


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB; 0 where it has ended."""
    try:
        found = PEAK.search(Path(f"/proc/{pid}/status").read_text("utf-8"))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(found[1]) / 1024 if found else 0.0
