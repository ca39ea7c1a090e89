"""The file of a ledger: made, recognised and opened. Raises LedgerError for whatever it cannot be used for."""

import sqlite3
from pathlib import Path
from typing import Final

VERSION: Final = 3
APPLICATION: Final = 0x4C54_4C47  # "LTLG", in the file's header: ours, so it may be emptied
CACHE_KIB: Final = 65_536  # pages that SQLite keeps in memory for one who writes
READER_CACHE_KIB: Final = 16_384
BUSY_S: Final = 10.0  # to wait for another process that writes to the file
# Of 4 KiB that gather in the write-ahead log before they go into the file: what is written again and again goes once.
CHECKPOINT_PAGES: Final = 8_192
WAL_BYTES_MAX: Final = 64 << 20  # of the write-ahead log that stay on disk

# Names and labels: what the newest decision on each thread is found by. A label is an integer, and its row small.
_SCHEMA: Final = """
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL, thread_id TEXT NOT NULL, organization TEXT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    tags TEXT NOT NULL, because BLOB NOT NULL, outcome TEXT NOT NULL, config TEXT NOT NULL,
    messages INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL, settled_at_ms INTEGER NOT NULL,
    held_back TEXT NOT NULL, untagged TEXT NOT NULL, began_at_ms INTEGER, reasons_omitted INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_of_thread ON decisions (chat_id, thread_id);
CREATE INDEX decisions_by_thread_id ON decisions (thread_id);
CREATE INDEX decisions_by_time ON decisions (ended_at_ms, id) WHERE newest;
CREATE TABLE names (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name)
) STRICT;
CREATE TABLE labels (
    label INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (label, ended_at_ms, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE corrections (
    chat_id TEXT NOT NULL, thread_id TEXT NOT NULL, organization TEXT NOT NULL,
    tag TEXT NOT NULL, change TEXT NOT NULL, at_ms INTEGER NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    PRIMARY KEY (chat_id, thread_id, organization, tag, topic, partition, "offset")
) STRICT, WITHOUT ROWID;
CREATE INDEX corrections_by_time ON corrections (at_ms);
CREATE TABLE positions (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, last_ms INTEGER,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
"""


class LedgerError(Exception):
    """The file cannot be used; the text says why and what to do."""


def opened(path: Path | None, *, reads_only: bool = False) -> sqlite3.Connection:
    """Open the file, or make it; without `path` a private temporary one. Raises LedgerError.

    `reads_only`: the file was opened before, and is only asked.
    """
    try:
        db = sqlite3.connect(path or "", timeout=BUSY_S, check_same_thread=False, isolation_level=None)
        try:
            _set_up(db, path, reads_only)
        except BaseException:
            db.close()
            raise
    except sqlite3.OperationalError as error:
        raise LedgerError(f"{path}: {error}. Name a folder that this user may write to.") from None
    except sqlite3.DatabaseError as error:
        raise LedgerError(damaged(path, error)) from None
    return db


def damaged(path: Path | None, error: sqlite3.DatabaseError) -> str:
    """Say what to do about a file that is damaged."""
    return f"{path}: {error}. Delete it: all of it is read from Kafka again."


def _set_up(db: sqlite3.Connection, path: Path | None, reads_only: bool) -> None:
    db.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB if reads_only else CACHE_KIB}")
    if reads_only:
        db.execute("PRAGMA query_only = ON")
        return
    _check_ours(db, path)
    db.execute(f"PRAGMA journal_mode = {'WAL' if path else 'MEMORY'}")
    db.execute(f"PRAGMA synchronous = {'NORMAL' if path else 'OFF'}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    drops = "".join(f'DROP TABLE "{name}"; ' for name in _tables(db))
    marks = f"PRAGMA user_version = {VERSION}; PRAGMA application_id = {APPLICATION};"
    db.executescript(f"BEGIN; {drops}{_SCHEMA}{marks} COMMIT;")


def _check_ours(db: sqlite3.Connection, path: Path | None) -> None:
    """Whatever is in a file of ours may go; another program's may not."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION and _tables(db):
        raise LedgerError(f"{path}: it is another program's database. Name another folder, or move it away.")


def _tables(db: sqlite3.Connection) -> list[str]:
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return [name for (name,) in db.execute(named)]
