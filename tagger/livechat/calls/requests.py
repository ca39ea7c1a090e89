"""Build a request to the LiveChat API; read its answer. Pure.

Promises that `read` returns a value for whatever a server can send, and that no text of LiveChat's is
in a `why` or a `repr`: messages of errors may repeat content. It never decides how often to try again;
the error type gives the first guess and `evidence` has the last word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

import orjson

from tagger.livechat.calls.error_types import ALL, DOCUMENTED, TO_DO, Fault, type_of_status
from tagger.livechat.calls.shapes import ANSWERED

API_URL: Final = "https://api.livechatinc.com/v3.6"
# A thread of 500 full messages (16 KB each) or an archive page of ordinary chats; above it memory is at risk.
ANSWER_BYTES_MAX: Final = 8 << 20
# LiveChat documents no Retry-After. A proxy's is obeyed, but none may stop an organization for a day.
RETRY_AFTER_S_MAX: Final = 300.0
REGION_CHARS_MAX: Final = 16  # "dal", "fra", "fra-a"; it becomes a header, so it is not taken unseen
REDIRECT_S: Final = 0.0  # a misdirected request is sent to the right region at once


# What a request is for, as LiveChat bills each: failed ones too, except those it answers with status 500.
Purpose = Literal["tag", "complete", "reconcile", "tag_list", "probe", "retag"]
_PURPOSES: Final[Mapping[str, Purpose]] = {
    "tag_thread": "tag",
    "get_chat": "complete",
    "list_archives": "reconcile",
    "list_tags": "tag_list",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a LiveChat API: POST <base>/<path> with a JSON body."""

    method: str  # LiveChat's own name, for metrics and logs: "tag_thread"
    path: str  # "agent/action/tag_thread"
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The call was answered and did what it should (or found it done already)."""

    value: Any = field(default=None, repr=False)  # the JSON answer; None where LiveChat sends none


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: by its type the fault lies with the system, not with this call."""

    why: str
    error_type: str
    seconds: float | None = None  # as LiveChat asked, where it did
    region: str | None = None  # misdirected_request names the region to go to


@dataclass(frozen=True, slots=True)
class Refused:
    """By its type this call will never be accepted."""

    why: str
    error_type: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What the client says at last of a call that evidence shows to be hopeless: park it."""

    reason: str
    error_type: str
    attempts: int


def told(answer: Wait | Refused) -> str:
    """A failed call, for the person who waits for it: why, and what can be done about it."""
    to_do = f"; {TO_DO[answer.error_type]}" if answer.error_type in TO_DO else ""
    return f"{answer.why} ({answer.error_type}){to_do}"


def purpose_of(call: Call) -> Purpose | None:
    """What a call is for, where nobody says otherwise; None: for a person who sets something up."""
    return _PURPOSES.get(call.method)


def _agent(method: str, body: Mapping[str, Any]) -> Call:
    return Call(method, f"agent/action/{method}", body)


def _configuration(method: str, body: Mapping[str, Any]) -> Call:
    return Call(method, f"configuration/action/{method}", body)


def tag_thread(chat_id: str, thread_id: str, tag: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#tag-thread; the tag's case counts."""
    return _agent("tag_thread", {"chat_id": chat_id, "thread_id": thread_id, "tag": tag})


