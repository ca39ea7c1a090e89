"""A ledger that is kept in a folder, asked and filled from an event loop without ever holding it up.

One thread writes and a few read, each on a connection of its own: SQLite lets them. Without a folder it is a private
temporary file that one thread has, and what is asked waits for what is taken. One process has a folder: it is locked.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final, TypeVar

from tagger.history.ledger import Ledger
from tagger.history.ledger_file import LedgerError, opened
from tagger.history.ledger_view import LedgerView

FILE: Final = "ledger.sqlite3"
LOCK: Final = "ledger.lock"
READERS: Final = 3  # each with a page cache of 16 MB
ASK_S_MAX: Final = 10.0  # with its wait; a page takes some milliseconds

T = TypeVar("T")


class AskingTooLongError(Exception):
    """A question had no answer in time; it was ended."""


class KeptLedger:
    """The ledger of one process, for its event loop."""

    def __init__(self, folder: Path | None, topic: str) -> None:
        """Open the ledger of a topic in a folder, and make both if need be; None: for this process alone.

        Raises LedgerError.
        """
        self._lock = _locked(folder) if folder else None
        path = folder / FILE if folder else None
        try:
            self._ledger = Ledger(path)
            if others := [each for each in self._ledger.topics() if each != topic]:
                self._ledger.close()
                raise LedgerError(
                    f"{path}: it is the ledger of topic {others[0]}. Name another folder for {topic}."
                )
        except LedgerError:
            self._unlock()
            raise
        self._writer = ThreadPoolExecutor(1, "ledger-writer")
        views: list[LedgerView] = [self._ledger]
        self._readers = self._writer
        if path is not None:
            views = [LedgerView(opened(path, reads_only=True)) for _ in range(READERS)]
            self._readers = ThreadPoolExecutor(READERS, "ledger-reader")
        self._views, self._free = views, SimpleQueue[LedgerView]()
        for view in views:
            self._free.put(view)

    async def write(self, work: Callable[[Ledger], T]) -> T:
        """Return what a function does to the ledger. It is not interrupted, so it must be short: see `Ledger.take`."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, self._ledger)

    async def ask(self, question: Callable[[LedgerView], T]) -> T:
        """Return the answer to a question. AskingTooLongError where it takes more than ASK_S_MAX."""
        asked: list[LedgerView] = []
        is_over = False

        def answer() -> T:
            view = self._free.get()
            asked.append(view)
            try:
                if is_over:
                    raise AskingTooLongError
                return question(view)
            finally:
                asked.clear()
                self._free.put(view)

        running = asyncio.get_running_loop().run_in_executor(self._readers, answer)
        try:
            async with asyncio.timeout(ASK_S_MAX):
                return await asyncio.shield(running)
        except TimeoutError:
            raise AskingTooLongError from None
        finally:
            is_over = True
            # The writer's own connection is never interrupted: that would end what it takes.
            if not running.done():
                running.add_done_callback(_seen)
                for view in asked:
                    if view is not self._ledger:
                        view.interrupt()

    async def close(self) -> None:
        """Close the file; what still runs ends first."""
        for view in self._views:
            view.interrupt()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        for view in {self._ledger, *self._views}:
            view.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _seen(running: asyncio.Future[T]) -> None:
    """Nobody waits for it any more, so nobody is told how it ended."""
    if not running.cancelled():
        running.exception()


def _locked(folder: Path) -> int:
    """Make folder and file where they are missing, for their owner only; the descriptor of the lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"{folder}: {error.strerror}. Name a folder that this user may write to.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise LedgerError(
                f"{folder}: another `tagger web` uses it. Give each a folder of its own."
            ) from None
        raise LedgerError(
            f"{folder}: cannot be locked: {error.strerror}. Name a folder on a local disk."
        ) from None
    return lock
