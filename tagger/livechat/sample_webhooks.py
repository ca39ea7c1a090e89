"""Made-up webhooks in LiveChat's shapes, and posting them: to test a setup without LiveChat.

https://platform.text.com/docs/management/webhooks. Their chats are called `tagger-sample-…`; the tagger counts
and ignores them.
"""

from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import orjson

from ingest.topic import split_key
from tagger.livechat.calls.requests import rfc3339

CHAT_PREFIX: Final = "tagger-sample-"
ORGANIZATION: Final = "tagger-sample"
CUSTOMER: Final = "tagger-sample-customer"
TIMEOUT_S: Final = 10.0  # LiveChat's own patience
ACCEPTED: Final = HTTPStatus.OK  # LiveChat does not say whether it accepts another 2xx
SECRET_REFUSED: Final = HTTPStatus.UNAUTHORIZED
# What to do about an answer that is not 200. Those of ingest itself: `POST /webhooks/livechat` in README.md.
_TO_DO: Final[dict[int, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "The secret, or the organization, is not one that ingest accepts: the first of LIVECHAT_WEBHOOK_SECRETS here "
        "must be one of LIVECHAT_WEBHOOK_SECRETS there (or in the file LIVECHAT_WEBHOOK_SECRETS_FILE). If "
        "INGEST_ORGANIZATIONS is set there, set it here, too."
    ),
    HTTPStatus.NOT_FOUND: "Check the path of the address: ingest receives webhooks at /webhooks/livechat.",
    HTTPStatus.SERVICE_UNAVAILABLE: "It could not be stored: the log of ingest says why. Is Kafka away?",
}


def to_do(answered: int | str) -> str:
    """What to do about an answer of `post` other than ACCEPTED."""
    if isinstance(answered, str):
        return "Nobody answered at this address: check it, and whether ingest runs."
    return _TO_DO.get(answered, "If the log of ingest does not say why, what is in front of it answered.")


def sample_organization(accepted: str | None) -> str:
    """Whose webhooks to pretend to be: of the organizations that ingest accepts, separated by commas, the first."""
    return (accepted or "").partition(",")[0].strip() or ORGANIZATION


def samples(secret: str, suffix: str, now_ms: int, organization: str = ORGANIZATION) -> list[dict[str, Any]]:
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
        _webhook("incoming_chat", secret, organization, {"chat": chat}),
        _webhook("incoming_event", secret, organization, ids | {"event": second}),
        _webhook("chat_deactivated", secret, organization, ids),
    ]


def is_sample(key: bytes | None) -> bool:
    """Whether a record's key is of a sample's chat."""
    found = split_key(key)
    return found is not None and found[1].startswith(CHAT_PREFIX)


def secret_check(secret: str, organization: str = ORGANIZATION) -> dict[str, Any]:
    """A webhook of an action that is not stored: an ingest with this secret answers 200 and drops it."""
    return _webhook("tagger_secret_check", secret, organization, {})


def _webhook(action: str, secret: str, organization: str, payload: dict[str, Any]) -> dict[str, Any]:
    ids = {"webhook_id": ORGANIZATION, "organization_id": organization}
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
