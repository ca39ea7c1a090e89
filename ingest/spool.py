"""Webhooks on the local disk while Kafka is away: one SQLite file in a folder that belongs to one process.

It promises that the outcome "spool" means synced to disk, that records come out in the order they went in, and that
neither a full disk nor a broken file ends the process: an unreadable file is moved aside for a person. Only the owner
can read its files, and they are emptied when drained. It never removes a record unasked.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import orjson
import structlog

from ingest.metrics import Metrics
from ingest.pending import Waiting
from ingest.topic import Record

GROUP_RECORDS_MAX: Final = 500  # per sync; with more the first ones would wait too long
PAGE_BYTES: Final = 4096  # SQLite's default
LOG_EVERY_S: Final = 5.0  # a full disk fails every webhook; one line is enough
CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)  # the file is lost
TRANSIENT: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # the disk may recover
# The lock comes first, or WAL would want shared memory. FULL: a commit is on the disk when it returns.
PRAGMAS: Final = (
    *("locking_mode=EXCLUSIVE", f"page_size={PAGE_BYTES}", "journal_mode=WAL", "synchronous=FULL"),
    "secure_delete=ON",  # what was removed is overwritten
)
COLUMNS: Final = (
    "(id INTEGER PRIMARY KEY, key BLOB, value BLOB, headers BLOB, crc INTEGER, kept_at REAL) STRICT"
)
TABLES: Final = f"CREATE TABLE IF NOT EXISTS records {COLUMNS}; CREATE TABLE IF NOT EXISTS refused {COLUMNS};"

log = structlog.get_logger()
T = TypeVar("T")


class SpoolError(Exception):
    """The folder cannot be used; the text says why, and what to do."""


class Row(NamedTuple):
    """A record in the spool."""

    id: int
    record: Record


class Spool:
    """For the event loop; one thread does all disk work, so the loop never waits for the disk."""

    def __init__(self, folder: Path, bytes_max: int, metrics: Metrics) -> None:
        """Open or create. Raises SpoolError."""
        self._file, self._bytes_max, self._metrics = folder / "spool.sqlite3", bytes_max, metrics
        self._thread = ThreadPoolExecutor(1, "spool")
        self._arriving: deque[tuple[int, Waiting]] = deque()  # bounded by the requests in flight
        self._writing: asyncio.Task[None] | None = None
        self.count = 0  # records on the disk
        self.last_id = 0  # of the newest record on the disk
        self._next_id = 1
        self._db: sqlite3.Connection | None = None
        self.failing = False  # the last attempt failed
        self._logged_at = -LOG_EVERY_S
        self._broken = False  # the file was found corrupt while in use
        self._lock = _lock(folder)
        try:
            self._open_or_move_aside()
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF not in TRANSIENT:
                raise SpoolError(f"The spool {folder} cannot be opened: {error.sqlite_errorname}.") from None
            self._failure(error)  # opened again when the disk has room

    @property
    def arriving(self) -> bool:
        """Whether any record is on its way to the disk."""
        return bool(self._arriving) or self._writing is not None

    def append(self, waiting: Waiting) -> int:
        """Take a record; its future gets "spool" once it is synced, or "not_stored". Returns its row's id."""
        row_id, self._next_id = self._next_id, self._next_id + 1
        self._arriving.append((row_id, waiting))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())
        return row_id

    async def read(self, count_max: int, bytes_max: int) -> list[Row]:
        """The oldest records, at least one unless the spool is empty."""
        return await self._on_thread(self._read, count_max, bytes_max, otherwise=[])

    async def remove(self, ids: Iterable[int], *, refused: Iterable[int] = ()) -> bool:
        """Remove what Kafka has, and set aside what it will never take. False if the disk failed."""
        return await self._on_thread(self._remove, list(ids), list(refused), otherwise=False)

    async def shrink(self) -> None:
        """Give the space back, and erase the last traces of drained records."""
        script = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"
        await self._on_thread(lambda db: db.executescript(script), otherwise=None)

    async def close(self) -> None:
        """Write what arrives, then free the folder."""
        if self._writing is not None:
            await self._writing
        if self._db is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._db.close)
        self._thread.shutdown()
        os.close(self._lock)

    async def _write(self) -> None:
        """Write what arrives in groups: one sync serves all that came during the one before."""
        while self._arriving:
            group = [self._arriving.popleft() for _ in range(min(len(self._arriving), GROUP_RECORDS_MAX))]
            kept = await self._on_thread(self._insert, group, otherwise=False)
            for _, waiting in group:
                waiting.ends("spool" if kept else "not_stored")
        self._writing = None

    async def _on_thread(self, work: Callable[..., T], *args: Any, otherwise: T) -> T:
        """Do the work on the disk's thread; if the disk fails, return `otherwise`."""
        done = await asyncio.get_running_loop().run_in_executor(self._thread, self._try, work, args)
        return otherwise if done is None else done[0]

    # What follows runs on the thread.

    def _try(self, work: Callable[..., T], args: tuple[Any, ...]) -> tuple[T] | None:
        try:
            if self._db is None:
                self._open_or_move_aside()
            result = work(self._db, *args)
            self._measure()
        except (sqlite3.Error, OSError) as error:
            self._failure(error)
            return None
        self.failing = False
        return (result,)

    def _failure(self, error: Exception) -> None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind
        reason = "corrupt" if code in CORRUPT else "full" if code == sqlite3.SQLITE_FULL else "disk"
        self._metrics.spool_failures.labels(reason).inc()
        if time.monotonic() - self._logged_at > LOG_EVERY_S:
            self._logged_at = time.monotonic()
            log.error("spool_failed", reason=reason, error_type=type(error).__name__)
        self.failing, self._broken = True, self._broken or reason == "corrupt"
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()  # rolls back; the next attempt opens it again
            self._db = None

    def _insert(self, db: sqlite3.Connection, group: list[tuple[int, Waiting]]) -> bool:
        now = time.time()
        rows = [(row_id, *_columns(waiting.record), now) for row_id, waiting in group]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
        self.count += len(rows)
        self.last_id = rows[-1][0]
        return True

    def _read(self, db: sqlite3.Connection, count_max: int, bytes_max: int) -> list[Row]:
        found, size = list[Row](), 0
        query = "SELECT id, key, value, headers, crc FROM records ORDER BY id LIMIT ?"
        for row_id, *columns in db.execute(query, (count_max,)):
            record = _record(*columns)
            size += len(record.value)
            if found and size > bytes_max:
                break
            found.append(Row(row_id, record))
        return found

    def _remove(self, db: sqlite3.Connection, ids: list[int], refused: list[int]) -> bool:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO refused SELECT * FROM records WHERE id = ?", [(i,) for i in refused])
        removed = db.executemany("DELETE FROM records WHERE id = ?", [(i,) for i in ids + refused]).rowcount
        db.execute("COMMIT")
        self.count -= removed
        return True

    def _measure(self) -> None:
        db = self._db
        assert db is not None
        pages, free = (db.execute(f"PRAGMA {n}").fetchone()[0] for n in ("page_count", "freelist_count"))
        oldest = db.execute("SELECT kept_at FROM records ORDER BY id LIMIT 1").fetchone()
        self._metrics.spool_records.set(self.count)
        self._metrics.spool_bytes.set((pages - free) * PAGE_BYTES)
        self._metrics.spool_oldest.set(oldest[0] if oldest else 0)

    def _open_or_move_aside(self) -> None:
        """Open the file; an unreadable one is kept under another name. Raises sqlite3.Error."""
        if not self._broken:
            try:
                self._open()
                return
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF not in CORRUPT:
                    raise
                self._failure(error)
        aside = f"{self._file.stem}.corrupt-{time.time_ns()}{self._file.suffix}"
        for suffix in ("", "-wal"):
            part = self._file.with_name(self._file.name + suffix)
            if part.exists():
                part.rename(self._file.with_name(aside + suffix))
        log.error("spool_moved_aside", reason="unreadable; sqlite3's .recover may save it", file=aside)
        self._broken = False
        self._open()

    def _open(self) -> None:
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite's other files get the same mode
        self._db = db = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        for pragma in (*PRAGMAS, f"max_page_count={self._bytes_max // PAGE_BYTES}"):
            db.execute(f"PRAGMA {pragma}")
        db.executescript(TABLES)
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise _corrupt("quick_check")
        self.count, last_id = db.execute("SELECT count(*), coalesce(max(id), 0) FROM records").fetchone()
        self.last_id = max(self.last_id, last_id)
        self._next_id = max(self._next_id, last_id + 1)
        folder = os.open(self._file.parent, os.O_RDONLY)
        os.fsync(folder)  # a new file's name must survive a power cut
        os.close(folder)
        self._measure()


def _lock(folder: Path) -> int:
    """Lock the folder until the process ends. Raises SpoolError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = f"The spool {folder} is in use by another process. Give each ingest its own folder."
        raise SpoolError(text) from None
    except OSError as error:
        raise SpoolError(f"The spool {folder} cannot be used: {error.strerror}.") from None
    return lock


def _columns(record: Record) -> tuple[bytes, bytes, bytes, int]:
    headers = orjson.dumps([(name, value.decode("latin-1")) for name, value in record.headers])
    return record.key, record.value, headers, zlib.crc32(record.key + record.value + headers)


def _record(key: bytes, value: bytes, headers: bytes, crc: int) -> Record:
    """A row as a record, checked: SQLite does not notice a page that the disk has changed."""
    whole = all(isinstance(column, bytes) for column in (key, value, headers))
    if not whole or zlib.crc32(key + value + headers) != crc:
        raise _corrupt("crc")
    pairs: list[list[str]] = orjson.loads(headers)
    return Record(key, value, tuple((name, text.encode("latin-1")) for name, text in pairs))


def _corrupt(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
