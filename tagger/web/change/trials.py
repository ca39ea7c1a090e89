"""Trials that run, and those that ended lately: a process each, few at a time, none for long."""

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog

from ingest.runtime.clock import now_ms
from tagger.web.change.outcome import Outcome, read_outcome
from tagger.web.change.question import Draft

RUNNING_MAX: Final = 2  # each takes a core
KEPT_MAX: Final = 20  # the newest; each may hold a text of 256 KiB and 1,000 rows
TRIAL_S_MAX: Final = 90.0  # of a process: twice what it takes to read
LINE_BYTES_MAX: Final = 8 << 20  # of what a process says; the longest outcome has half a megabyte
ID_BYTES: Final = 12  # random, so that nobody opens another's by guessing
COMMAND: Final = (sys.executable, "-m", "tagger.web.change.trial")
END_S: Final = 2.0

log = structlog.get_logger()


@dataclass(slots=True)
class Progress:
    """How far a trial is; `total` is 0 until it is known."""

    done: int = 0  # records
    total: int = 0
    chats: int = 0
    gaining: int = 0
    losing: int = 0


@dataclass(slots=True)
class Trial:
    """One trial."""

    id: str
    draft: Draft
    tests: int  # of the new set, which pass
    note: str  # what became of a list, else ""
    began_ms: int
    progress: Progress = field(default_factory=Progress)
    outcome: Outcome | None = None
    problem: str | None = None  # why there is no outcome
    cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.cancelled or self.problem is not None or self.outcome is not None


class Trials:
    """Starts trials, follows them, and keeps the newest. Make it where an event loop runs."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._kept: dict[str, Trial] = {}  # oldest first
        self._running: dict[str, asyncio.Task[None]] = {}

    def get(self, id: str) -> Trial | None:
        """A trial that runs or is kept."""
        return self._kept.get(id)

    @property
    def is_full(self) -> bool:
        """Whether as many run as may at a time. The process of one that is over is killed at once."""
        return sum(not self._kept[id].is_over for id in self._running) >= RUNNING_MAX

    def start(self, draft: Draft, tests: int, note: str, asked: Mapping[str, Any]) -> Trial | None:
        """Start a trial of what is `asked` (see `change.trial`); None where too many run."""
        if self.is_full:
            return None
        trial = Trial(secrets.token_urlsafe(ID_BYTES), draft, tests, note, now_ms())
        self._kept[trial.id] = trial
        for id in list(self._kept)[:-KEPT_MAX]:
            if id not in self._running:
                del self._kept[id]
        task = asyncio.create_task(self._follow(trial, orjson.dumps(asked)))
        self._running[trial.id] = task
        task.add_done_callback(lambda _: self._running.pop(trial.id, None))
        return trial

    def cancel(self, id: str) -> None:
        """End a trial, if it runs."""
        trial, task = self._kept.get(id), self._running.get(id)
        if trial is not None and task is not None and not trial.is_over:
            trial.cancelled = True
            task.cancel()

    async def close(self) -> None:
        """End all of them."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, trial: Trial, asked: bytes) -> None:
        pipe, process = asyncio.subprocess.PIPE, None
        try:
            async with asyncio.timeout(TRIAL_S_MAX):
                process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=pipe, stdout=pipe, limit=LINE_BYTES_MAX
                )
                await self._talk(trial, process, asked)
        except TimeoutError:
            trial.problem = f"It was ended after {TRIAL_S_MAX:.0f} s. Try it on fewer days."
        except (OSError, ValueError) as error:  # it did not start, was ended, or says what it should not
            log.warning("trial_failed", error_type=type(error).__name__)
        finally:
            if not trial.is_over:
                trial.problem = "The trial ended before its time. Try again."
            if process is not None:
                await _ended(process)

    async def _talk(self, trial: Trial, process: asyncio.subprocess.Process, asked: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(asked)
        await process.stdin.drain()
        process.stdin.close()
        while line := await process.stdout.readline():
            said = orjson.loads(line)
            if "outcome" in said:
                trial.outcome = read_outcome(said["outcome"])
            elif "problem" in said:
                trial.problem = str(said["problem"])
            else:
                trial.progress = Progress(**said)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Kill it, and close its pipes: it holds nothing that must be put away."""
    with suppress(ProcessLookupError):
        process.kill()
    with suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            await process.communicate()
