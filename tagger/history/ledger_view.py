"""What can be asked of a ledger. Any number of connections may ask one file at the same time, each in one thread."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.records.past import because_of
from tagger.core.review.authorship import corrected
from tagger.core.review.past_chat import Correction, PastChat, PastDecision, Place, called_for
from tagger.history.wanted import Key, Kind, Label, Query, Wanted, query_of

NAMES_LISTED_MAX: Final = 1_000  # of one kind, for a person to choose from
RARITY_EXAMINED: Final = 10_000  # to tell which of several labels is the rarest
# A page asks seven times for what has the same few labels since the same moment.
RARITIES_KEPT_MAX: Final = 256

DECISION: Final = (
    "tags, because, outcome, config, messages, ended_at_ms, settled_at_ms, "
    "held_back, untagged, began_at_ms, reasons_omitted, topic, partition, offset"
)
OF_THREAD: Final = "chat_id = ? AND thread_id = ?"
DAY_MS: Final = 86_400_000
_SAME_THREAD: Final = (
    "c.chat_id = n.chat_id AND c.thread_id = n.thread_id AND c.organization = n.organization"
)


class Decided(NamedTuple):
    """The newest decision on a thread, and what people corrected there."""

    thread: ThreadKey
    decision: PastDecision
    corrections: tuple[Correction, ...]
    key: Key  # its place in the list


class Page(NamedTuple):
    """Part of a list, newest first."""

    rows: list[Decided]
    # Where to go on if nothing follows within what was looked at: the last place that was; None: to the last row.
    looked_to: Key | None = None


class LedgerView:
    """Decisions and corrections, by thread, as far as they were taken when it is asked."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db` is an open ledger; see `ledger_file.opened`."""
        self._db = db
        # Only an order: it need not be up to date.
        self._rarities: dict[tuple[Label, Wanted, int], int] = {}

    def close(self) -> None:
        """Close the file; a private one is deleted."""
        self._db.close()

    def interrupt(self) -> None:
        """Make what another thread asks fail at once."""
        self._db.interrupt()

    def positions(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition of the topic that was read."""
        return dict(
            self._db.execute('SELECT partition, "offset" FROM positions WHERE topic = ?', (topic,)).fetchall()
        )

    def topics(self) -> list[str]:
        """Return the topics that were read into it."""
        return [topic for (topic,) in self._db.execute("SELECT DISTINCT topic FROM positions ORDER BY topic")]

    def last_times(self, topic: str) -> dict[int, int]:
        """Return the time of the last record that was read of each partition, where it is known (ms)."""
        found = self._db.execute(
            "SELECT partition, last_ms FROM positions WHERE topic = ? AND last_ms IS NOT NULL", (topic,)
        )
        return dict(found.fetchall())

    def decisions_on(self, thread: ThreadKey) -> tuple[PastDecision, ...]:
        """Return what was decided on a thread, oldest first. Without an organization any will do."""
        rows = self._db.execute(
            f"SELECT {DECISION} FROM decisions WHERE {OF_THREAD} AND ? IN ('', organization) "
            "ORDER BY settled_at_ms, id",
            (thread.chat_id, thread.thread_id, thread.organization),
        )
        return tuple(map(decision_of, rows))

    def corrections_of(self, thread: ThreadKey) -> tuple[Correction, ...]:
        """Return what people corrected on a thread (see `authorship.corrected`).

        Without an organization any will do.
        """
        told = self.told_of(thread)
        return corrected(told, self.decisions_on(thread)) if told else ()

    def told_of(self, thread: ThreadKey) -> tuple[Correction, ...]:
        """Return what LiveChat told of the tags of a thread, oldest first, as it was recorded: by whomever."""
        rows = self._db.execute(
            'SELECT tag, change, at_ms, topic, partition, "offset" FROM corrections '
            f"WHERE {OF_THREAD} AND ? IN ('', organization) ORDER BY at_ms, partition, offset",
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
        told = self.told_of(thread)
        return PastChat(thread, ended_at_ms, None, decisions, corrected(told, decisions), told=told)

    def names(self, kind: Kind) -> list[str]:
        """Return the names that there are labels of, in order: the first NAMES_LISTED_MAX."""
        found = self._db.execute(
            "SELECT name FROM names n WHERE kind = ? AND EXISTS (SELECT 1 FROM labels WHERE label = n.id) "
            "ORDER BY name LIMIT ?",
            (kind, NAMES_LISTED_MAX),
        )
        return [name for (name,) in found]

    def count(self, wanted: Wanted, examined: int = -1, *, after: Key | None = None) -> int:
        """Return how many threads' newest decisions are wanted, ahead of `after` if it is given.

        Looks at `examined` decisions at most (-1: at all).
        """
        labels = self._rarest_first(wanted, examined)
        query = query_of(wanted, labels, after=after, examined=examined)
        return self._number(query)

    def called_for(self, each: Decided) -> frozenset[str]:
        """Return what decisions on a thread called for; only where people corrected it is more looked up."""
        return called_for(self.decisions_on(each.thread) if each.corrections else (each.decision,))

    def has_corrections(self) -> bool:
        """Return whether anything was ever corrected: whether LiveChat tells of it."""
        return self._db.execute("SELECT 1 FROM corrections LIMIT 1").fetchone() is not None

    def page(self, wanted: Wanted, limit: int, before: Key | None = None) -> list[Decided]:
        """Return at most `limit` threads, those that ended last first; `before` is the key of the last one seen."""
        return self.look(wanted, limit, before=before).rows

    def look(
        self,
        wanted: Wanted,
        limit: int,
        *,
        before: Key | None = None,
        after: Key | None = None,
        examined: int = -1,
    ) -> Page:
        """Return at most `limit` threads, newest first: behind `before`, or the nearest ones ahead of `after`.

        Looks at `examined` decisions at most (-1: at all), so that a filter which nearly nothing passes takes no
        longer than others.
        """
        labels = self._rarest_first(wanted, examined)
        query = query_of(wanted, labels, before=before, after=after, examined=examined)
        rows = self._rows(query.clause, query.values, limit)
        looked_to = None
        if len(rows) < limit and examined >= 0:
            driver = query_of(wanted, labels[:1], before=before, after=after, examined=examined)
            last = f"SELECT ended_at_ms, id {driver.clause} LIMIT 1 OFFSET ?"
            found = self._db.execute(last, (*driver.values, examined - 1)).fetchone()
            looked_to = Key(*found) if found else None
        return Page(rows if after is None else rows[::-1], looked_to)

    def came_after(self, wanted: Wanted, newer_id: int, limit: int) -> list[Decided]:
        """Return what is wanted and came after the decision with this id, the last one first; `limit` at most."""
        query = query_of(wanted, wanted.labels(), newer_id=newer_id)
        return self._rows(query.clause, query.values, limit)

    def last_id(self) -> int:
        """Return the id of the decision that came last; 0: there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()[0])

    def _rows(self, clause: str, values: Sequence[Any], limit: int) -> list[Decided]:
        columns = ", ".join(f"d.{name}" for name in DECISION.split(", "))
        source, _, conditions = clause.partition(") k")
        rows = self._db.execute(
            f"SELECT d.organization, d.chat_id, d.thread_id, d.id, {columns} {source}) k "
            f"CROSS JOIN decisions d ON d.id = k.id{conditions} LIMIT ?",
            (*values, limit),
        )
        return [self._decided(row) for row in rows]

    def _rarest_first(self, wanted: Wanted, examined: int) -> list[Label]:
        """Return the labels of what is wanted, that of the fewest decisions in its time first."""
        labels = wanted.labels()
        if len(labels) < 2:
            return labels
        asked = Wanted(since_ms=wanted.since_ms, until_ms=wanted.until_ms)
        most = examined if examined >= 0 else RARITY_EXAMINED
        return sorted(labels, key=lambda label: self._rarity(label, asked, most))

    def _rarity(self, label: Label, asked: Wanted, most: int) -> int:
        """Of how many decisions a label is, up to `most`."""
        if (key := (label, asked, most)) not in self._rarities:
            if len(self._rarities) >= RARITIES_KEPT_MAX:
                self._rarities.clear()
            self._rarities[key] = self._number(query_of(asked, [label], examined=most))
        return self._rarities[key]

    def _number(self, query: Query) -> int:
        return int(self._db.execute(f"SELECT count(*) {query.clause}", query.values).fetchone()[0])

    def days(self, since_ms: int) -> dict[int, int]:
        """Return a number for each day since then (days since 1970, UTC) that changes with what is known of it."""
        found = dict[int, int]()
        for day, count, ids in self._db.execute(
            f"SELECT ended_at_ms / {DAY_MS} AS day, count(*), sum(id) FROM decisions "
            "WHERE newest AND ended_at_ms >= ? GROUP BY day",
            (since_ms,),
        ):
            found[day] = hash((count, ids))
        for day, count, times in self._db.execute(
            f"SELECT n.ended_at_ms / {DAY_MS} AS day, count(*), sum(c.at_ms) FROM corrections c "
            f"JOIN decisions n ON {_SAME_THREAD} WHERE n.newest AND n.ended_at_ms >= ? AND c.at_ms >= ? GROUP BY day",
            (since_ms, since_ms),
        ):
            found[day] = hash((found.get(day), count, times))
        return found

    def ended_between(self, since_ms: int, until_ms: int) -> Iterator[PastChat]:
        """Yield the threads that ended then, as `chat` does, in order; two questions for all of them."""
        between, times = "n.newest AND n.ended_at_ms >= ? AND n.ended_at_ms < ?", (since_ms, until_ms)
        corrections: dict[ThreadKey, list[Correction]] = {}
        for organization, chat_id, thread_id, tag, change, at_ms, *place in self._db.execute(
            "SELECT c.organization, c.chat_id, c.thread_id, c.tag, c.change, c.at_ms, c.topic, c.partition, "
            f'c."offset" FROM decisions n CROSS JOIN corrections c ON {_SAME_THREAD} WHERE {between} '
            "ORDER BY c.at_ms, c.partition, c.offset",
            times,
        ):
            thread = ThreadKey(organization, chat_id, thread_id)
            corrections.setdefault(thread, []).append(Correction(tag, change, at_ms, _place(*place)))
        columns = ", ".join(f"c.{name}" for name in DECISION.split(", "))
        rows = self._db.execute(
            f"SELECT c.organization, c.chat_id, c.thread_id, {columns} FROM decisions n CROSS JOIN decisions c "
            f"ON {_SAME_THREAD} WHERE {between} ORDER BY n.ended_at_ms, n.id, c.settled_at_ms, c.id",
            times,
        )
        for key, group in groupby(rows, lambda row: row[:3]):
            thread, made = ThreadKey(*key), tuple(decision_of(row[3:]) for row in group)
            told = tuple(corrections.get(thread, ()))
            yield PastChat(thread, made[-1].ended_at_ms, None, made, corrected(told, made), told=told)

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
        thread, decision = ThreadKey(*row[:3]), decision_of(row[4:])
        return Decided(thread, decision, self.corrections_of(thread), Key(decision.ended_at_ms, row[3]))


def decision_of(row: tuple[Any, ...]) -> PastDecision:
    """Read a row of the columns DECISION."""
    tags, because, outcome, config, messages, ended_at_ms, settled_at_ms, *more = row
    held_back, untagged, began_at_ms, reasons_omitted, *place = more
    return PastDecision(
        tuple(orjson.loads(tags)),
        because_of(because),
        outcome,
        config,
        messages,
        ended_at_ms,
        settled_at_ms,
        _place(*place),
        tuple(orjson.loads(held_back)),
        tuple(orjson.loads(untagged)),
        began_at_ms,
        bool(reasons_omitted),
    )


def _place(topic: str, partition: int, offset: int) -> Place | None:
    return Place(topic, partition, offset) if partition >= 0 else None
