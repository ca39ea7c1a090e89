"""The events of one thread, in any order, with any repeats → its conversation. Pure.

Only what decisions need is kept: who said what, under which event id. It takes a tenth of what the parsed events
would, as two runs of bytes with the same entries in the same order. The bytes F8 to FF do not occur in UTF-8, so
four of them separate the parts:

    ids    FF [FC] event id FE
    text   FF author's place FD text [FD text]...

A deleted event keeps its entries, without text, so that a copy of it that comes later does not count.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

import msgspec

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.threads.ending import NAME_BYTES, Ending, cost, name_cost
from tagger.core.threads.facts import ChatStarted, Event
from tagger.core.threads.removed import with_all

_ENTRY: Final = b"\xff"
_ID_END: Final = b"\xfe"
_FIELD: Final = b"\xfd"
# Most event ids begin with the thread's id, which is left out; this marks one that does not.
_ALIEN: Final = b"\xfc"

# A thread has a customer and an agent or two; a place is one byte below F8.
AUTHORS_MAX: Final = 200

# What one thread costs besides its text, names and ending: the objects, and its places in the indexes.
# Measured; `tests/unit/core/threads/test_expiry.py` compares it with what the interpreter allocates.
THREAD_BYTES: Final = 528
# Each group id.
_GROUP_BYTES: Final = 40
# Names of agents and organizations are stored once; a flood of forged ones takes no more than this many places.
_SHARED_NAMES_MAX: Final = 1_024

# The beginning of an entry of `text`, by the author's place.
_PLACES: Final = tuple(b"\xff%c\xfd" % place for place in range(AUTHORS_MAX + 1))
_DELETED: Final = _PLACES[AUTHORS_MAX]  # all of its entry; a text is never empty
_said: Final[Callable[[tuple[str, Author, tuple[str, ...]]], Said]] = partial(
    tuple.__new__, Said
)  # half the time of Said()


class Thread(msgspec.Struct, gc=False, eq=False):
    """One thread, as far as it was seen.

    The garbage collector does not track it: visiting a million of them would stop the event loop for half a second. So
    nothing that it holds may refer back to it, or it would never be freed.
    """

    chat: tuple[str, str]  # (organization, chat_id)
    thread_id: str  # "": not a thread but an unreadable record
    first: int  # offset of its first record
    first_record_ms: int  # that record's own time
    first_ms: int  # the partition's clock at that record
    last_ms: int = 0  # and at the thread's last record
    ids: bytearray = msgspec.field(default_factory=bytearray)  # see the top of this file
    text: bytearray = msgspec.field(default_factory=bytearray)
    events: int = 0  # entries in each of the two
    authors: tuple[str, ...] = ()
    customers: int = 0  # bit n: authors[n] is a customer
    begun: bool = False  # its incoming_chat was seen
    created_at_ms: int | None = None
    group_ids: tuple[int, ...] | None = None
    tags: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()  # tags that people removed; they stay in force whatever is evicted
    incomplete: str | None = None  # why part of it is known to be missing
    completed: bool = False  # LiveChat's version was united with what was seen
    asks: bool = True  # if it expires without an end, LiveChat is asked whether it ended
    slot: int | None = None  # its place among the deadlines
    deleted: bool = False  # until it is, replay_from stays at or below `first`
    ending: Ending | None = None

    def __post_init__(self) -> None:
        self.chat = (_shared(self.chat[0]), self.chat[1])
        self.last_ms = self.first_ms

    def __repr__(self) -> str:  # chat text must not show in a traceback
        return f"Thread({self.thread_id!r}, {self.events} events)"

    def begin(self, started: ChatStarted) -> tuple[bool, int]:
        """Take `incoming_chat`, except its events; return whether it was new, and by how much `size` grew."""
        news, known = not self.begun and not self.completed, self.customers
        if not self.begun:
            self.begun = True
            self.created_at_ms = started.created_at_ms
            # A thread that begins inactive may never be deactivated; this is not documented.
            self.asks = self.incomplete is not None or not started.active
        grown = self._learn(started)
        return news or self.customers != known, grown

    def unite(self, chat: ChatStarted) -> tuple[Event, ...]:
        """Take what `get_chat` returns, and what it calls deleted; return its events that are not known yet."""
        self._learn(chat)
        self.completed, self.incomplete = True, None
        self._delete(chat.deleted)
        fresh: dict[str, Event] = {}
        for event in chat.events:
            if self._entry(event.event_id) not in self.ids and event.event_id not in chat.deleted:
                fresh.setdefault(event.event_id, event)
        return tuple(fresh.values())

    def _delete(self, event_ids: tuple[str, ...]) -> None:
        """Delete what these events say, if they are known."""
        places = [self.ids.find(self._entry(event_id)) for event_id in event_ids]
        if max(places, default=-1) < 0:
            return
        entries = bytes(self.text).split(_ENTRY)
        for place in places:
            if place >= 0:
                entries[self.ids.count(_ID_END, 0, place) + 1] = _DELETED[1:]
        self.text = bytearray(_ENTRY.join(entries))

    def expect_deleted(self, event_ids: tuple[str, ...]) -> None:
        """Let these deleted events not count if they come after all."""
        for event_id in event_ids:
            entry = self._entry(event_id)
            if entry not in self.ids:
                self.ids += entry
                self.text += _DELETED
                self.events += 1

    def _learn(self, chat: ChatStarted) -> int:
        grown = 0
        for customer in chat.customers:
            grown += self._meet(customer)
            if customer in self.authors:
                self.customers |= 1 << self.authors.index(customer)
        if self.group_ids is None and chat.group_ids is not None:
            self.group_ids = chat.group_ids
            grown += _GROUP_BYTES * (len(chat.group_ids) + 1)
        if chat.tags and not self.tags:
            self.tags = chat.tags
            grown += sum(name_cost(tag) for tag in chat.tags)
        return grown

    def _meet(self, author_id: str) -> int:
        """Give the author a place, if one is left; return by how much `size` grew."""
        if author_id in self.authors or len(self.authors) == AUTHORS_MAX:
            return 0
        # An agent, whose id is an e-mail address, writes in thousands of threads.
        self.authors += (_shared(author_id) if "@" in author_id else author_id,)
        return name_cost(author_id)

    def add(self, event_id: str, author_id: str, fields: tuple[str, ...]) -> int:
        """Add what an event says; return by how much `size` grew, 0 if the event was known."""
        own = event_id.removeprefix(self.thread_id)
        entry = b"\xff%b\xfe" % own.encode() if own is not event_id else self._entry(event_id)
        if self.ids.find(entry) >= 0:  # `in` takes twice as long: it tries a number first
            return 0
        grown = len(entry)
        try:
            place = self.authors.index(author_id)
        except ValueError:
            grown += self._meet(author_id)
            place = self.authors.index(author_id) if author_id in self.authors else AUTHORS_MAX
        said = _PLACES[place] + (fields[0].encode() if len(fields) == 1 else _joined(fields))
        self.ids += entry
        self.text += said
        self.events += 1
        return grown + len(said)

    def remove(self, tag: str) -> int:
        """Note that a person removed a tag; return by how much `size` grew."""
        known, self.removed = self.removed, with_all(self.removed, (tag,))
        return name_cost(tag) if len(self.removed) > len(known) else 0

    def _entry(self, event_id: str) -> bytes:
        """Return the event's entry in `ids`."""
        own = event_id.removeprefix(self.thread_id)
        if own is event_id:
            return b"\xff\xfc%b\xfe" % event_id.encode()
        return b"\xff%b\xfe" % own.encode()

    def size(self) -> int:
        """Return the bytes of what differs between threads; the rest is THREAD_BYTES."""
        organization, chat_id = self.chat
        rest = len(self.ids) + len(self.text) + cost(self.ending)
        if self.group_ids is not None:
            rest += _GROUP_BYTES * (len(self.group_ids) + 1)
        names = (organization, chat_id, self.thread_id, *self.authors, *self.tags, *self.removed)
        for name in names:
            rest += len(name) if name.isascii() else 4 * len(name)
        return rest + NAME_BYTES * len(names)

    def clear(self) -> None:
        """Delete what was said, and by whom."""
        self.ids, self.text = bytearray(), bytearray()
        self.events = self.customers = 0
        self.authors = self.tags = ()

    def missing(self, complete_since_ms: int | None) -> str | None:
        """Say why LiveChat must be asked before the thread is decided on; None if it is complete.

        A thread is complete if its `incoming_chat` was seen and it was created since the log is complete
        (`complete_since_ms`, None if not known yet).
        """
        if self.completed or self.incomplete:
            return self.incomplete
        if not self.begun:
            return "no_beginning" if self.events else "never_seen"
        if self.created_at_ms is None:
            return "no_created_at"
        if not self.created_since(complete_since_ms):
            return "before_complete_since"
        if self.events and (not self.customers or "" in self.authors):
            return "no_author"
        return None

    def created_since(self, at_ms: int | None) -> bool:
        """Return whether the thread was created at this time or later; False if either time is unknown."""
        return at_ms is not None and self.created_at_ms is not None and self.created_at_ms >= at_ms

    def conversation(self, *, complete: bool, more: tuple[Event, ...] = ()) -> Conversation:
        """Return what was said, in the order it was seen; `more` are events that are not in the text yet.

        Whatever nobody tells the author of is left out, and everything if nobody tells who the customer is: it might be
        the customer's, and taken for the agent's. The conversation is then incomplete.
        """
        others: Author | None = "agent" if self.customers else None  # whoever is no customer
        roles: dict[str, Author | None] = {
            author: "customer" if self.customers >> place & 1 else others
            for place, author in enumerate(self.authors)
        }
        roles[""] = None
        said, left_out = self._said([roles[author] for author in self.authors], others)
        for event_id, author_id, fields in more:
            author = roles.get(author_id, others)
            if author is None:
                left_out = True
            else:
                said.append(Said(event_id, author, fields))
        return Conversation(
            ThreadKey(*self.chat, self.thread_id),
            tuple(said),
            None if self.group_ids is None else frozenset(self.group_ids),
            frozenset(self.tags),
            complete and not left_out,
        )

    def _said(self, roles: list[Author | None], others: Author | None) -> tuple[list[Said], bool]:
        """Return what those with a role said, and whether anything of others is left out; `others` have no place."""
        said: list[Said] = []
        left_out = False
        own, ids = self.thread_id, bytes(self.ids)[1:-1].split(_ID_END + _ENTRY)
        for known_as, entry in zip(ids, bytes(self.text).split(_ENTRY)[1:], strict=False):
            if entry == _DELETED[1:]:
                continue
            author = roles[entry[0]] if entry[0] < AUTHORS_MAX else others
            if author is None:
                left_out = True
                continue
            event_id = known_as[1:].decode() if known_as[:1] == _ALIEN else own + known_as.decode()
            text = entry[2:]
            fields = (
                tuple([field.decode() for field in text.split(_FIELD)])
                if text.find(_FIELD) >= 0
                else (text.decode(),)
            )
            said.append(_said((event_id, author, fields)))
        return said, left_out


@lru_cache(maxsize=_SHARED_NAMES_MAX)
def _shared(name: str) -> str:
    """Return an equal name, as the one object that all threads share."""
    return name


def _joined(fields: tuple[str, ...]) -> bytes:
    return _FIELD.join([field.encode() for field in fields])


def conversation_of(chat: ChatStarted) -> Conversation:
    """Turn a chat that LiveChat returned into a conversation."""
    thread = Thread((chat.organization, chat.chat_id), chat.thread_id, 0, 0, 0)
    return thread.conversation(complete=not chat.odd_events, more=thread.unite(chat))
