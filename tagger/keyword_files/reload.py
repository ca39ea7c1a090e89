"""The keyword set in force: load, watch, swap.

A set is taken whole or not at all: it must parse, validate and pass its own tests before it replaces
the one in force. A bad set never replaces a good one. Nothing that happens to the folder ends the watch.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

import structlog
from watchfiles import awatch

from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import run_tests
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.keyword_files.overlooked import Overlooked, overlooked
from tagger.keyword_files.read import read_files

# The folder is read this often even when no change was announced: some mounts (NFS, a ConfigMap
# swapped by symbolic link) announce none. Half of the 10 s that people are promised.
LOOK_EVERY_MS: Final = 5_000
# For reading the folder once. A network drive that is away may block a reader indefinitely; people are told so.
LOOK_DEADLINE_S: Final = 60.0

# Where the set in force comes from.
Origin = Literal["nowhere", "files", "topic"]

log = structlog.get_logger()


class _Seen(NamedTuple):
    """What one look at the folder found."""

    files: dict[str, bytes] | str  # as `read_files` returns them
    overlooked: Sequence[Overlooked]


def _read(folder: Path) -> _Seen:
    return _Seen(read_files(folder), overlooked(folder))


def build(files: dict[str, bytes], placeholder: str) -> Decider | tuple[str, ...]:
    """Parse, validate, compile and run the rules' own tests; or everything that is wrong. CPU only."""
    parsed = parse(files)
    if not isinstance(parsed, RuleSet):
        return tuple(str(problem) for problem in parsed if problem.severity == "error")
    decider = Decider.compile(parsed, placeholder)
    return tuple(str(failure) for failure in run_tests(decider)) or decider


class Keywords:
    """The set in force, and the watch for a newer one.

    Starts with what is on disk. Where that is refused, nothing is in force, and the decider finds nothing.
    """

    def __init__(self, folder: Path, placeholder: str) -> None:
        self.decider = Decider.compile(RuleSet((), ""))
        self.files: Mapping[str, bytes] = {}  # of the set in force
        self.origin: Origin = "nowhere"
        self.problems: tuple[str, ...] = ()  # of the newest set on disk, where it was refused
        self.overlooked: Sequence[Overlooked] = ()  # what stands in the folder, looks meant, and is not read
        self._folder, self._placeholder = folder, placeholder
        self._reading: asyncio.Future[_Seen] | None = None
        self._poke, self._changed = asyncio.Event(), asyncio.Event()
        self._is_polled = False
        self._seen, self.overlooked = _read(folder)
        self._take(self._seen, self._built(self._seen))

    @property
    def on_disk(self) -> Mapping[str, bytes] | str:
        """The files as they were last read, in force or not; or why they cannot be read."""
        return self._seen

    def reload_soon(self) -> None:
        """Read the folder now (a signal)."""
        self._poke.set()

    async def changed(self) -> None:
        """Return when another set comes into force."""
        await self._changed.wait()

    async def take_stored(self, stored: Sequence[dict[str, bytes]]) -> bool:
        """Put the first valid one of these sets into force, unless the files come first; whether it did."""
        for files in stored:
            decider = await asyncio.to_thread(self._built, files)
            if self.origin != "nowhere":
                return False
            if isinstance(decider, Decider):
                self._put(decider, files, "topic")
                return True
        return False

    async def watch(
        self, report: Callable[[], None], report_overlooked: Callable[[], None] = lambda: None
    ) -> None:
        """Follow the folder forever; call `report` after each change, taken or refused.

        `report_overlooked` is called after each change of `overlooked`.
        """
        while True:
            files, found = await self._look()
            if found != self.overlooked:
                self.overlooked = found
                report_overlooked()
            if files != self._seen:
                self._seen = files
                self._take(files, await asyncio.to_thread(self._built, files))
                report()
            await self._change()

    async def _look(self) -> "_Seen":
        """What is on disk. A read that takes too long is waited for again next time, not started twice."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(asyncio.to_thread(_read, self._folder))
        done, _ = await asyncio.wait({self._reading}, timeout=LOOK_DEADLINE_S)
        if not done:
            slow = (
                f"{self._folder}: reading takes more than {LOOK_DEADLINE_S:.0f} s. Check the disk it is on."
            )
            return _Seen(slow, self.overlooked)
        reading, self._reading = self._reading, None
        return reading.result()

    def _built(self, files: dict[str, bytes] | str) -> Decider | tuple[str, ...]:
        if isinstance(files, str):
            return tuple(files.splitlines())
        try:
            return build(files, self._placeholder)
        except Exception as error:  # a fault of ours in odd files must not end the watch
            log.error("keywords_fault", exc_info=error)
            return (f"{self._folder}: a fault of the tagger ({type(error).__name__}). Report it.",)

    def _take(self, files: dict[str, bytes] | str, built: Decider | tuple[str, ...]) -> None:
        self.problems = () if isinstance(built, Decider) else built
        if isinstance(built, Decider) and not isinstance(files, str):
            self._put(built, files, "files")

    def _put(self, decider: Decider, files: Mapping[str, bytes], origin: Origin) -> None:
        self.decider, self.files, self.origin = decider, files, origin
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        """Return when the folder changed, after a while without news, or at `reload_soon`."""
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
                    self._is_polled = False
                    break
                else:
                    await self._poll()
        except Exception as error:  # noqa: BLE001 - no folder, no inotify instance left, a name not in UTF-8
            if not self._is_polled:
                log.warning("keywords_polled", error_type=type(error).__name__, seconds=LOOK_EVERY_MS / 1000)
            self._is_polled = True
            await self._poll()
        self._poke.clear()

    async def _poll(self) -> None:
        """Return after a while, or at `reload_soon`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_MS / 1000):
                await self._poke.wait()
