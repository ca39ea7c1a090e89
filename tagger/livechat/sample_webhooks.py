"""Made-up webhooks in LiveChat's shapes, and posting them: to test a setup without LiveChat.

https://platform.text.com/docs/management/webhooks. Their chats are called `tagger-sample-…`; the tagger counts
and ignores them.
"""

from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import orjson

from tagger.livechat.calls.requests import rfc3339

CHAT_PREFIX: Final = "tagger-sample-"
ORGANIZATION: Final = "tagger-sample"
CUSTOMER: Final = "tagger-sample-customer"
TIMEOUT_S: Final = 10.0  # LiveChat's own patience
ACCEPTED: Final = HTTPStatus.OK  # LiveChat does not say whether it accepts another 2xx
SECRET_REFUSED: Final = HTTPStatus.UNAUTHORIZED


def samples(secret: str, suffix: str, now_ms: int) -> list[dict[str, Any]]:
    """One webhook of each action of one chat, in the order in which LiveChat would send them."""
    chat_id, thread_id = f"{CHAT_PREFIX}{suffix}", f"{CHAT_PREFIX}{suffix}-thread"
    at = rfc3339(now_ms).replace("+00:00", "Z")
    message = {"created_at": at, "type": "message", "author_id": CUSTOMER, "visibility": "all"}
    first, second = (message | {"id": f"{thread_id}_{n}", "text": f"This is sample {n}."} for n in (1, 2))
    shared = {"properties": {}, "access": {"group_ids": [0]}}
    thread = {"id": thread_id, "active": True, "user_ids": [CUSTOMER], "events": [first], "created_at": at}
    customer = {"id": CUSTOMER, "type": "customer", "present": True, "created_at": at}
    chat = {"id": chat_id, "users": [customer], "thread": thread | shared} | shared
    ids = {"chat_id": chat_id, "thread_id": thread_id}
    return [
        _webhook("incoming_chat", secret, {"chat": chat}),
        _webhook("incoming_event", secret, ids | {"event": second}),
        _webhook("chat_deactivated", secret, ids),
    ]


def secret_check(secret: str) -> dict[str, Any]:
    """A webhook of an action that is not stored: an ingest with this secret answers 200 and drops it."""
    return _webhook("tagger_secret_check", secret, {})


def _webhook(action: str, secret: str, payload: dict[str, Any]) -> dict[str, Any]:
    ids = {"webhook_id": ORGANIZATION, "organization_id": ORGANIZATION}
    return ids | {"secret_key": secret, "action": action, "payload": payload, "additional_data": {}}


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would hand the secret to someone else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, webhook: dict[str, Any]) -> int | str:
    """POST a webhook the way LiveChat does. The answer's status, or the name of what went wrong. Blocks."""
    headers = {"Content-Type": "application/json"}
    request = Request(url, orjson.dumps(webhook), headers, method="POST")  # noqa: S310 - the caller checked it
    try:
        with build_opener(_NoRedirects, ProxyHandler({})).open(request, timeout=TIMEOUT_S) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return type(error).__name__
