"""A record of the topic, or a chat as `get_chat` returns it → what happened, as a fact. Pure.

Reads all shapes of API 3.3 to 3.6. Never raises over a record's content, and no reason quotes it. What an event
says is read by `event_text`; here is who said it, and where.
"""

from datetime import UTC, datetime
from typing import Any, Final, TypeGuard

from ingest import topic
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.threads.event_text import fields_of, is_deleted
from tagger.core.threads.facts import (
    Change,
    ChatEnded,
    ChatStarted,
    Event,
    EventReceived,
    Fact,
    Ignored,
    Restricted,
    TagChanged,
    Unreadable,
)
from tagger.core.threads.message import plain_message

# The ids of chats sent to try out `ingest` and `tagger` begin like this; a real chat id never does.
SAMPLE_PREFIX: Final = "tagger-sample-"

# More groups, tags or customers than a chat ever has; the rest is left out.
_GROUPS_MAX: Final = 200
_TAGS_MAX: Final = 200
_CUSTOMERS_MAX: Final = 200
# No rule may set a longer tag, so nobody needs to know of one.
_TAG_BYTES_MAX: Final = 1_024

_CHANGES: Final[dict[str, Change]] = {"thread_tagged": "added", "thread_untagged": "removed"}

# An id of at most this many characters fits in any encoding: nearly all ids need no closer look.
_ID_CHARS: Final = ID_BYTES_MAX // 4


def read(key: bytes | None, value: bytes | None) -> Fact:
    """Read a record. The value is the truth; the key is used only if the value does not name the chat."""
    fact = skim(key, value)
    return checked(fact) if isinstance(fact, EventReceived) else fact


def checked(event: EventReceived) -> Fact:
    """Finish `read` for an event that was skimmed: it may be a sample, or have an id that is too long."""
    if event.chat_id.startswith(SAMPLE_PREFIX):
        return Ignored("sample")
    return _bounded(event)


def skim(key: bytes | None, value: bytes | None) -> Fact:
    """As `read`, but an event is not `checked`: for a known thread that was done when it was new."""
    if value is not None and (message := plain_message(value)) is not None:
        return message  # nearly all records
    envelope = topic.parse(value)
    fact: Fact
    if type(envelope) is dict:
        organization, payload = envelope.get("organization_id"), envelope.get("payload")
        if (
            envelope.get("action") == "incoming_event"
            and type(organization) is str
            and type(payload) is dict
            and organization
        ):
            fact = _event_received(organization, payload)
            if type(fact) is EventReceived:
                return fact
        else:
            fact = _fact(envelope)
    else:
        assert isinstance(envelope, topic.Unreadable)
        fact = Unreadable(envelope.reason, "", "")
    if isinstance(fact, Unreadable) and not fact.chat_id and (named := topic.split_key(key)):
        fact = Unreadable(fact.reason, *named)
    return _bounded(fact)


def _bounded(fact: Fact) -> Fact:
    """Return the fact; if one of its ids is longer than any of LiveChat's, only whose chat it may be."""
    if isinstance(fact, Ignored):
        return fact
    if isinstance(fact, Unreadable):
        return Unreadable(fact.reason, clipped(fact.organization), clipped(fact.chat_id))
    ids = fact[:5] if isinstance(fact, EventReceived) else fact[:3]
    if max(map(len, ids)) <= _ID_CHARS or all(map(_fits, ids)):
        return fact
    return Unreadable("id too long", clipped(fact.organization), clipped(fact.chat_id))


def _fits(name: str) -> bool:
    return len(name) <= _ID_CHARS or len(name.encode()) <= ID_BYTES_MAX


def clipped(text: str, bytes_max: int = ID_BYTES_MAX) -> str:
    """Cut a text to at most `bytes_max` bytes of UTF-8."""
    if len(text) * 4 <= bytes_max:
        return text
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


def _fact(envelope: dict[str, Any]) -> Fact:
    webhook = topic.webhook_of(envelope)
    if isinstance(webhook, topic.Unreadable):
        return Unreadable(webhook.reason, "", "")
    if webhook.action == "incoming_event":
        return _event_received(webhook.organization, webhook.payload)
    if webhook.action == "incoming_chat":
        return _chat_started(webhook.organization, webhook.payload)
    if webhook.action == "chat_deactivated":
        return _chat_ended(webhook.organization, webhook.payload)
    if webhook.action in topic.TAG_ACTIONS:
        return _tag_changed(webhook.organization, webhook.payload, webhook.action)
    return Ignored("action")


def _chat_started(organization: str, payload: dict[str, Any]) -> Fact:
    started = _chat(organization, payload.get("chat"))
    if isinstance(started, Restricted):
        return Unreadable("events withheld", organization, started.chat_id)
    return started


def chat_of(organization: str, answer: object) -> ChatStarted | Restricted | Unreadable:
    """Read a chat with one `thread`, as `get_chat` and `list_archives` return it.

    https://platform.text.com/docs/messaging/agent-chat-api#get-chat
    """
    chat = _chat(organization, answer)
    if isinstance(chat, Ignored):
        return Unreadable("sample", organization, "")
    if isinstance(chat, ChatStarted) and not all(map(_fits, chat[:3])):
        return Unreadable("id too long", organization, "")
    return chat


