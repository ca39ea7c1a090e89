"""Webhooks as LiveChat sends them, made up: to test a set-up without LiveChat. Pure.

Shapes: https://platform.text.com/docs/management/webhooks. Their chats are called `tagger-sample-…`, and the
tagger ignores and counts those; nobody is in them.
"""

from typing import Any, Final

from tagger.livechat.calls.requests import rfc3339

CHAT_PREFIX: Final = "tagger-sample-"
ORGANIZATION: Final = "tagger-sample"
CUSTOMER: Final = "tagger-sample-customer"


def samples(secret: str, suffix: str, now_ms: int) -> list[dict[str, Any]]:
    """One webhook of each action that is stored, about one chat, in the order LiveChat would send them."""
    chat_id, thread_id = f"{CHAT_PREFIX}{suffix}", f"{CHAT_PREFIX}{suffix}-thread"
    at = rfc3339(now_ms).replace("+00:00", "Z")

    def event(number: int, text: str) -> dict[str, Any]:
        return {
            "id": f"{thread_id}_{number}",
            "created_at": at,
            "type": "message",
            "text": text,
            "author_id": CUSTOMER,
            "visibility": "all",
        }

    thread = {
        "id": thread_id,
        "active": True,
        "user_ids": [CUSTOMER],
        "events": [event(1, "This is a sample.")],
        "properties": {},
        "access": {"group_ids": [0]},
        "created_at": at,
    }
    customer = {"id": CUSTOMER, "type": "customer", "present": True, "created_at": at}
    chat = {
        "id": chat_id,
        "users": [customer],
        "properties": {},
        "access": {"group_ids": [0]},
        "thread": thread,
    }
    ids = {"chat_id": chat_id, "thread_id": thread_id}
    return [
        _webhook("incoming_chat", secret, {"chat": chat}),
        _webhook("incoming_event", secret, ids | {"event": event(2, "This is a sample, too.")}),
        _webhook("chat_deactivated", secret, ids),
    ]


def secret_check(secret: str) -> dict[str, Any]:
    """A webhook of an action that nobody stores: whoever knows the secret answers it 200, and drops it."""
    return _webhook("tagger_secret_check", secret, {})


def _webhook(action: str, secret: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "webhook_id": ORGANIZATION,
        "secret_key": secret,
        "action": action,
        "organization_id": ORGANIZATION,
        "payload": payload,
        "additional_data": {},
    }
