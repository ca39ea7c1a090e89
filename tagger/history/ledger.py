"""The ledger: decisions and corrections in SQLite, to be asked for. A read model of `livechat.decisions`.

Everything in it can be read from the topic again, so a file of another version is emptied and filled again. It never
holds what was said. For one command it is a private temporary file, which SQLite keeps in memory while it is small
and deletes at the end; `tagger web` keeps it in a file, with the position reached in each partition. One thread uses
it at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.records.past import because_json, read_past
from tagger.core.review.last_words import last_words
from tagger.core.review.past_chat import Correction, PastDecision, Place, called_for
from tagger.history.ledger_file import opened
from tagger.history.ledger_view import DECISION, OF_THREAD, LedgerView, decision_of
from tagger.history.wanted import CORRECTED, NOT_WHOLLY_SET, TAGGED, UNSET, UNTAGGED, Key, Label

# Decisions kept: months of a busy installation, 7 GB. Beyond it those that come are counted and left out.
DECISIONS_MAX: Final = 10_000_000
NAMES_KEPT_MAX: Final = 10_000  # in memory, of tags, rules and the like; the rest is looked up

_INSERT: Final = f"""
INSERT INTO decisions (chat_id, thread_id, organization, {DECISION}, newest) VALUES ({", ".join("?" * 18)})
"""


class Ledger(LedgerView):
    """Decisions and corrections, by thread."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or make it; without `path` the ledger is for this process alone. Raises LedgerError."""
        self.unusable = Counter[str]()  # records that are neither decision nor correction, by reason
        self.left_out = 0  # decisions beyond the limit
        super().__init__(opened(path))
        self._names: dict[Label, int] = {}
        (count,) = self._db.execute("SELECT count(*) FROM decisions").fetchone()
        self.decisions: int = count

    def take(
        self,
        topic: str,
        partition: int,
        values: Iterable[bytes | None],
        to: int,
        last_ms: int | None = None,
    ) -> None:
        """Take records of one partition in order; the next one is at offset `to`. All of them or none.

        `last_ms` is the time of the record before `to`, by which a topic that was recreated is recognised.
        """
        with self._transaction():
            for value in values:
                self._take(value)
            self._db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)", (topic, partition, to, last_ms)
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all of the block, or none of it: what is counted in memory goes back, too."""
        counted = self.decisions, self.left_out, Counter(self.unusable)
        self._db.execute("BEGIN")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self.decisions, self.left_out, self.unusable = counted
            self._names.clear()  # some may have been made in it
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _take(self, value: bytes | None) -> None:
        past = read_past(value)
        if isinstance(past, str):
            self.unusable[past] += 1
        elif isinstance(past.what, Correction):
            self._correction(past.thread, past.what)
        elif self.decisions >= DECISIONS_MAX:
            self.left_out += 1
        else:
            self._decision(past.thread, past.what)

    def _decision(self, thread: ThreadKey, made: PastDecision) -> None:
        organization, chat_id, thread_id = thread
        # Without a place, a decision is told from another one by its time.
        place = made.place or Place("", -1, made.settled_at_ms)
        newest = True
        known = self._db.execute(
            'SELECT id, topic, partition, "offset", settled_at_ms, newest FROM decisions '
            f"WHERE {OF_THREAD} AND organization = ?",
            (chat_id, thread_id, organization),
        ).fetchall()
        for row_id, topic, partition, offset, settled_at_ms, was_newest in known:
            if (topic, partition, offset) == place:
                self._delete(row_id)
                continue
            if settled_at_ms > made.settled_at_ms:
                newest = False
            elif was_newest:
                self._unlabel(row_id)
                self._db.execute("UPDATE decisions SET newest = 0 WHERE id = ?", (row_id,))
        row = (
            *(chat_id, thread_id, organization, orjson.dumps(made.tags).decode(), because_json(made.because)),
            *(made.outcome, made.config, made.messages, made.ended_at_ms, made.settled_at_ms),
            *(orjson.dumps(made.held_back).decode(), orjson.dumps(made.untagged).decode()),
            *(made.began_at_ms, int(made.reasons_omitted), *place, int(newest)),
        )
        row_id = self._db.execute(_INSERT, row).lastrowid
        self.decisions += 1
        if newest:
            labels = _labels(organization, made, self._is_corrected(thread))
            self._label(Key(made.ended_at_ms, row_id or 0), labels)

    def _correction(self, thread: ThreadKey, made: Correction) -> None:
        organization, chat_id, thread_id = thread
        place = made.place or Place("", -1, made.at_ms)
        row = (chat_id, thread_id, organization, made.tag, made.change, made.at_ms, *place)
        self._db.execute(f"INSERT OR REPLACE INTO corrections VALUES ({', '.join('?' * 9)})", row)
        is_corrected = self._is_corrected(thread)
        for row_id, ended_at_ms in self._db.execute(
            f"SELECT id, ended_at_ms FROM decisions WHERE {OF_THREAD} AND organization = ? AND newest",
            (chat_id, thread_id, organization),
        ).fetchall():
            if is_corrected:
                self._label(Key(ended_at_ms, row_id), [CORRECTED])
            else:
                self._unlabel(row_id, [CORRECTED])

    def _is_corrected(self, thread: ThreadKey) -> bool:
        """Whether people changed what was decided, by all that is known of the thread."""
        people = self.corrections_of(thread)
        return bool(people and last_words(called_for(self.decisions_on(thread)), people))

    def _label(self, key: Key, labels: Iterable[Label]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO labels VALUES (?, ?, ?)", [(self._name(label), *key) for label in labels]
        )

    def _unlabel(self, row_id: int, labels: Iterable[Label] | None = None) -> None:
        """Take labels from a decision; None: all that it has."""
        (found,) = self._db.execute(
            f"SELECT organization, {DECISION} FROM decisions WHERE id = ?", (row_id,)
        ).fetchall()
        organization, made = found[0], decision_of(found[1:])
        given = _labels(organization, made, is_corrected=True) if labels is None else labels
        key = Key(made.ended_at_ms, row_id)
        self._db.executemany(
            "DELETE FROM labels WHERE label = ? AND ended_at_ms = ? AND id = ?",
            [(self._name(label), *key) for label in given],
        )

    def _delete(self, row_id: int) -> None:
        self._unlabel(row_id)
        self._db.execute("DELETE FROM decisions WHERE id = ?", (row_id,))
        self.decisions -= 1

    def _name(self, label: Label) -> int:
        """Return the number of a label, made if need be."""
        if label in self._names:
            return self._names[label]
        if len(self._names) >= NAMES_KEPT_MAX:
            self._names.clear()
        self._db.execute("INSERT OR IGNORE INTO names (kind, name) VALUES (?, ?)", label)
        (number,) = self._db.execute("SELECT id FROM names WHERE kind = ? AND name = ?", label).fetchone()
        self._names[label] = number
        return int(number)

    def delete_before(self, ended_ms: int, limit: int = -1) -> int:
        """Delete what ended, or was corrected, before this time; return the number of decisions.

        `limit` threads at most, the oldest first, so that nobody waits long for the file; -1: all.
        """
        which = "chat_id, thread_id, organization, tag, topic, partition, offset"
        with self._transaction():
            deleted = self._delete_threads("AND ended_at_ms < ?", (ended_ms, limit))
            self._db.execute(
                f"DELETE FROM corrections WHERE ({which}) IN "
                f"(SELECT {which} FROM corrections WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
                (ended_ms, limit),
            )
        return deleted

    def delete_oldest(self, limit: int) -> int:
        """Delete so many threads, those that ended first; return the number of decisions."""
        with self._transaction():
            return self._delete_threads("", (limit,))

    def _delete_threads(self, condition: str, values: tuple[int, ...]) -> int:
        threads = self._db.execute(
            f"SELECT chat_id, thread_id, organization FROM decisions WHERE newest {condition} "
            "ORDER BY ended_at_ms, id LIMIT ?",
            values,
        ).fetchall()
        before, same = self.decisions, f"{OF_THREAD} AND organization = ?"
        for thread in threads:
            for (row_id,) in self._db.execute(f"SELECT id FROM decisions WHERE {same}", thread).fetchall():
                self._delete(row_id)
            self._db.execute(f"DELETE FROM corrections WHERE {same}", thread)
        return before - self.decisions


def _labels(organization: str, made: PastDecision, is_corrected: bool) -> list[Label]:
    """Return what the newest decision on a thread is found by."""
    labels = {Label("tag", tag) for tag in made.tags} | {Label("rule", each.rule) for each in made.because}
    labels |= {Label("outcome", made.outcome), Label("organization", organization)}
    labels.add(TAGGED if made.tags else UNTAGGED)
    if is_corrected:
        labels.add(CORRECTED)
    if made.outcome in NOT_WHOLLY_SET and made.tags:
        labels.add(UNSET)
    return list(labels)