def _event_received(organization: str, payload: dict[str, Any]) -> Fact:
    chat_id, thread_id, event = payload.get("chat_id"), payload.get("thread_id"), payload.get("event")
    if type(chat_id) is not str or type(thread_id) is not str or not chat_id or not thread_id:
        return _unnamed(organization, chat_id)
    if type(event) is not dict:
        return _odd("no event", organization, chat_id)
    fields = fields_of(event)
    if not fields:
        if fields is None:
            return _odd("odd event", organization, chat_id)
        return EventReceived(organization, chat_id, thread_id, "", "", ())
    event_id, author_id = event.get("id"), event.get("author_id")
    if type(event_id) is not str or not event_id:
        return _odd("odd event", organization, chat_id)
    if type(author_id) is not str:
        author_id = ""
    # Half the cost of calling the class, and it is paid for every record.
    fact = tuple.__new__(EventReceived, (organization, chat_id, thread_id, event_id, author_id, fields))
    return fact if len(event_id) <= _ID_CHARS and len(author_id) <= _ID_CHARS else checked(fact)


def _odd(reason: str, organization: str, chat_id: str) -> Unreadable | Ignored:
    return (
        Ignored("sample") if chat_id.startswith(SAMPLE_PREFIX) else Unreadable(reason, organization, chat_id)
    )


def _chat_ended(organization: str, payload: dict[str, Any]) -> Fact:
    chat_id, thread_id = payload.get("chat_id"), payload.get("thread_id")
    if not _is_id(chat_id) or not _is_id(thread_id):
        return _unnamed(organization, chat_id)
    if chat_id.startswith(SAMPLE_PREFIX):
        return Ignored("sample")
    return ChatEnded(organization, chat_id, thread_id)


def _tag_changed(organization: str, payload: dict[str, Any], action: str) -> TagChanged | Ignored:
    """An odd one is ignored, not unreadable: nothing that was said is lost with it."""
    chat_id, thread_id, tag = payload.get("chat_id"), payload.get("thread_id"), payload.get("tag")
    if not (_is_id(chat_id) and _is_id(thread_id) and _is_id(tag)):
        return Ignored("tag_change")
    if chat_id.startswith(SAMPLE_PREFIX):
        return Ignored("sample")
    if not all(map(_fits, (organization, chat_id, thread_id))) or len(tag.encode()) > _TAG_BYTES_MAX:
        return Ignored("tag_change")
    return TagChanged(organization, chat_id, thread_id, tag, _CHANGES[action])


def _unnamed(organization: str, chat_id: object) -> Unreadable:
    if _is_id(chat_id):
        return Unreadable("no thread_id", organization, chat_id)
    return Unreadable("no chat_id", organization, "")


def _chat(organization: str, chat: object) -> ChatStarted | Restricted | Ignored | Unreadable:
    if not isinstance(chat, dict) or not _is_id(chat.get("id")):
        return Unreadable("no chat", organization, "")
    chat_id: str = chat["id"]
    if chat_id.startswith(SAMPLE_PREFIX):
        return Ignored("sample")
    thread = chat.get("thread")
    if not isinstance(thread, dict) or not _is_id(thread.get("id")):
        return Unreadable("no thread", organization, chat_id)
    if thread.get("restricted_access"):
        return Restricted(chat_id, thread["id"])
    events, deleted, odd = _events(thread.get("events"))
    return ChatStarted(
        organization,
        chat_id,
        thread["id"],
        milliseconds(thread.get("created_at")),
        thread.get("active") is not False,
        events,
        _customers(chat.get("users")),
        _group_ids(thread.get("access")) or _group_ids(chat.get("access")),
        tuple([tag for tag in _list(thread.get("tags"))[:_TAGS_MAX] if isinstance(tag, str) and _fits(tag)]),
        odd,
        deleted,
    )


def _events(listed: object) -> tuple[tuple[Event, ...], tuple[str, ...], int]:
    """Return the events that say something, the ids of those deleted, and how many could not be read."""
    events: list[Event] = []
    deleted: list[str] = []
    odd = 0
    if listed is not None and not isinstance(listed, list):
        return (), (), 1
    for event in _list(listed):
        if isinstance(event, dict) and is_deleted(event):
            event_id = event.get("id")
            if _is_id(event_id) and _fits(event_id):
                deleted.append(event_id)
            continue
        fields = fields_of(event) if isinstance(event, dict) else None
        if fields is None:
            odd += 1
            continue
        if not fields:
            continue
        event_id, author_id = event.get("id"), event.get("author_id")
        author_id = author_id if _is_id(author_id) else ""
        if not _is_id(event_id) or not _fits(event_id) or not _fits(author_id):
            odd += 1
        else:
            events.append(Event(event_id, author_id, fields))
    return tuple(events), tuple(deleted), odd


def _customers(users: object) -> tuple[str, ...]:
    customers = []
    for user in _list(users):
        if isinstance(user, dict) and user.get("type") == "customer":
            user_id = user.get("id")
            if _is_id(user_id) and _fits(user_id):
                customers.append(user_id)
    return tuple(customers[:_CUSTOMERS_MAX])


def _group_ids(access: object) -> tuple[int, ...] | None:
    listed = access.get("group_ids") if isinstance(access, dict) else None
    if not isinstance(listed, list):
        return None
    return tuple([group for group in listed[:_GROUPS_MAX] if type(group) is int])


def milliseconds(created_at: object) -> int | None:
    """Read RFC 3339 (UTC if it names no zone) as Unix time in ms; None if it is not a time."""
    if not isinstance(created_at, str):
        return None
    try:
        time = datetime.fromisoformat(created_at)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except ValueError:
        return None


def _is_id(value: object) -> TypeGuard[str]:
    return type(value) is str and value != ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
