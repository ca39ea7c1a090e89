"""Which ended threads that LiveChat lists were missed, or decided on less than LiveChat has. Pure.

A thread was missed if it ended long enough ago, before everything still unfinished in the log, and has no decision.
It is short if its decision counts fewer messages than LiveChat has, those included that were deleted later: webhooks had
told of them. LiveChat does not say when a thread ended, so the time of its last event counts, which may be the system
message about its end: https://platform.text.com/docs/messaging/references/system-messages
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.records.correction import Removals
from tagger.core.records.decision import json_object
from tagger.core.threads.event_text import MESSAGE_TYPES, is_deleted
from tagger.core.threads.fact_reader import chat_of, milliseconds
from tagger.core.threads.facts import ChatStarted, Unreadable
from tagger.core.threads.thread import conversation_of

# LiveChat delivers within about a minute, clocks differ, and a decision takes time: a thread that ended less than
# this before the oldest unfinished record may still be on its way.
GRACE_MS: Final = 300_000
# The service's first pass looks back this far, so that it also finds what was lost while nothing ran.
_LOOK_BACK_MS: Final = 7_200_000
# Later passes overlap by this much: a thread that fell silent ends 30 minutes after its last event.
_OVERLAP_MS: Final = 1_800_000
# The longest window that the service chooses itself; a longer one is for a person to choose.
_WINDOW_MS_MAX: Final = 86_400_000
DECISIONS_MAX: Final = 500_000  # threads whose decision is kept, about 400 bytes each
_ORGANIZATIONS_MAX: Final = 1_000  # names kept from decisions

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Found = Literal[
    "missed",  # no decision
    "short",  # the decision counts fewer messages
    "decided",  # all is well
    "recent",  # its end may still be on its way, or waiting in the log
    "outside",  # it ended before or after the window
    "unreadable",  # not what LiveChat documents; a sample, or still active
]


@dataclass(frozen=True, slots=True)
class Window:
    """The threads to check: those that ended at or after `since_ms` and before `until_ms` (Unix time).

    What ended from then until `asked_until_ms` is too recent to check, and only counted.
    """

    since_ms: int
    until_ms: int
    asked_until_ms: int

    @classmethod
    def before(
        cls, since_ms: int, until_ms: int, now_ms: int, unfinished_ms: int | None, whole_since_ms: int
    ) -> "Window":
        """Narrow a window to what can be checked.

        Decisions reach back to `whole_since_ms`. What ended just now, or shortly before the oldest unfinished record
        (`unfinished_ms`, None if all are finished), may still be on its way.
        """
        oldest = now_ms if unfinished_ms is None else min(unfinished_ms, now_ms)
        return cls(max(since_ms, whole_since_ms), min(until_ms, oldest - GRACE_MS), until_ms)


@dataclass(frozen=True, slots=True)
class Look:
    """One listed thread, and what was found."""

    found: Found
    thread: ThreadKey | None = None  # None: unreadable
    ended_at_ms: int = 0
    conversation: Conversation | None = field(default=None, repr=False)  # if it needs repair
    created_at_ms: int | None = None  # when the thread was created; None: unknown


class DecidedThreads:
    """How many messages the decision on each thread counts, and what people removed, as `livechat.decisions` says.

    Kept by thread, so a repeated record changes nothing, and threads with the same offset stay apart.
    """

    def __init__(self, *, dry_run: bool, one_for_all: bool) -> None:
        self._dry_run = dry_run  # decisions of a dry run count for a dry run only
        self._one_for_all = one_for_all  # one credential for every organization, under any name
        # How many, and whether the API's answer was decided on, in which what was deleted by then is missing.
        self._messages: dict[tuple[str, str, str], tuple[int, bool]] = {}
        self.removals = Removals(one_for_all=one_for_all)
        self.organizations: set[str] = set()
        self.full = False  # there are more threads than can be kept

    def take(self, value: bytes | None) -> None:
        """Take one record; skip one that is not ours."""
        record = json_object(value)
        if record is None:
            return
        self.removals.note(record)
        self.full |= self.removals.full
        if type(record.get("messages")) is not int:
            return  # a correction
        texts = [record.get(name) for name in (*ThreadKey._fields, "outcome")]
        if not all(isinstance(text, str) for text in texts):
            return
        organization, messages, outcome = record["organization"], record["messages"], record["outcome"]
        if len(self.organizations) < _ORGANIZATIONS_MAX:
            self.organizations.add(organization)
        # A tag not set because credentials were missing, or in a dry run, is to be set now.
        if outcome == "no_credentials" or (outcome == "dry_run" and not self._dry_run):
            return
        key = self._key(ThreadKey(organization, record["chat_id"], record["thread_id"]))
        if key not in self._messages and len(self._messages) >= DECISIONS_MAX:
            self.full = True
            return
        most, of_api = self._messages.get(key, (0, False))
        self._messages[key] = max(messages, most), of_api or record.get("source") == "api"

    def is_short(self, thread: ThreadKey, said: int, deleted: int) -> bool | None:
        """Return whether the thread was decided on less than was `said`; None if it was not decided.

        `deleted` are messages that LiveChat no longer counts and that webhooks told of.
        """
        known = self._messages.get(self._key(thread))
        if known is None:
            return None
        messages, of_api = known
        return messages < said + (0 if of_api else deleted)

    def _key(self, thread: ThreadKey) -> tuple[str, str, str]:
        return ("" if self._one_for_all else thread.organization, thread.chat_id, thread.thread_id)


def look(organization: str, listed: object, window: Window, decided: DecidedThreads) -> Look:
    """Check one chat of an answer to `list_archives`."""
    chat = chat_of(organization, listed)
    if isinstance(chat, Unreadable) or (isinstance(chat, ChatStarted) and chat.active):
        return Look("unreadable")
    thread = ThreadKey(organization, chat.chat_id, chat.thread_id)
    ended_at_ms = last_event_ms(listed)
    if not window.since_ms <= ended_at_ms < window.asked_until_ms:
        return Look("outside", thread, ended_at_ms)
    if ended_at_ms >= window.until_ms:
        return Look("recent", thread, ended_at_ms)
    # If LiveChat withholds the events, the thread is decided on nothing, and parked, as after such a get_chat.
    conversation, created_ms = Conversation(thread, (), complete=False), None
    if isinstance(chat, ChatStarted):
        conversation, created_ms = conversation_of(chat), chat.created_at_ms
    is_short = decided.is_short(thread, len(conversation.said), _deleted(listed))
    if is_short is None:
        return Look("missed", thread, ended_at_ms, conversation, created_ms)
    if is_short:
        return Look("short", thread, ended_at_ms, conversation, created_ms)
    return Look("decided", thread, ended_at_ms)


def _deleted(chat: Any) -> int:
    """Return how many messages were deleted that the customer could see; LiveChat may hide their text by now."""
    return sum(
        is_deleted(event) and event.get("type") in MESSAGE_TYPES and event.get("visibility") != "agents"
        for event in _events(chat)
    )


def _events(chat: Any) -> list[dict[str, Any]]:
    events = chat["thread"].get("events")
    return [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []


def last_event_ms(chat: Any) -> int:
    """Return when something last happened in a chat's `thread` (Unix time); 0 if nothing there has a time."""
    times = [milliseconds(one.get("created_at")) for one in (chat["thread"], *_events(chat))]
    return max((time for time in times if time is not None), default=0)


def begin_ms(came_to_ms: int | None, now_ms: int, every_s: int) -> int:
    """Return where the window of the service's next pass begins.

    A pass runs every `every_s`; the last one checked everything before `came_to_ms`, None: there was none.
    """
    first_ms = now_ms - _LOOK_BACK_MS - every_s * 1_000
    wanted = first_ms if came_to_ms is None else came_to_ms - _OVERLAP_MS
    return max(wanted, min(first_ms, now_ms - _WINDOW_MS_MAX))


def instant_ms(text: str, now_ms: int) -> int | None:
    """Read a time as people write it: an age (90s, 30m, 2h, 1d) or RFC 3339. None if it is neither."""
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now_ms - int(ago[1]) * _UNITS_MS[ago[2]]
    return milliseconds(text)
