"""Read answers of the LiveChat API. Pure.

Promises that `read` returns a value for whatever a server can send, and that no text of LiveChat's is
in a `why` or a `repr`: messages of errors may repeat content. It never decides how often to try again;
the error type gives the first guess and `pacing.giving_up` has the last word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

from tagger.livechat.calls.error_types import ALL, DOCUMENTED, NO_TAG, TO_DO, type_of_status
from tagger.livechat.calls.requests import Call
from tagger.livechat.calls.shapes import ANSWERED

# A thread of 500 full messages (16 KB each) or an archive page of ordinary chats; above it memory is at risk.
ANSWER_BYTES_MAX: Final = 8 << 20
# LiveChat documents no Retry-After. A proxy's is obeyed, but none may stop an organization for a day.
RETRY_AFTER_S_MAX: Final = 300.0
# How LiveChat says, in the message of an error, that a tag does not exist is not documented, nor with which type.
_TAG_MISSING: Final = re.compile(
    r"\btag\b.*\b(?:not exist|doesn't exist|not found|not defined|unknown)|\b(?:unknown|no such|not find) (?:\w+ )?tag\b"
    r"|\bnot tagged\b"
)
# The error type of a tag to remove that the thread does not have. How LiveChat says so is not documented either.
NOT_TAGGED: Final = "not_tagged"
# A region becomes a header, so it is checked first: "dal", "fra", "fra-a".
_REGION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,15}")


@dataclass(frozen=True, slots=True)
class Done:
    """The call was answered and did what it should (or it was done already)."""

    value: Any = field(default=None, repr=False)  # the JSON answer; None if LiveChat sends no payload


@dataclass(frozen=True, slots=True)
class Transient:
    """Not now: judging by its type, the system is at fault and not this call."""

    why: str
    error_type: str
    seconds: float | None = None  # to wait, if LiveChat said
    region: str | None = None  # the one to go to, as misdirected_request says


@dataclass(frozen=True, slots=True)
class Permanent:
    """Judging by its type, this call will never be accepted."""

    why: str
    error_type: str


Answer = Done | Transient | Permanent


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The client's last word on a call that evidence shows to be hopeless: park it."""

    reason: str
    error_type: str
    attempts: int


def described(answer: Transient | Permanent) -> str:
    """A failed call, for the person who waits for it: why, and what to do about it."""
    to_do = f"; {TO_DO[answer.error_type]}" if answer.error_type in TO_DO else ""
    return f"{answer.why} ({answer.error_type}){to_do}"


def read(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """What an answer means: `error.type` first, HTTP status second.

    `body` may be cut at any length; more than ANSWER_BYTES_MAX bytes of it are not looked at.
    """
    document = _json(body)
    error_type = _error_type(document)
    if error_type is not None:
        if _done_already(call, error_type, document):
            return Done()
        if _lacks_tag(call, error_type, document):
            if call.method == "untag_thread":
                return Permanent(ALL[NOT_TAGGED].why, NOT_TAGGED)
            return Permanent(NO_TAG, error_type)
        return _failure(error_type, headers, document)
    if 200 <= status < 300:
        return _accepted(call, headers, body, document)
    error_type = type_of_status(status)
    if document is _NOT_JSON and ALL[error_type].is_permanent:
        # LiveChat's API writes JSON or nothing: a firewall's 403 page says nothing about this call.
        error_type = "not_json"
    return _failure(error_type, headers, document)


def failed(error_type: str) -> Transient:
    """A failure without an answer to read: one of `error_types.OURS`."""
    return Transient(ALL[error_type].why, error_type)


def _accepted(call: Call, headers: Mapping[str, str], body: bytes, document: Any) -> Answer:
    """An answer with a status of success. Where LiveChat sends no payload, the status is enough.

    Anything else that is not JSON shows that something in between answered, or that the answer was cut off. The call
    is made again then: it may not have been heard, and makes no difference where it was. LiveChat's own clients read
    an empty body or an object: https://github.com/livechat/lc-sdk-go
    """
    fits = ANSWERED.get(call.method)
    if fits is None:
        return _failure("not_json", headers) if document is _NOT_JSON else Done()
    if len(body) > ANSWER_BYTES_MAX:
        return _failure("answer_too_large", headers)
    if document is _NOT_JSON or document is None:
        return _failure("not_json", headers)
    return Done(document) if fits(call.body, document) else _failure("wrong_shape", headers)


def _failure(error_type: str, headers: Mapping[str, str], document: Any = None) -> Transient | Permanent:
    known = ALL[error_type]
    if known.is_permanent:
        return Permanent(known.why, error_type)
    if error_type == "misdirected_request" and (region := _region(document)):
        return Transient(known.why, error_type, 0.0, region)
    return Transient(known.why, error_type, _retry_after_s(headers))


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
    """The documented type that a body names, "undocumented" for any other, None if it names no type."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("type"), str):
        return None
    return error["type"] if error["type"] in DOCUMENTED else "undocumented"


def _done_already(call: Call, error_type: str, document: Any) -> bool:
    """Whether a refusal means that things are as the call wants them.

    How LiveChat refuses a tag that the thread already has is not documented, so its message is searched for one
    word; it is not passed on. A tag that `create_tag` finds may differ in case, so that does not count as success.
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


def _lacks_tag(call: Call, error_type: str, document: Any) -> bool:
    """Whether LiveChat refuses a tag because it does not exist, or is not there to be removed.

    Its message may quote the tag, which is left out.
    """
    if call.method not in {"tag_thread", "untag_thread"} or error_type not in {
        "validation",
        "not_found",
        "not_allowed",
    }:
        return False
    message = document["error"].get("message")
    return isinstance(message, str) and bool(
        _TAG_MISSING.search(message.replace(call.body["tag"], "").lower())
    )


def _region(document: Any) -> str | None:
    region = document
    for name in ("error", "data", "region"):
        region = region.get(name) if isinstance(region, dict) else None
    return region if isinstance(region, str) and _REGION.fullmatch(region) else None


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
