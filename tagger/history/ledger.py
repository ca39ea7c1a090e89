"""The ledger: decisions and corrections in SQLite, to be asked for. A read model of `livechat.decisions`.

Everything in it can be read from the topic again, so a file of another version is emptied and filled again. It never
holds what was said. For one command it is a private temporary file, which SQLite keeps in memory while it is small
and deletes at the end; `tagger web` keeps it in a file, with the position reached in each partition. One thread uses
it at a time. A million decisions take about 700 MB of disk and 64 MB of memory.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.records.past import because_json, because_of, read_past
from tagger.core.review.past_chat import Correction, PastChat, PastDecision, Place
from tagger.history.wanted import Key, Wanted, query_of

VERSION: Final = 1
CACHE_KIB: Final = 65_536  # pages that SQLite keeps in memory
BUSY_S: Final = 10.0  # to wait for another process that writes to the file
# Decisions kept: months of a busy installation, 7 GB. Beyond it those that come are counted and left out.
DECISIONS_MAX: Final = 10_000_000

_SCHEMA: Final = """
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id TEXT NOT NULL, thread_id TEXT NOT NULL, organization TEXT NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    tags TEXT NOT NULL, because BLOB NOT NULL, outcome TEXT NOT NULL, config TEXT NOT NULL,
    messages INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL, settled_at_ms INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;
