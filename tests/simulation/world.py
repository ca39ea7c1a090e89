"""A small world outside the tagger: LiveChat with its chats and API, and the topic's one or two partitions.

It knows the truth: what was said in each thread, how much of it reached the log, and which tags each thread calls
for. Deterministic: every choice is an argument.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from tagger.core.review.past_chat import Correction, PastDecision
from tests import webhooks
from tests.webhooks import Record

START_MS: Final = 1_700_000_000_000
ORGANIZATIONS: Final = ("o1", "o2")

# What is said, by whom, and what follows. The customer's `a`, `b` or `z` calls for a tag of that name, `z` only if
# nobody says `n`; `g` calls for one only if an agent says it, and `xy` needs the customer to say both `x` and `y`.
CUSTOMER_WORDS: Final = ("a", "b", "z", "x", "y", "hello", "g")
AGENT_WORDS: Final = ("g", "n", "a", "hello")
TAGS: Final = ("a", "b", "z", "g", "xy", "vip")  # that people may set and remove

# Places in the second partition start here, so that none is ever mistaken for one in the first.
SECOND: Final = 1_000_000

# Chats that belong to the second partition once it exists; how long processes take to learn of it.
MOVED: Final = ("C1",)
LEARNS_MS: Final = 25_000

# How long after a call of ours LiveChat may tell of the tag.
OWN_LATE_MS: Final = 1_500


@dataclass(slots=True)
class Event:
    """One event as LiveChat has it."""

    id: str
    word: str
    by_customer: bool
    first_offset: int | None = None  # the place of its first record; None: not in the log
    first_number: int = 0  # that record's number among all records of the topic
    readable: bool = False  # there, or at a later offset
    record_ms: int = 0
    withheld: bool = False  # LiveChat was asked for the chat when it did not have the event yet


@dataclass(slots=True)
class TagChange:
    """A tag that was set or removed, as LiveChat tells it: not by whom, which only the world knows."""

    tag: str
    change: Literal["added", "removed"]
    by_us: bool
    place: int | None = None  # of its first record; None: not in the log (any more)
    fresh: bool = True  # it changed something


@dataclass(slots=True)
class Thread:
    """One thread as LiveChat has it."""

    organization: str
    chat_id: str
    thread_id: str
    created_ms: int
    customer_known: bool  # LiveChat's webhook names the customer; if it does not, a repeat may
    initial: int  # how many events it began with; they are in its incoming_chat
    events: list[Event] = field(default_factory=list)
    active: bool = True
    begin_offset: int | None = None  # the place of the first incoming_chat
    said_ms: int = 0  # when something was last said
    end_offset: int | None = None  # the place of the first readable end
    end_ms: int = 0  # that record's time
    end_true_ms: int = 0  # the same by a correct clock
    end_number: int = 0  # that record's number among all records of the topic
    dated: bool = True  # LiveChat says when it was created
    split: bool = False  # it was decided on before anyone could know that part of it is elsewhere
    refused_tags: set[str] = field(default_factory=set)  # that LiveChat refuses for this thread
    tags: set[str] = field(default_factory=set)  # as LiveChat has them
    asked: int = 0  # get_chat calls
    refused: bool = False  # get_chat was refused at least once
    refuses: bool = False  # get_chat is refused forever
    stale: int = 0  # how many more get_chat calls say active after the end
    ended_early: bool = False  # LiveChat said it ended before the log did: what comes then is late
    lags: int = 0  # how many more get_chat calls do not have the last event yet
    kept_stale: bool = False  # LiveChat called it active until the tagger gave up
    waived: bool = False  # no tag can be demanded: its end was lost, or skipped by hand
    changes: list[TagChange] = field(default_factory=list)  # of its tags
    called: set[str] = field(default_factory=set)  # tags that some decision called for
    # Corrections on the topic of decisions: tag and change, with the time of the record.
    recorded: dict[tuple[str, str], int] = field(default_factory=dict)
    # Decisions and corrections, as `retag` reads them.
    topic: list[PastDecision | Correction] = field(default_factory=list)
    retag_set: set[str] = field(default_factory=set)  # tags that `retag` set at some time, and removed
    retag_removed: set[str] = field(default_factory=set)

    @property
    def begun(self) -> bool:
        return self.begin_offset is not None

    def by_people(self, change: str) -> set[str]:
        """Return the tags that people added, or removed."""
        return {one.tag for one in self.changes if one.change == change and not one.by_us}

    def removals_since(self, ms: int) -> list[str]:
        """Return the tags of which the topic of decisions has, since then, that they were removed."""
        return [tag for (tag, change), at_ms in self.recorded.items() if change == "removed" and at_ms >= ms]

    @property
    def key(self) -> bytes:
        return f"{self.organization}:{self.chat_id}".encode()


@dataclass(slots=True)
class Log:
    """One partition, as the broker has it, and what its group committed."""

    shift: int = 0  # an offset plus this is a place, which is unique in the topic
    records: list[Record] = field(default_factory=list)
    start: int = 0
    committed: int | None = None
    metadata: str = ""
    generation: int = 0
    holes: set[int] = field(default_factory=set)  # offsets that are gone from the middle
    poisoned: dict[int, tuple[str, str]] = field(default_factory=dict)  # unreadable record → its chat
    parked: list[tuple[str, str, int, int]] = field(default_factory=list)  # chats, and their parked ranges
    on_its_way: list[tuple[int, int, str]] = field(default_factory=list)  # commits that may still land

    @property
    def end(self) -> int:
        return len(self.records)

    def read(self, offset: int, count: int) -> list[Record]:
        records = self.records[offset : offset + count]
        return [record for record in records if record.offset not in self.holes]

    def offset(self, place: int | None) -> int | None:
        """Return the place's offset here; None if it is in another partition."""
        there = place is None or (place >= SECOND) != (self.shift > 0)
        return None if there or place is None else place - self.shift

    def cut(self, end: int) -> None:
        del self.records[end:]
        for offset in [offset for offset in self.poisoned if offset >= end]:
            del self.poisoned[offset]
        self.holes = {offset for offset in self.holes if offset < end}
        self.on_its_way.clear()

    def commit(self, generation: int, offset: int, metadata: str) -> bool:
        """Commit; False: a newer member has the partition."""
        if generation != self.generation:
            return False
        self.committed, self.metadata = offset, metadata
        return True


