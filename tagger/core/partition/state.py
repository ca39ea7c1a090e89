"""What one partition knows: the threads in its records, and the jobs that these call for. Pure.

A function of the records from `replay_from` to `position`, so it can be dropped and rebuilt at any moment.
Each record is folded once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from tagger.core.conversation import ThreadKey
from tagger.core.limits import TIME_MS_MAX, Limits
from tagger.core.partition.corrections import Noted
from tagger.core.partition.jobs import Jobs
from tagger.core.partition.protocol import Record
from tagger.core.partition.settling import Settling
from tagger.core.threads.ending import Ending
from tagger.core.threads.event_text import FIELD_CHARS_MAX
from tagger.core.threads.expiry import Expiry
from tagger.core.threads.fact_reader import checked, skim
from tagger.core.threads.facts import (
    ChatEnded,
    ChatStarted,
    EventReceived,
    Fact,
    Ignored,
    TagChanged,
    Unreadable,
)
from tagger.core.threads.thread import Thread

# Time advances in steps of at least this much: all limits are of many seconds.
_MOMENT_MS: Final = 100


class State:
    """The fold of a partition's records."""

    def __init__(
        self,
        limits: Limits,
        count: Counter[tuple[str, str]],
        is_home: Callable[[str, str], bool],
        bytes_max: int,
        *,
        several: bool,
    ) -> None:
        self._limits, self._count = limits, count
        self._events_max, self._bytes_max = limits.thread_events_max, limits.thread_bytes_max
        self.expiry = Expiry(limits, count, self._ask, self._is_settled, is_home)
        self.settling = Settling(limits, count, self.expiry, Jobs(limits, bytes_max, several=several))
        self.position = 0
        self.effects_from = 0
        self.last_record_ms: int | None = None  # the last record's own time

    @property
    def jobs(self) -> Jobs:
        """The job queue of this assignment."""
        return self.settling.jobs

    def fold(self, records: Iterable[Record], latest_ms: int) -> int | None:
        """Fold records; skip those below the position. A record time after `latest_ms` comes from a wrong clock.

        Offsets are consecutive: at a gap the fold stops, and the offset after the gap is returned. A restart folds
        hundreds of thousands of records, nearly all events of known threads, so the loop makes as few calls for
        these as possible.
        """
        expiry, index = self.expiry, self.expiry.index
        newest, said = index.chats.get, self._said
        position, next_moment_ms, clock_ms = self.position, expiry.newest_ms + _MOMENT_MS, expiry.clock_ms
        for record in records:
            offset, at_ms = record.offset, record.timestamp
            if offset != position:
                if offset < position:
                    continue
                return offset
            if at_ms >= next_moment_ms:
                if at_ms <= TIME_MS_MAX:
                    expiry.pass_to(at_ms if at_ms < latest_ms else latest_ms, offset)
                next_moment_ms, clock_ms = expiry.newest_ms + _MOMENT_MS, expiry.clock_ms
            self.position = position = offset + 1
            self.last_record_ms = at_ms
            fact = skim(record.key, record.value)
            if type(fact) is not EventReceived:
                self._other(fact, offset, at_ms)
                continue
            organization, chat_id, thread_id, event_id, author_id, fields = fact
            thread = newest((organization, chat_id))
            if thread is None or thread.thread_id != thread_id:
                thread = index.get(organization, chat_id, thread_id)
            if thread is None:
                fact = checked(fact)
                if not isinstance(fact, EventReceived):
                    self._other(fact, offset, at_ms)
                    continue
                if not fields:
                    continue  # nothing was said; a thread known by no more than this is fetched when it ends
                thread = self._known(organization, chat_id, thread_id, offset, at_ms)
            thread.last_ms = clock_ms
            if fields and said(thread, event_id, author_id, fields) and thread.ending is not None:
                self._due(thread, offset, at_ms)
        return None

    def _other(self, fact: Fact, offset: int, at_ms: int) -> None:
        if isinstance(fact, ChatStarted):
            self._chat_started(fact, offset, at_ms)
        elif isinstance(fact, ChatEnded):
            self._chat_ended(fact, offset, at_ms)
        elif isinstance(fact, TagChanged):
            self._tag_changed(fact, offset, at_ms)
        elif isinstance(fact, Unreadable):
            self._unreadable(fact, offset, at_ms)
        elif isinstance(fact, Ignored):
            self._count["ignored", fact.reason] += 1

    def _chat_started(self, fact: ChatStarted, offset: int, at_ms: int) -> None:
        thread = self._known(fact.organization, fact.chat_id, fact.thread_id, offset, at_ms)
        news, grown = thread.begin(fact)
        # Its end may be below what was re-read, or cut off: then this came late, and no end will follow.
        thread.asks |= offset < self.effects_from or not thread.created_since(self.expiry.complete_since_ms)
        self.settling.grew(thread, grown)
        if fact.odd_events:
            news = True
            self._holed(thread, "unreadable")
        for event in fact.events:
            news |= self._said(thread, *event)
        if news and thread.ending is not None:
            self._due(thread, offset, at_ms)

    def _chat_ended(self, fact: ChatEnded, offset: int, at_ms: int) -> None:
        thread = self._known(fact.organization, fact.chat_id, fact.thread_id, offset, at_ms)
        ending = thread.ending
        if ending is None:
            silent = offset < self.effects_from
            ended_ms = self.expiry.time_of(at_ms)
            ending = Ending(self.expiry.clock_ms, ended_ms, ended=True, late=False)
            self.expiry.index.end(thread, ending)
            self._due(thread, offset, at_ms)
            if silent:
                ending.late, ending.rules = True, None
            self.expiry.look_later(thread)
        elif ending.ended:
            self._count["repeated_end", ""] += 1
        else:  # LiveChat is being asked whether it ended
            ending.ended, ending.at_ms = True, self.expiry.clock_ms
            ending.record_ms = self.expiry.time_of(at_ms)
            self._due(thread, offset, at_ms)

    def _tag_changed(self, fact: TagChanged, offset: int, at_ms: int) -> None:
        """Keep which tags people remove, and record what was not our doing as far as is known here.

        We remove no tag while we tag, so whoever removes one is a person to us. That may be `tagger retag`: what it
        removed is not set again here either, and who reads the topic knows it by its decision. Who sets one can be
        told only while the thread is in memory with what was decided; what is recorded beyond that, readers compare
        with decisions.
        A removed tag stays removed for us though a person may set it again: then there is nothing left to do.
        """
        thread = self.expiry.index.get(*fact[:3])
        if fact.change == "removed":
            if thread is None:
                self.expiry.note_removed(fact[:3], (fact.tag,))
            else:
                self.settling.grew(thread, thread.remove(fact.tag))
        elif thread is not None and thread.ending is not None and thread.ending.is_ours(fact.tag):
            return
        if offset >= self.effects_from:
            self.jobs.corrections.add(Noted(fact, offset, self.expiry.time_of(at_ms)))

    def removed(self, thread: ThreadKey) -> tuple[str, ...]:
        """Return the tags that people removed from a thread, as far as is known here."""
        known = self.expiry.index.get(*thread)
        return self.expiry.removed.get((*thread,)) if known is None else known.removed

    def _unreadable(self, fact: Unreadable, offset: int, at_ms: int) -> None:
        """Part of this chat is lost: its threads have a hole, including one that begins a little later."""
        self._count["unreadable", fact.reason] += 1
        chat = (fact.organization, fact.chat_id)
        place = self.expiry.index.get(*chat, "")
        if place is None:
            place = self._new(chat, "", offset, at_ms)
            ending = Ending(self.expiry.clock_ms, self.expiry.time_of(at_ms), ended=False, late=False)
            self.expiry.index.end(place, ending)
            self.expiry.look_later(place)
        place.incomplete, place.last_ms = fact.reason, self.expiry.clock_ms
        self._due(place, offset, at_ms)
        if chat == ("", ""):
            return
        for thread in list(self.expiry.index.of_chat(chat)):
            if thread is not place:
                self._holed(thread, "unreadable")
                if thread.ending is not None:
                    self._due(thread, offset, at_ms)

    def _known(self, organization: str, chat_id: str, thread_id: str, offset: int, at_ms: int) -> Thread:
        thread = self.expiry.index.get(organization, chat_id, thread_id)
        if thread is None:
            thread = self._new((organization, chat_id), thread_id, offset, at_ms)
        thread.last_ms = self.expiry.clock_ms
        if thread.ending is not None:
            thread.ending.last = offset
        return thread

    def _new(self, chat: tuple[str, str], thread_id: str, offset: int, at_ms: int) -> Thread:
        thread = Thread(chat, thread_id, offset, at_ms, self.expiry.clock_ms)
        thread.removed = self.expiry.removed.pop((*chat, thread_id))
        hole = self.expiry.index.get(*chat, "") if thread_id else None
        if hole is not None and self.expiry.clock_ms <= hole.last_ms + self._limits.skew_s * 1000:
            self._holed(thread, "unreadable")
        self.expiry.add(thread)
        return thread

    def _said(self, thread: Thread, event_id: str, author_id: str, fields: tuple[str, ...]) -> bool:
        """Add what an event says; return whether it was new."""
        if thread.events >= self._events_max or len(thread.text) >= self._bytes_max:
            self._count["events_over_limit", ""] += 1
            thread.incomplete, thread.completed = "limit", False
            return True
        grown = thread.add(event_id, author_id, fields)
        if not grown:
            self._count["repeated_event", ""] += 1
            return False
        self.expiry.index.size += grown
        if thread.ending is not None:
            self.jobs.grew(thread, grown)
        if grown > FIELD_CHARS_MAX and any(len(field) == FIELD_CHARS_MAX for field in fields):
            self._count["text_cut", ""] += 1
        return True

    def _holed(self, thread: Thread, why: str) -> None:
        thread.incomplete, thread.completed = thread.incomplete or why, False
        thread.asks = True

    def torn(self, position: int) -> None:
        """Records up to this offset are gone from the log, and any thread may have lost some."""
        self.position = position
        for thread in self.expiry.index:
            self._holed(thread, "gap")
        self.expiry.complete_since_ms = None

    def _due(self, thread: Thread, offset: int, at_ms: int) -> None:
        """Make a job for the thread at this offset, unless an earlier assignment settled it."""
        ending = thread.ending
        assert ending is not None, "nothing ended"
        ending.last = offset
        at_ms = self.expiry.time_of(at_ms)
        if thread.thread_id and abs(at_ms - ending.record_ms) > self._limits.linger_s * 1000:
            # The thread may have expired before this came. What we have of it may be repeats that look complete,
            # and an earlier assignment may not have got as far as asking LiveChat: this one asks.
            thread.incomplete, thread.completed = thread.incomplete or "expired", False
        if self.expiry.may_have_been_deleted(thread):
            offset = max(offset, self.effects_from)
        if offset >= self.effects_from:
            self.settling.add(thread, offset, at_ms)
            self._count["late", ""] += ending.late and thread.thread_id != ""
        else:
            ending.rules = None

    def _ask(self, thread: Thread, offset: int) -> bool:
        """Have LiveChat asked whether a thread without an end has ended; False if an earlier assignment did."""
        if offset < self.effects_from:
            return False
        first_ms = self.expiry.time_of(thread.first_record_ms)
        ending = Ending(self.expiry.clock_ms, first_ms, ended=False, late=False)
        self.expiry.index.end(thread, ending)
        self.settling.add(thread, offset, self.expiry.newest_ms)
        self.expiry.look_later(thread)
        return True

    def _is_settled(self, offset: int) -> bool:
        """Return whether the committed offset may pass this one."""
        lowest = self.jobs.unsettled.lowest()
        return lowest is None or lowest[0] > offset

    def evict(self, bytes_max: int) -> None:
        """Evict threads until what is left fits into `bytes_max`."""
        self.expiry.evict(bytes_max - self.jobs.own_bytes, max(self.position, self.effects_from))

    def keep(self, effects_from: int, bytes_max: int) -> None:
        """Continue in a new assignment: everything due below `effects_from` has been settled by some member."""
        self.effects_from = effects_from
        self.settling.keep(effects_from, bytes_max)
