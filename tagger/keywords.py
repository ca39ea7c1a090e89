"""The keyword files on disk: load, watch, swap.

A set is taken whole or not at all: it must parse, validate and pass its own tests before it replaces
the one in force. A bad set never replaces a good one.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchfiles import awatch

from tagger.core.decision import Judge
from tagger.core.problem import Problem
from tagger.core.rule import RuleSet
from tagger.core.rules import parse
from tagger.core.ruletest import run_tests
from tagger.folder import read_files

# The folder is looked at this often even when no change was announced: some mounts (NFS, a ConfigMap
# swapped by symbolic link) announce none. Half of the 10 s that people are promised.
LOOK_EVERY_MS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A set that cannot come into force, with everything that is wrong with it."""

    problems: tuple[str, ...]


def build(files: dict[str, bytes], placeholder: str) -> Judge | Unloadable:
    """Parse, validate, compile and run the rules' own tests. CPU only."""
    parsed = parse(files)
    if not isinstance(parsed, RuleSet):
        return Unloadable(tuple(str(problem) for problem in _errors(parsed)))
    judge = Judge.compile(parsed, placeholder)
    failures = run_tests(judge)
    return Unloadable(tuple(str(failure) for failure in failures)) if failures else judge


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


class Keywords:
    """The set in force, and the watch for a newer one."""

    def __init__(self, folder: Path, placeholder: str, judge: Judge, files: dict[str, bytes]) -> None:
        self.judge = judge
        self.problems: tuple[str, ...] = ()  # of the newest set, where it was refused
        self._folder = folder
        self._placeholder = placeholder
        self._seen: dict[str, bytes] | str = files
        self._poke = asyncio.Event()

    @classmethod
    def load(cls, folder: Path, placeholder: str) -> "Keywords | Unloadable":
        """The set at the start; a bad one is the caller's reason not to start."""
        files = read_files(folder)
        if isinstance(files, str):
            return Unloadable((files,))
        judge = build(files, placeholder)
        return judge if isinstance(judge, Unloadable) else cls(folder, placeholder, judge, files)

    def reload_soon(self) -> None:
        """Look now (SIGHUP)."""
        self._poke.set()

    async def watch(self, report: Callable[["Keywords", bool], None]) -> None:
        """Follow the folder for ever; call `report(self, took_over)` after each change that was looked at."""
        while True:
            files = await asyncio.to_thread(read_files, self._folder)
            if files != self._seen:
                self._seen = files
                report(self, await self._take(files))
            await self._change()

    async def _take(self, files: dict[str, bytes] | str) -> bool:
        judge = Unloadable((files,)) if isinstance(files, str) else await self._build(files)
        if isinstance(judge, Unloadable):
            self.problems = judge.problems
            return False
        self.judge, self.problems = judge, ()
        return True

    async def _build(self, files: dict[str, bytes]) -> Judge | Unloadable:
        return await asyncio.to_thread(build, files, self._placeholder)

    async def _change(self) -> None:
        """Return when the folder changed, after a while without news, or when told to look."""
        changes = awatch(
            self._folder,
            stop_event=self._poke,
            recursive=False,
            debounce=200,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
        )
        try:
            async with aclosing(changes):
                async for _ in changes:
                    break
        except OSError:  # the folder is away; the next look says so
            await asyncio.sleep(LOOK_EVERY_MS / 1000)
        self._poke.clear()