class World:
    """LiveChat and the topic."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.ingest_offset_ms = 0  # how wrong ingest's clock is
        self.logs = [Log()]
        self.moved_ms: int | None = None  # when the second partition was added
        self.odd_times: tuple[int, ...] = ()  # times that records may claim
        self.appended = 0
        self.threads: dict[tuple[str, str], Thread] = {}  # by organization and thread id
        self.later: list[
            tuple[int, Thread, str, Event | TagChange | None]
        ] = []  # webhooks still on their way
        self.gets = 0  # get_chat calls for ended threads
        self.linger_ms = 1 << 62  # how long after its end, by record times, a thread may still be known
        self.untrue = False  # something happened that justifies asking LiveChat
        self.log_is_whole = True  # everything in the log reaches the tagger

    def thread_begins(self, chat: int, organization: int, words: list[str], customer_known: bool) -> Thread:
        owner = ORGANIZATIONS[organization]
        # Two organizations may have the same chat and thread ids.
        thread_id = f"T{sum(1 for other, _ in self.threads if other == owner)}"
        thread = Thread(
            owner, f"C{chat}", thread_id, self.now_ms, customer_known, len(words), said_ms=self.now_ms
        )
        self.threads[owner, thread_id] = thread
        for word in words:
            event_id = f"{thread_id}_{len(thread.events)}"
            thread.events.append(Event(event_id, word, by_customer=True))
        if not customer_known:
            self.untrue = True
        return thread

    def says(self, thread: Thread, word: str, by_customer: bool) -> Event:
        event_id = f"{thread.thread_id}_{len(thread.events)}"
        if len(thread.events) % 3 == 2:
            event_id = f"e{thread.thread_id}{len(thread.events)}"  # LiveChat has ids of both kinds
        event = Event(event_id, word, by_customer)
        thread.events.append(event)
        thread.said_ms = self.now_ms
        return event

    def tags(self, thread: Thread, tag: str, *, by_us: bool, delay_ms: int) -> None:
        """Set a tag."""
        thread.changes.append(TagChange(tag, "added", by_us, fresh=tag not in thread.tags))
        thread.tags.add(tag)
        self.send(thread, "thread_tagged", thread.changes[-1], delay_ms)

    def untags(self, thread: Thread, tag: str, *, delay_ms: int, by_us: bool = False) -> None:
        """Remove a tag: a person, or `retag`."""
        thread.changes.append(TagChange(tag, "removed", by_us, fresh=tag in thread.tags))
        thread.tags.discard(tag)
        self.send(thread, "thread_untagged", thread.changes[-1], delay_ms)

    def send(self, thread: Thread, action: str, event: Event | TagChange | None, delay_ms: int = 0) -> None:
        """Have a LiveChat webhook reach the log, now or later."""
        if delay_ms:
            self.later.append((self.now_ms + delay_ms, thread, action, event))
        else:
            self._append(thread, action, event)

    def passes(self, ms: int) -> None:
        """Let time pass; what is on its way arrives in time."""
        until_ms = self.now_ms + ms
        due = [item for item in self.later if item[0] <= until_ms]
        if due:
            self.later = [item for item in self.later if item[0] > until_ms]
            for at_ms, thread, action, event in sorted(due, key=lambda item: item[0]):
                self.now_ms = at_ms
                self._append(thread, action, event)
        self.now_ms = until_ms

    def poison(self, thread: Thread, event: Event | None, junk: bytes) -> None:
        """Append an unreadable record of the thread; `event` is what it should have said."""
        self.untrue = True
        log = self.log_of(thread)
        record = self.append(log, thread.key, junk)
        log.poisoned[record.offset] = (thread.organization, thread.chat_id)
        if event is not None:
            self._seen(event, log.shift + record.offset, readable=False)

    def append(self, log: Log, key: bytes | None, value: bytes | None) -> Record:
        self.appended += 1
        at_ms = self.now_ms + self.ingest_offset_ms
        if self.odd_times and self.appended % 3:
            at_ms = self.odd_times[self.appended % len(self.odd_times)]
        record = Record(log.end, at_ms, key, value)
        log.records.append(record)
        return record

    def grow(self) -> None:
        self.logs.append(Log(SECOND))
        self.moved_ms = self.now_ms
        self.untrue = True

    def is_home(self, log: Log, chat_id: str) -> bool:
        """Return whether the chat's records go to this partition, as far as up-to-date processes know."""
        second = len(self.logs) > 1 and self.is_known and chat_id in MOVED
        return log is self.logs[second]

    @property
    def is_known(self) -> bool:
        """Whether every process has learned of the second partition."""
        return self.moved_ms is not None and self.now_ms >= self.moved_ms + LEARNS_MS

    def is_moving(self, thread: Thread) -> bool:
        return len(self.logs) > 1 and thread.chat_id in MOVED and not self.is_known

    def log_of(self, thread: Thread) -> Log:
        """Return where a record of the thread goes now; until all processes know, that depends on the writer."""
        if len(self.logs) == 1 or thread.chat_id not in MOVED:
            return self.logs[0]
        return self.logs[self.is_known or self.appended % 2]

    def _append(self, thread: Thread, action: str, event: Event | TagChange | None) -> None:
        log = self.log_of(thread)
        record = self.append(log, thread.key, webhook(thread, action, event))
        offset = log.shift + record.offset
        if isinstance(event, TagChange):
            event.place = offset
            return
        if thread.end_offset is not None:
            self.untrue |= abs(record.timestamp - thread.end_ms) > self.linger_ms
        if action == "incoming_chat":
            thread.begin_offset = offset if thread.begin_offset is None else thread.begin_offset
            for first in thread.events[: thread.initial]:
                self._seen(first, offset, readable=True)
        elif event is not None:
            self._seen(event, offset, readable=True)
        elif thread.end_offset is None:
            thread.end_offset, thread.end_ms = offset, log.records[-1].timestamp
            thread.end_true_ms, thread.end_number = self.now_ms, self.appended
            self.untrue |= not thread.begun

    def _seen(self, event: Event, offset: int, *, readable: bool) -> None:
        if event.first_offset is None:
            event.first_offset, event.record_ms = offset, self.now_ms + self.ingest_offset_ms
            event.first_number = self.appended
        event.readable |= readable

    def get_chat(self, organization: str, thread_id: str) -> dict[str, Any] | None:
        """Return LiveChat's answer; None if it refuses."""
        thread = self.threads[organization, thread_id]
        self.gets += not thread.active
        if thread.refuses:
            thread.refused = True
            return None
        thread.asked += 1
        active = thread.active
        thread.ended_early |= not active and thread.end_offset is None
        if not active and thread.stale > 0:
            thread.stale -= 1
            active = True
        events = thread.events
        if thread.lags > 0:
            thread.lags -= 1
            for event in events[-1:]:
                event.withheld = True
            events = events[:-1]
        return _chat(thread, events, active=active, users=_users(thread))

    def wants(self, thread: Thread, late: Callable[[Event], bool] | None = None) -> set[str]:
        """Return the tags that must be on the thread once its end is settled, with those of `late` events."""
        if thread.end_offset is None or thread.waived:
            return set()
        before = self.before_end(thread)
        tags = said(event for event in before if self._can_be_known(event))
        if any(event.word == "n" for event in thread.events):
            tags.discard("z")
        if late is not None:
            after = (e for e in thread.events if e.first_offset is not None and self._can_be_known(e))
            known = [*(event for event in before if self._can_be_known(event)), *filter(late, after)]
            tags |= said(known) - {"z"}
        return tags - thread.refused_tags - thread.by_people("removed") - thread.retag_removed

    def _can_be_known(self, event: Event) -> bool:
        """False if LiveChat did not have the event when asked, and the log did not either."""
        return not event.withheld or (event.readable and self.log_is_whole)

    def before_end(self, thread: Thread) -> list[Event]:
        assert thread.end_offset is not None, "no end"
        return [
            event
            for event in thread.events
            if event.first_offset is not None and event.first_number < thread.end_number
        ]

    def allows(self, thread: Thread) -> set[str]:
        """Return the tags that may be on the thread."""
        tags = said(thread.events)
        if thread.end_offset is not None and not thread.ended_early and not thread.split:
            before = self.before_end(thread)
            if any(event.word == "n" and self._can_be_known(event) for event in before):
                tags.discard("z")
        return tags | thread.by_people("added") | thread.retag_set


