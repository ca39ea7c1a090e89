"""Which ended threads that LiveChat lists were missed, or judged on less than LiveChat has. Pure.

A thread is missed when it ended long enough ago, before everything that is still unfinished in the log, and
no decision names it. It is short when its decision counts fewer messages than LiveChat shows. When a thread
ended LiveChat does not tell; the time of its last event is taken, among them the system message of its end:
https://platform.text.com/docs/messaging/references/system-messages
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.threads.fact_reader import chat_of, milliseconds
from tagger.core.threads.facts import ChatStarted, Restricted, Unreadable
from tagger.core.threads.thread import conversation_of

# LiveChat delivers within about a minute, clocks differ, and a decision takes its time: what ended later than
# this before the oldest unfinished record may be on its way.
GRACE_MS: Final = 300_000
# The service looks back this far when its turn comes: what was lost while nobody ran is found, too.
LOOK_BACK_MS: Final = 7_200_000
# And this far behind where it came to: a thread that fell silent ends 30 minutes after its last event.
OVERLAP_MS: Final = 1_800_000
# However long it could not: a longer window is for a person to choose.
WINDOW_MS_MAX: Final = 86_400_000
DECISIONS_MAX: Final = 500_000  # threads whose decision is remembered, about 400 bytes each
ORGANIZATIONS_MAX: Final = 1_000  # that decisions name and that are remembered

UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Found = Literal[
    "missed",  # no decision
    "short",  # the decision counts fewer messages
    "judged",  # all is well
    "recent",  # its end may still be on its way, or be waiting in the log
    "outside",  # it ended before the window
    "unreadable",  # not what LiveChat documents; a sample, or still active
]


@dataclass(frozen=True, slots=True)
class Window:
    """Threads that ended from `since_ms` to before `until_ms` are looked at (Unix time)."""

    since_ms: int
    until_ms: int

    @classmethod
    def before(
        cls, since_ms: int, until_ms: int, now_ms: int, unfinished_ms: int | None, whole_since_ms: int
    ) -> "Window":
        """What of the wanted window can be told: decisions reach back to `whole_since_ms`, and what ended
        shortly before the oldest unfinished record, or just now, may be on its way."""
        oldest = now_ms if unfinished_ms is None else min(unfinished_ms, now_ms)
        return cls(max(since_ms, whole_since_ms), min(until_ms, oldest - GRACE_MS))


@dataclass(frozen=True, slots=True)
class Look:
    """One listed thread, and what is the matter with it."""

    found: Found
    thread: ThreadKey | None = None  # None: unreadable
    ended_at_ms: int = 0
    conversation: Conversation | None = field(default=None, repr=False)  # where there is something to repair


class Judged:
    """What `livechat.decisions` says of threads: how many messages each was judged by."""

    def __init__(self, *, dry_run: bool, one_for_all: bool) -> None:
        self._dry_run = dry_run  # decisions of a dry run count for a dry run only
        self._one_for_all = one_for_all  # one credential, whatever the organization is called
        self._messages: dict[tuple[str, str, str], int] = {}
        self.organizations: set[str] = set()
        self.full = False  # more threads than can be remembered

    def take(self, value: bytes | None) -> None:
        """One record; those that are none of ours are passed over."""
        record = _decision(value)
        if record is None:
            return
        organization, messages, outcome = record["organization"], record["messages"], record["outcome"]
        if len(self.organizations) < ORGANIZATIONS_MAX:
            self.organizations.add(organization)
        # A tag that nobody set for want of credentials, or of will, is one to set now.
        if outcome == "no_credentials" or (outcome == "dry_run" and not self._dry_run):
            return
        key = self._key(ThreadKey(organization, record["chat_id"], record["thread_id"]))
        if key not in self._messages and len(self._messages) >= DECISIONS_MAX:
            self.full = True
            return
        self._messages[key] = max(messages, self._messages.get(key, 0))

    def messages(self, thread: ThreadKey) -> int | None:
        """By how many messages the thread was judged; None: it was not."""
        return self._messages.get(self._key(thread))

    def _key(self, thread: ThreadKey) -> tuple[str, str, str]:
        return ("" if self._one_for_all else thread.organization, thread.chat_id, thread.thread_id)


def look(organization: str, listed: object, window: Window, judged: Judged) -> Look:
    """One element of an answer of `list_archives`."""
    chat = chat_of(organization, listed)
    if isinstance(chat, Unreadable) or (isinstance(chat, ChatStarted) and chat.active):
        return Look("unreadable")
    thread = ThreadKey(organization, chat.chat_id, chat.thread_id)
    ended_at_ms = last_event_ms(listed)
    known = judged.messages(thread)
    if not window.since_ms <= ended_at_ms < window.until_ms:
        return Look("outside" if ended_at_ms < window.since_ms else "recent", thread, ended_at_ms)
    if isinstance(chat, Restricted):
        if known is not None:
            return Look("judged", thread, ended_at_ms)
        # LiveChat keeps back what was said: judged on nothing, and parked, as when get_chat does so.
        return Look("missed", thread, ended_at_ms, Conversation(thread, (), complete=False))
    conversation = conversation_of(chat)
    if known is None:
        return Look("missed", thread, ended_at_ms, conversation)
    if known < len(conversation.said):
        return Look("short", thread, ended_at_ms, conversation)
    return Look("judged", thread, ended_at_ms)


def last_event_ms(chat: Any) -> int:
    """When the last thing happened in a chat's `thread`; 0 where nothing says when."""
    thread = chat["thread"]
    events = thread.get("events")
    dated = [thread, *(events if isinstance(events, list) else ())]
    times = [milliseconds(one.get("created_at")) for one in dated if isinstance(one, dict)]
    return max((time for time in times if time is not None), default=0)


def begin_ms(came_to_ms: int | None, now_ms: int, every_s: int) -> int:
    """From when on the service looks, that does so every `every_s` and went through all to `came_to_ms`."""
    every_ms = every_s * 1_000
    wanted = now_ms - LOOK_BACK_MS - every_ms if came_to_ms is None else came_to_ms - OVERLAP_MS
    return max(wanted, now_ms - max(WINDOW_MS_MAX, LOOK_BACK_MS + every_ms))


def instant_ms(text: str, now_ms: int) -> int | None:
    """An instant as people write it: so long ago (90s, 30m, 2h, 1d), or RFC 3339. None: neither."""
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now_ms - int(ago[1]) * UNITS_MS[ago[2]]
    try:
        time = datetime.fromisoformat(text)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _decision(value: bytes | None) -> dict[str, Any] | None:
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None  # the exception is dropped: it holds the whole document
    if not isinstance(record, dict) or type(record.get("messages")) is not int:
        return None
    texts = ("organization", "chat_id", "thread_id", "outcome")
    return record if all(isinstance(record.get(name), str) for name in texts) else None