def untag_thread(chat_id: str, thread_id: str, tag: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#untag-thread"""
    return _agent("untag_thread", {"chat_id": chat_id, "thread_id": thread_id, "tag": tag})


def get_chat(chat_id: str, thread_id: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#get-chat; always names the thread."""
    return _agent("get_chat", {"chat_id": chat_id, "thread_id": thread_id})


def list_threads(chat_id: str, *, limit: int = 100, page_id: str | None = None) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#list-threads; newest first."""
    if page_id is not None:
        return _agent("list_threads", {"chat_id": chat_id, "page_id": page_id})
    return _agent("list_threads", {"chat_id": chat_id, "limit": limit})


def list_archives(
    from_ms: int, to_ms: int, *, limit: int = 25, oldest_first: bool = True, page_id: str | None = None
) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#list-archives

    Ended threads between two instants (Unix time in ms). `page_id` is a former answer's `next_page_id`: it
    remembers the filters, and LiveChat takes no others beside it. 25 a page keep answers far below
    ANSWER_BYTES_MAX; LiveChat's most is 100.
    """
    if page_id is not None:
        return _agent("list_archives", {"page_id": page_id})
    filters = {"from": rfc3339(from_ms), "to": rfc3339(to_ms)}
    order = "asc" if oldest_first else "desc"
    return _agent("list_archives", {"filters": filters, "limit": limit, "sort_order": order})


def list_tags() -> Call:
    """https://platform.text.com/docs/management/configuration-api#list-tags; of all groups."""
    return _configuration("list_tags", {})


def create_tag(name: str, group_ids: tuple[int, ...] = (0,)) -> Call:
    """https://platform.text.com/docs/management/configuration-api#create-tag

    LiveChat looks for a tag of this name without regard to case: `already_exists` may mean "refund".
    """
    return _configuration("create_tag", {"name": name, "group_ids": list(group_ids)})


def register_webhook(action: str, url: str, secret_key: str, owner_client_id: str, description: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#register-webhook

    Three of each action for a client id at most; the url may have 500 characters.
    """
    body = {"action": action, "url": url, "secret_key": secret_key, "description": description}
    return _configuration("register_webhook", body | {"owner_client_id": owner_client_id, "type": "license"})


def list_webhooks(owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#list-webhooks; secrets are not returned."""
    return _configuration("list_webhooks", {"owner_client_id": owner_client_id})


def unregister_webhook(webhook_id: str, owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#unregister-webhook"""
    return _configuration("unregister_webhook", {"id": webhook_id, "owner_client_id": owner_client_id})


def switch_license_webhooks(owner_client_id: str, *, on: bool) -> Call:
    """https://platform.text.com/docs/management/configuration-api#enable-license-webhooks, and the one after it"""
    method = "enable_license_webhooks" if on else "disable_license_webhooks"
    return _configuration(method, {"owner_client_id": owner_client_id})


def get_license_webhooks_state(owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#get-license-webhooks-state"""
    return _configuration("get_license_webhooks_state", {"owner_client_id": owner_client_id})


def read(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Done | Wait | Refused:
    """What an answer means: `error.type` first, HTTP status second.

    `body` may be cut at any length; more than ANSWER_BYTES_MAX bytes of it are not looked at.
    """
    document = _json(body)
    error_type = _error_type(document)
    if error_type is not None:
        if _done_already(call, error_type, document):
            return Done()
        return _failure(error_type, headers, document)
    if 200 <= status < 300:
        return _accepted(call, headers, body, document)
    error_type = type_of_status(status)
    if document is _NOT_JSON and ALL[error_type].fault is Fault.ITEM:
        # What is neither JSON nor nothing was not written by LiveChat's API: a firewall's 403 page says
        # nothing about this call.
        error_type = "not_json"
    return _failure(error_type, headers, document)


def failed(error_type: str, seconds: float | None = None) -> Wait:
    """A failure that has no answer to read: one of `errors.OURS`."""
    return Wait(ALL[error_type].why, error_type, seconds)


def _accepted(call: Call, headers: Mapping[str, str], body: bytes, document: Any) -> Done | Wait | Refused:
    """An answer with a status of success. Where LiveChat sends no payload, the status is enough.

    A page for people is the exception: it shows that something else answered.
    """
    fits = ANSWERED.get(call.method)
    if fits is None:
        return _failure("not_json", headers) if body.lstrip()[:1] == b"<" else Done()
    if len(body) > ANSWER_BYTES_MAX:
        return _failure("answer_too_large", headers)
    if document is _NOT_JSON or document is None:
        return _failure("not_json", headers)
    return Done(document) if fits(call.body, document) else _failure("wrong_shape", headers)


def _failure(error_type: str, headers: Mapping[str, str], document: Any = None) -> Wait | Refused:
    known = ALL[error_type]
    if known.fault is Fault.ITEM:
        return Refused(known.why, error_type)
    if error_type == "misdirected_request" and (region := _region(document)):
        return Wait(known.why, error_type, REDIRECT_S, region)
    return Wait(known.why, error_type, _retry_after_s(headers))


_NOT_JSON: Final = object()


def _json(body: bytes) -> Any:
    """The document; None of an empty body; _NOT_JSON of anything else, cut ones included."""
    if not body.strip():
        return None
    if len(body) > ANSWER_BYTES_MAX:
        return _NOT_JSON
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NOT_JSON  # the exception is dropped: it holds the whole document


def _error_type(document: Any) -> str | None:
    """The documented type that a body names, "undocumented" for any other, None where it names none."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        return None
    return error["type"] if error["type"] in DOCUMENTED else "undocumented"


def _done_already(call: Call, error_type: str, document: Any) -> bool:
    """Whether a refusal says that things are as the call wants them.

    How LiveChat refuses a tag that the thread has is not documented, so its message is read for one word;
    it is not passed on. A tag that `create_tag` finds may be of another case, so that is no success.
    """
    if call.method == "unregister_webhook":
        return error_type == "not_found"
    if call.method != "tag_thread":
        return False
    message = document["error"].get("message")
    return error_type == "already_exists" or (
        error_type in {"validation", "not_allowed"}
        and isinstance(message, str)
        and "already" in message.lower()
    )


def _region(document: Any) -> str | None:
    region = document
    for name in ("error", "data", "region"):
        region = region.get(name) if isinstance(region, dict) else None
    if not isinstance(region, str) or not 0 < len(region) <= REGION_CHARS_MAX:
        return None
    return region if region.isascii() and region.replace("-", "").isalnum() else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds, at most RETRY_AFTER_S_MAX. A date is read against the answer's own Date."""
    held = {name.lower(): value for name, value in headers.items() if name.lower() in {"retry-after", "date"}}
    asked = held.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), RETRY_AFTER_S_MAX)
    try:
        until, now = (parsedate_to_datetime(text) for text in (asked, held.get("date", "")))
        return min(max((until - now).total_seconds(), 0.0), RETRY_AFTER_S_MAX)
    except (ValueError, TypeError, OverflowError):
        return None


def rfc3339(ms: int) -> str:
    """A time as LiveChat's filters want it: with microseconds and an offset."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="microseconds")