def said(events: Iterable[Event]) -> set[str]:
    """Return the tags that these events call for, ignoring `none`."""
    tags, halves = set(), set()
    for event in events:
        if event.word in (("a", "b", "z") if event.by_customer else ("g",)):
            tags.add(event.word)
        if event.by_customer:
            halves.add(event.word)
    if {"x", "y"} <= halves:
        tags.add("xy")
    return tags


def webhook(thread: Thread, action: str, event: Event | TagChange | None) -> bytes:
    """Return the record's value, in the shape of API 3.6."""
    ids = thread.chat_id, thread.thread_id
    if action == "incoming_chat":
        users = _users(thread) if thread.customer_known else []
        chat = _chat(thread, thread.events[: thread.initial], active=True, users=users)
        return orjson.dumps(webhooks.incoming_chat(chat, thread.organization))
    if isinstance(event, TagChange):
        return orjson.dumps(webhooks.tag_change(action, *ids, event.tag, thread.organization))
    if event is not None:
        return orjson.dumps(webhooks.incoming_event(*ids, _event(thread, event), thread.organization))
    return orjson.dumps(webhooks.chat_deactivated(*ids, thread.organization))


def _chat(
    thread: Thread, events: list[Event], *, active: bool, users: list[dict[str, str]]
) -> dict[str, Any]:
    created = datetime.fromtimestamp(thread.created_ms / 1000, UTC).isoformat()
    return webhooks.get_chat(
        thread.thread_id,
        events=[_event(thread, event) for event in events],
        active=active,
        chat=thread.chat_id,
        of=users,
        **({"created_at": created} if thread.dated else {}),
    )


def _users(thread: Thread) -> list[dict[str, str]]:
    return webhooks.users(f"c{thread.thread_id}", "agent@x")


def _event(thread: Thread, event: Event) -> dict[str, Any]:
    return webhooks.message(event.id, event.word, f"c{thread.thread_id}" if event.by_customer else "agent@x")
