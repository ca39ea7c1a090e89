"""LiveChat's webhooks and its answer to `get_chat`, in the shape of API 3.6 and no larger than a test needs."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

ORGANIZATION: Final = "org"
CUSTOMER: Final = "7f0c5b92-customer"
AGENT: Final = "nora@parcels.example"


class Record(NamedTuple):
    """A webhook as the topic has it: all that the core wants of a record."""

    offset: int
    timestamp: int  # ms
    key: bytes | None
    value: bytes | None


def webhook(action: str, payload: object, organization: str = ORGANIZATION, **more: Any) -> dict[str, Any]:
    return {"action": action, "organization_id": organization, "payload": payload, **more}


def incoming_chat(chat: Mapping[str, Any], organization: str = ORGANIZATION) -> dict[str, Any]:
    """`chat` as `get_chat` makes it."""
    return webhook("incoming_chat", {"chat": chat}, organization)


def incoming_event(
    chat: str, thread: str, event: object, organization: str = ORGANIZATION, **more: Any
) -> dict[str, Any]:
    """`event` as `message` makes it."""
    payload = {"chat_id": chat, "thread_id": thread, "event": event}
    return webhook("incoming_event", payload, organization, **more)


def chat_deactivated(chat: str, thread: str, organization: str = ORGANIZATION, **more: Any) -> dict[str, Any]:
    return webhook("chat_deactivated", {"chat_id": chat, "thread_id": thread}, organization, **more)


def tag_change(
    action: str, chat: str, thread: str, tag: str, organization: str = ORGANIZATION
) -> dict[str, Any]:
    """`thread_tagged` or `thread_untagged`."""
    return webhook(action, {"chat_id": chat, "thread_id": thread, "tag": tag}, organization)


def message(event_id: str, text: str = "hello", author: str | None = CUSTOMER, **more: Any) -> dict[str, Any]:
    return {"id": event_id, "type": "message", "text": text, "author_id": author, **more}


def users(customer: str = CUSTOMER, agent: str = AGENT) -> list[dict[str, str]]:
    return [{"id": customer, "type": "customer"}, {"id": agent, "type": "agent"}]


def get_chat(
    thread: str = "T",
    *,
    events: Iterable[dict[str, Any]] = (),
    active: bool = False,
    chat: str = "C",
    of: list[dict[str, str]] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """A chat with one of its threads. `of` are its users; `changed` are other fields of the thread."""
    body = {"id": thread, "active": active, "events": list(events), **changed}
    return {"id": chat, "users": users() if of is None else of, "thread": body}
