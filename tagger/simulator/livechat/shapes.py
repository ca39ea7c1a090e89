"""LiveChat's JSON, for webhooks and answers, in each API version. Pure.

https://platform.text.com/docs/messaging/agent-chat-api/data-structures and its pages for older versions.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tagger.simulator.livechat.account import Event, Organization, Tag, Thread, User, Version


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event_json(event: Event, version: Version) -> dict[str, Any]:
    """An event of a thread."""
    draft = event.draft
    shape: dict[str, Any] = {"id": event.id, "created_at": timestamp(event.created_at), "type": draft.type}
    if draft.author_id is not None:
        shape["author_id"] = draft.author_id
    if version != "3.3":
        shape["visibility"] = draft.visibility
    elif draft.type != "system_message":  # which had none before 3.4
        shape["recipients"] = draft.visibility
    if draft.properties:
        shape["properties"] = draft.properties
    shape |= draft.content
    if event.deleted:
        shape["deleted"] = True
    if version == "3.3":
        shape.pop("form_type", None)  # new in 3.4
    return shape


def _user_json(user: User, thread: Thread, version: Version) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": user.id,
        "type": user.type,
        "present": thread.active,
        "events_seen_up_to": timestamp(thread.created_at),
    }
    shape |= {name: value for name in ("name", "email") if (value := getattr(user, name)) is not None}
    if user.type == "agent":
        extra = {"routing_status": "accepting_chats"} if version == "3.3" else {"visibility": "all"}
        return shape | {"avatar": "https://example.com/avatar.png"} | extra
    visit = {
        "started_at": timestamp(thread.created_at),
        "ip": "192.0.2.17",  # TEST-NET-1, RFC 5737
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "last_pages": [
            {"opened_at": timestamp(thread.created_at), "url": "https://shop.example.com/", "title": "Shop"}
        ],
    }
    return shape | {
        "email_verified": False,
        "visit" if version == "3.6" else "last_visit": visit,
        "session_fields": [],
        "statistics": {"chats_count": 1, "threads_count": len(thread.chat.threads), "visits_count": 1},
        "created_at": timestamp(thread.chat.threads[0].created_at),
        "followed": False,
        "online": thread.active,
        "group_ids": list(thread.group_ids),
    }


def thread_json(thread: Thread, version: Version) -> dict[str, Any]:
    """A thread with its events."""
    links = {
        "tags": thread.tags,
        "previous_thread_id": thread.previous_thread_id,
        "next_thread_id": thread.next_thread_id,
    }
    shape: dict[str, Any] = {
        "id": thread.id,
        "active": thread.active,
        "user_ids": [user.id for user in thread.chat.users],
        "events": [event_json(event, version) for event in thread.events],
        "properties": {"routing": {"continuous": False}, "source": {"client_id": "simulated"}},
        "access": {"group_ids": list(thread.group_ids)},
        "created_at": timestamp(thread.created_at),
    } | {name: value for name, value in links.items() if value}
    if thread.queue is not None:  # "Present only if the chat is in the queue"
        shape["queue"] = asdict(thread.queue) | {"queued_at": timestamp(thread.queue.queued_at)}
    return shape


def chat_json(thread: Thread, version: Version) -> dict[str, Any]:
    """A chat with one of its threads, as in `incoming_chat`, `get_chat` and `list_archives`."""
    return {
        "id": thread.chat.id,
        "users": [
            _user_json(user, thread, version)
            for user in thread.chat.users
            if thread.queue is None or user.type == "customer"  # no agent yet
        ],
        "properties": {"source": {"client_id": "simulated"}},
        "access": {"group_ids": list(thread.group_ids)},
        "thread": thread_json(thread, version),
    }


def tag_json(tag: Tag) -> dict[str, Any]:
    """A tag of the organization."""
    return asdict(tag) | {"created_at": timestamp(tag.created_at)}


def webhook_json(
    organization: Organization, webhook_id: str, secret: str, action: str, payload: dict[str, Any]
) -> dict[str, Any]:
    """https://platform.text.com/docs/management/webhooks: 3.3 names the license, newer versions the organization."""
    is_old = organization.version == "3.3"
    return {
        "webhook_id": webhook_id,
        "secret_key": secret,
        "action": action,
        **({"license_id": organization.license_id} if is_old else {"organization_id": organization.id}),
        "payload": payload,
        "additional_data": {},
    }
