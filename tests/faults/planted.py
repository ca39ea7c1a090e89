"""What can be wrong inside a service, planted into the real process from outside: bugs, and clocks that are off.

A service whose settings include `planted(...)` starts with that one thing wrong. Bugs of the pure core are those of
`tests/simulation/mutants.py`; those of the shell stand here. A suite that passes in spite of a bug proves nothing.
"""

import asyncio
import mmap
import os
import struct
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
BUG, CLOCK, NAMES_GONE = "PLANTED_BUG", "PLANTED_CLOCK", "PLANTED_NAMES_GONE"
SUITE: Final = "FAULTS_PLANTED"  # has all worlds of a test run plant this bug
OFF: Final = struct.Struct("d")  # seconds that a clock is ahead
DIES_AFTER_S: Final = 2.0


def planted(bug: str = "", clock: Path | None = None, names_gone: Path | None = None) -> dict[str, str]:
    """Settings of a service: `bug` is a key of BUGS, `clock` a file of `Clock`; while there is a file `names_gone`, no
    name of a host is known."""
    found = {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parent / "planting"), str(ROOT)))}
    wanted = {BUG: bug, CLOCK: clock, NAMES_GONE: names_gone}
    return found | {name: str(value) for name, value in wanted.items() if value}


class Clock:
    """The wall clock of services, which may jump at any time; the file tells them by how much it is off."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.jump(0.0)

    def jump(self, ahead_s: float) -> None:
        """From now on it is so many seconds ahead of ours."""
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(OFF.pack(ahead_s))


def plant() -> None:
    """In the process itself: do what its environment says."""
    if file := os.environ.get(CLOCK):
        _put_off(Path(file))
    if file := os.environ.get(NAMES_GONE):
        _lose_names(Path(file))
    bug, service = os.environ.get(BUG, ""), sys.orig_argv[2:3]
    if bug and service in (["ingest"], ["tagger"]):
        BUGS[bug]()


def _put_off(file: Path) -> None:
    with file.open("rb") as opened:
        ahead = mmap.mmap(opened.fileno(), OFF.size, prot=mmap.PROT_READ)
    seconds, nanoseconds = time.time, time.time_ns
    time.time = lambda: seconds() + OFF.unpack(ahead)[0]
    time.time_ns = lambda: nanoseconds() + int(OFF.unpack(ahead)[0] * 1e9)


def _lose_names(file: Path) -> None:
    from aiohttp import resolver

    resolve, are_gone = resolver.DefaultResolver.resolve, file.exists

    async def resolves(self: Any, *arguments: Any, **named: Any) -> Any:
        if are_gone():
            raise OSError("no name is known")
        return await resolve(self, *arguments, **named)

    resolver.DefaultResolver.resolve = resolves  # type: ignore[method-assign]


def _mutant(name: str) -> None:
    """Of the pure core, until the process ends."""
    from tests.simulation.mutants import MUTANTS

    mutant = next(each for each in MUTANTS if each.name == name)
    setattr(mutant.owner, mutant.attribute, mutant.make(mutant.owner.__dict__[mutant.attribute]))


def _answered_too_early() -> None:
    """`ingest` answers 200 when a record is on its way, not when it is stored."""
    from ingest.store import Store

    keep, going = Store.keep, set[asyncio.Task[Any]]()

    async def keeps(self: Store, record: Any) -> str:
        task = asyncio.create_task(keep(self, record))
        going.add(task)
        task.add_done_callback(going.discard)
        return "kafka"

    Store.keep = keeps  # type: ignore[assignment]


def _seek_lost() -> None:
    """What is below the committed offset is not read, and nobody notices."""
    from tagger.core.partition.protocol import Seek
    from tagger.kafka.preparing import Preparing

    _mutant("a lost seek is not noticed")
    go = Preparing._go

    def goes(self: Preparing, assigned: Any, move: Seek) -> None:
        go(self, assigned, Seek(max(move.offset, assigned.began_at)))

    Preparing._go = goes  # type: ignore[method-assign]


def _late_completion() -> None:
    """A job that goes on after its partition was taken away, and waits for its answer however long that takes, settles
    whatever job has its number by then."""
    from tagger.kafka.assigned import Assigned
    from tagger.kafka.consumer import Consumer
    from tagger.livechat import transport

    transport.TRY_TIMEOUT_S = 600.0  # type: ignore[misc]

    class Latest:
        """The partition as it is now, not as it was when the job began."""

        def __init__(self, consumer: Consumer, assigned: Assigned) -> None:
            self._consumer, self._assigned = consumer, assigned

        def __getattr__(self, name: str) -> Any:
            now = self._consumer.assigned.get(self._assigned.tp.partition, self._assigned)
            return getattr(now, name)

    pump, close_all = Consumer.pump, Consumer._close_all

    def pumps(self: Consumer, assigned: Assigned) -> None:
        if not hasattr(self, "_settled_late"):
            self._settled_late, settle = True, self._settle
            self._settle = lambda each, job: settle(Latest(self, each), job)  # type: ignore[arg-type]
        pump(self, assigned)

    def closes(self: Consumer) -> Any:
        for assigned in self.assigned.values():
            assigned.tasks = set()  # they go on
        cancelled = close_all(self)
        self._kept = {}
        return cancelled

    Consumer.pump, Consumer._close_all = pumps, closes  # type: ignore[method-assign]


def _ended_twice() -> None:
    """A thread whose end is told again is decided on again."""
    from tagger.core.partition.state import State

    ended = State._chat_ended

    def ends(self: State, fact: Any, offset: int, at_ms: int) -> None:
        thread = self.expiry.index.get(fact.organization, fact.chat_id, fact.thread_id)
        again = thread is not None and thread.ending is not None and thread.ending.ended
        ended(self, fact, offset, at_ms)
        if again and thread is not None:
            self._due(thread, offset, at_ms)

    State._chat_ended = ends  # type: ignore[method-assign]


def _task_dies(name: str) -> None:
    """A background task ends after some seconds, and nobody starts it again."""
    from ingest.runtime.supervision import Tasks

    keep = Tasks._keep

    async def keeps(self: Tasks, task: str, run: Any) -> None:
        try:
            async with asyncio.timeout(DIES_AFTER_S if task == name else None):
                await keep(self, task, run)
        except TimeoutError:
            return

    Tasks._keep = keeps  # type: ignore[assignment]


BUGS: Final[dict[str, Callable[[], None]]] = {
    "commit too early": partial(_mutant, "the position is committed"),
    "one too many is committed": partial(_mutant, "one too many is committed"),
    "200 too early": _answered_too_early,
    "seek lost": _seek_lost,
    "late completion accepted": _late_completion,
    "ended twice, decided twice": _ended_twice,
    "the task that commits dies": partial(_task_dies, "commits"),
    "the task that reads dies": partial(_task_dies, "poll"),
}