CREATE INDEX decisions_of_thread ON decisions (chat_id, thread_id);
CREATE INDEX decisions_by_time ON decisions (ended_at_ms, id) WHERE newest;
CREATE INDEX decisions_untagged ON decisions (ended_at_ms, id) WHERE newest AND tags = '[]';
CREATE INDEX decisions_by_outcome ON decisions (outcome, ended_at_ms, id) WHERE newest;
CREATE TABLE labels (
    kind TEXT NOT NULL, name TEXT NOT NULL, ended_at_ms INTEGER NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (kind, name, ended_at_ms, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE corrections (
    chat_id TEXT NOT NULL, thread_id TEXT NOT NULL, organization TEXT NOT NULL,
    tag TEXT NOT NULL, change TEXT NOT NULL, at_ms INTEGER NOT NULL,
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL,
    PRIMARY KEY (chat_id, thread_id, organization, tag, topic, partition, "offset")
) STRICT, WITHOUT ROWID;
CREATE TABLE positions (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;
"""
_DECISION: Final = (
    "tags, because, outcome, config, messages, ended_at_ms, settled_at_ms, topic, partition, offset"
)
_INSERT: Final = f"""
INSERT INTO decisions (chat_id, thread_id, organization, {_DECISION}, newest) VALUES ({", ".join("?" * 14)})
"""
_OF_THREAD: Final = "chat_id = ? AND thread_id = ?"


class LedgerError(Exception):
    """The file cannot be used; the text says why and what to do."""


class Decided(NamedTuple):
    """The newest decision on a thread, and what people corrected there."""

    thread: ThreadKey
    decision: PastDecision
    corrections: tuple[Correction, ...]
    key: Key  # its place in the list


class Ledger:
    """Decisions and corrections, by thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or make it; without `path` the ledger is for this process alone. Raises LedgerError."""
        self.unusable = Counter[str]()  # records that are neither decision nor correction, by reason
        self.left_out = 0  # decisions beyond the limit
        try:
            self._db = sqlite3.connect(
                path or "", timeout=BUSY_S, check_same_thread=False, isolation_level=None
            )
            self._open("WAL", "NORMAL") if path else self._open("MEMORY", "OFF")
        except sqlite3.OperationalError as error:
            raise LedgerError(f"{path}: {error}. Name a folder that this user may write to.") from None
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{path}: {error}. Delete it: all of it is read from Kafka again.") from None

    def _open(self, journal: str, synchronous: str) -> None:
        try:
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._db.execute(f"PRAGMA journal_mode = {journal}")
            self._db.execute(f"PRAGMA synchronous = {synchronous}")
            self._prepare()
            (self._count,) = self._db.execute("SELECT count(*) FROM decisions").fetchone()
        except sqlite3.Error:
            self._db.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        drops = [f'DROP TABLE "{name}";' for (name,) in self._db.execute(tables)] if version else []
        self._db.executescript(f"BEGIN; {''.join(drops)} {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the file; a private one is deleted."""
        self._db.close()

    def take(self, topic: str, partition: int, values: Iterable[bytes | None], to: int) -> None:
        """Take records of one partition in order; the next one is at offset `to`. All of them or none."""
        self._db.execute("BEGIN")
        try:
            for value in values:
                self._take(value)
            self._db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", (topic, partition, to))
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def positions(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition of the topic that was read."""
        return dict(
            self._db.execute('SELECT partition, "offset" FROM positions WHERE topic = ?', (topic,)).fetchall()
        )

    def _take(self, value: bytes | None) -> None:
        past = read_past(value)
        if isinstance(past, str):
            self.unusable[past] += 1
        elif isinstance(past.what, Correction):
            self._correction(past.thread, past.what)
        elif self._count >= DECISIONS_MAX:
            self.left_out += 1
        else:
            self._decision(past.thread, past.what)

    def _decision(self, thread: ThreadKey, made: PastDecision) -> None:
        organization, chat_id, thread_id = thread
        # Without a place, a decision is told from another one by its time.
        place = made.place or Place("", -1, made.settled_at_ms)
        newest = True
        known = self._db.execute(
            'SELECT id, topic, partition, "offset", settled_at_ms FROM decisions '
            f"WHERE {_OF_THREAD} AND organization = ?",
            (chat_id, thread_id, organization),
        ).fetchall()
        for row_id, topic, partition, offset, settled_at_ms in known:
            if (topic, partition, offset) == place:
                self._db.execute("DELETE FROM decisions WHERE id = ?", (row_id,))
                self._count -= 1
            elif settled_at_ms > made.settled_at_ms:
                newest = False
            else:
                self._db.execute("UPDATE decisions SET newest = 0 WHERE id = ?", (row_id,))
        ended, tags = made.ended_at_ms, made.tags
        row = (
            *(chat_id, thread_id, organization, orjson.dumps(tags).decode(), because_json(made.because)),
            *(made.outcome, made.config, made.messages, ended, made.settled_at_ms, *place, int(newest)),
        )
        row_id = self._db.execute(_INSERT, row).lastrowid
        self._count += 1
        labels = {("tag", tag) for tag in tags} | {("rule", each.rule) for each in made.because}
        if labels:
            self._db.executemany(
                "INSERT INTO labels VALUES (?, ?, ?, ?)", [(*label, ended, row_id) for label in labels]
            )

    def _correction(self, thread: ThreadKey, made: Correction) -> None:
        organization, chat_id, thread_id = thread
        place = made.place or Place("", -1, made.at_ms)
        row = (chat_id, thread_id, organization, made.tag, made.change, made.at_ms, *place)
        self._db.execute(f"INSERT OR REPLACE INTO corrections VALUES ({', '.join('?' * 9)})", row)

    def decisions_on(self, thread: ThreadKey) -> tuple[PastDecision, ...]:
        """Return what was decided on a thread, oldest first. Without an organization any will do."""
        rows = self._db.execute(
            f"SELECT {_DECISION} FROM decisions WHERE {_OF_THREAD} AND ? IN ('', organization) "
            "ORDER BY settled_at_ms, id",
            (thread.chat_id, thread.thread_id, thread.organization),
        )
        return tuple(map(_decision_of, rows))

    def corrections_of(self, thread: ThreadKey) -> tuple[Correction, ...]:
        """Return what people corrected on a thread, oldest first. Without an organization any will do."""
        rows = self._db.execute(
            'SELECT tag, change, at_ms, topic, partition, "offset" FROM corrections '
            f"WHERE {_OF_THREAD} AND ? IN ('', organization) ORDER BY at_ms, partition, offset",
            (thread.chat_id, thread.thread_id, thread.organization),
        )
        return tuple(Correction(tag, change, at, _place(*place)) for tag, change, at, *place in rows)

    def threads_of(self, chat_id: str) -> list[ThreadKey]:
        """Return the threads of a chat that have a decision or a correction, newest decision first."""
        rows = self._db.execute(
            "SELECT organization, chat_id, thread_id, max(settled_at_ms) AS at FROM decisions WHERE chat_id = ?1 "
            "GROUP BY 1, 2, 3 UNION ALL SELECT organization, chat_id, thread_id, 0 FROM corrections "
            "WHERE chat_id = ?1 ORDER BY at DESC, thread_id",
            (chat_id,),
        )
        return list(dict.fromkeys(ThreadKey(*row[:3]) for row in rows))

    def chat(self, thread: ThreadKey) -> PastChat | None:
        """Return what is known of a thread without what was said; None if there is no decision on it."""
        decisions = self.decisions_on(thread)
        if not decisions:
            return None
        ended_at_ms = decisions[-1].ended_at_ms
        return PastChat(thread, ended_at_ms, None, decisions, self.corrections_of(thread))

    def count(self, wanted: Wanted) -> int:
        """Return how many threads' newest decisions are wanted."""
        query = query_of(wanted)
        (count,) = self._db.execute(f"SELECT count(*) {query.clause}", query.values).fetchone()
        return int(count)

    def page(self, wanted: Wanted, limit: int, before: Key | None = None) -> list[Decided]:
        """Return at most `limit` threads, those that ended last first; `before` is the key of the last one seen."""
        clause, values, order = query_of(wanted, before)
        columns = ", ".join(f"d.{name}" for name in _DECISION.split(", "))
        rows = self._db.execute(
            f"SELECT d.organization, d.chat_id, d.thread_id, d.id, {columns} {clause} ORDER BY {order} LIMIT ?",
            (*values, limit),
        )
        return [self._decided(row) for row in rows]

    def chats(self, wanted: Wanted) -> Iterator[PastChat]:
        """Yield the wanted threads as `chat` does, those that ended last first."""
        before: Key | None = None
        while page := self.page(wanted, 1_000, before):
            for each in page:
                chat = self.chat(each.thread)
                assert chat is not None, "it was listed"
                yield chat
            before = page[-1].key

    def _decided(self, row: tuple[Any, ...]) -> Decided:
        thread, decision = ThreadKey(*row[:3]), _decision_of(row[4:])
        return Decided(thread, decision, self.corrections_of(thread), Key(decision.ended_at_ms, row[3]))

    def delete_before(self, ended_ms: int) -> int:
        """Delete what ended, or was corrected, before this time; return the number of decisions."""
        self._db.execute("BEGIN")
        deleted = self._db.execute("DELETE FROM decisions WHERE ended_at_ms < ?", (ended_ms,)).rowcount
        self._db.execute("DELETE FROM labels WHERE ended_at_ms < ?", (ended_ms,))
        self._db.execute("DELETE FROM corrections WHERE at_ms < ?", (ended_ms,))
        self._db.execute("COMMIT")
        self._count -= deleted
        return deleted


def _decision_of(row: tuple[Any, ...]) -> PastDecision:
    tags, because, outcome, config, messages, ended_at_ms, settled_at_ms, *place = row
    return PastDecision(
        tuple(orjson.loads(tags)),
        because_of(because),
        outcome,
        config,
        messages,
        ended_at_ms,
        settled_at_ms,
        _place(*place),
    )


def _place(topic: str, partition: int, offset: int) -> Place | None:
    return Place(topic, partition, offset) if partition >= 0 else None
