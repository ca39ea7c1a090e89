"""One webhook POST, judged: kept, ignored or refused. Pure.

It promises that a refusal tells nothing before the secret is right, and that a body without it is not even parsed:
no stranger's body costs more than a good one of its size. The secret goes no further than the comparison, and
whatever can be kept is kept: only what no record can be keyed by is malformed.
It never raises for what a body can hold, and no reason holds anything of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Final, NamedTuple

import orjson

from ingest import topic

PATH: Final = "/webhooks/livechat"
JSON: Final = "application/json"
BODY_BYTES_MAX: Final = 256 * 1024  # a message's text ends at 16 KiB; a chat begun with many is not 100 KiB
RECORD_BYTES_MAX: Final = 512 * 1024  # numbers can grow when written anew; Kafka's own limit is 1 MiB
KEY_BYTES_MAX: Final = (
    512  # documented ids have 10 to 36 characters; keys are remembered, so they are bounded
)
SECRET_BYTES_MAX: Final = 256  # of one configured secret
SECRETS_TRIED_MAX: Final = 4  # values named secret_key in one body; LiveChat sends one
# Nesting is bounded by orjson: it reads 1024 levels and writes 254, without recursion; a rich message has 12.

# One escape of a JSON string: an escaped backslash or both halves of a character (group 1), or one half alone.
_ESCAPE: Final = re.compile(
    rb"\\(?:(\\|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_SECRET_KEY: Final = b'"secret_key"'
_SECRET_PLAIN: Final = b'"secret_key":"'  # without blanks, as nearly everybody writes it
_SECRET: Final = re.compile(
    rb'[ \t\r\n]*+:[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")', re.DOTALL
)  # what stands behind it
_SECRET_SPAN: Final = (
    6 * SECRET_BYTES_MAX + 64
)  # bytes: the longest secret with all of it escaped, and blanks


class Keep(NamedTuple):
    """To be stored, then answered 200."""

    record: topic.Record
    action: str
    mended: bool  # an emoji cut in half was replaced by U+FFFD, for the rest of the message is worth keeping


@dataclass(frozen=True)
class Ignore:
    """Answered 200 and not stored: its action is another one."""


class Refuse(NamedTuple):
    """Answered `status`; LiveChat may try again, and will get the same."""

    status: int
    reason: str


Verdict = Keep | Ignore | Refuse


def read_head(
    method: str, target: str, content_type: str, content_encoding: str, length: int | None
) -> Refuse | None:
    """Judge a request before its body is read, in this order: target, method, declared bytes, type, encoding."""
    if target != PATH and _path(target) != PATH:
        return Refuse(404, "path")
    if method != "POST":
        return Refuse(405, "method")
    if length is not None and length > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    # Parameters are not looked at: JSON is UTF-8 whatever a charset says (RFC 8259 §8.1).
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        return Refuse(415, "content_type")
    if content_encoding and content_encoding.strip().lower() != "identity":
        return Refuse(415, "content_encoding")
    return None


def _path(target: str) -> str:
    """The path of a request target: `/path?query`, or `http://host/path?query` as to a proxy (RFC 9112 §3.2.2)."""
    path = target.partition("?")[0]
    scheme, absolute, rest = path.partition("://")
    if absolute and scheme.lower() in ("http", "https"):
        path = "/" + rest.partition("/")[2]
    return path


def read(
    body: bytes, secrets: tuple[bytes, ...], received_at_ms: int, organizations: frozenset[str] | None = None
) -> Verdict:
    """Judge a whole body.

    secrets        all that are in force; none of them is empty
    organizations  those whose webhooks are taken, as `topic.organization_of` tells them; None: any
    """
    if len(body) > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    told, reason = _find_secret(body, secrets)
    if told is None:
        return Refuse(401, reason)
    envelope, mended = _parse(body)
    if envelope is _NOT_JSON:
        return Refuse(400, "not_json")
    if not isinstance(envelope, dict):
        return Refuse(401, "secret")
    given = envelope.pop("secret_key", None)
    given = given.encode() if isinstance(given, str) else b""
    if given != told and not _is_secret(given, secrets):  # most often it is the one that was found
        return Refuse(401, "secret")
    if organizations is not None and topic.organization_of(envelope) not in organizations:
        return Refuse(401, "other_organization")
    action = envelope.get("action")
    if not isinstance(action, str):
        return Refuse(400, "action")
    if action not in topic.STORED_ACTIONS:
        return Ignore()
    verdict = _keep(envelope, action, mended, received_at_ms)
    if isinstance(verdict, Keep) and topic.holds_secret(verdict.record.value, secrets):
        return _keep(topic.without_secrets(envelope, secrets), action, mended, received_at_ms)
    return verdict


def _find_secret(body: bytes, secrets: tuple[bytes, ...]) -> tuple[bytes | None, str]:
    """(a right secret that stands anywhere in the body as a `secret_key`, or None; why there is none).

    What is searched for is the name, which everybody knows. To search for the secrets themselves would tell them:
    how long that takes depends on what of them the body holds.
    """
    at = body.find(_SECRET_PLAIN)
    if at >= 0:  # the usual case; where it is not the right one, there is time to look closer
        at += len(_SECRET_PLAIN)
        told = body[at : body.find(b'"', at, at + SECRET_BYTES_MAX + 1)]
        if _is_secret(told, secrets):
            return told, ""
    at, reason = 0, "no_secret"
    for _ in range(SECRETS_TRIED_MAX):
        at = body.find(_SECRET_KEY, at)
        if at < 0:
            break
        at += len(_SECRET_KEY)
        told = _text_behind(body, at)
        if _is_secret(told, secrets):
            return told, ""
        reason = "secret"
    return None, reason


def _text_behind(body: bytes, at: int) -> bytes:
    """What the JSON string says that stands behind a name, as bytes of UTF-8; b"" where there is none."""
    literal = _SECRET.match(body, at, at + _SECRET_SPAN)
    try:
        return b"" if literal is None else str(orjson.loads(literal[1])).encode()
    except ValueError:  # it is neither UTF-8 nor JSON
        return b""


_NOT_JSON: Final = object()


def _parse(body: bytes) -> tuple[Any, bool]:
    """(document or _NOT_JSON, whether it was mended). orjson's exceptions hold the body, so they end here."""
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError:
        pass
    mended = _ESCAPE.sub(lambda escape: escape[0] if escape[1] else rb"\ufffd", body)
    try:
        return (orjson.loads(mended), True) if mended != body else (_NOT_JSON, False)
    except orjson.JSONDecodeError:
        return _NOT_JSON, False


def _is_secret(told: bytes, secrets: Sequence[bytes]) -> bool:
    """Compare with every secret, each in constant time and none left out: time tells nothing about them.

    LiveChat proves itself by a secret in the body; there is no signature.
    https://platform.text.com/docs/management/webhooks
    """
    right = False
    for secret in secrets:
        right |= compare_digest(told, secret)
    return right


def _keep(envelope: dict[str, Any], action: str, mended: bool, received_at_ms: int) -> Keep | Refuse:
    organization = topic.organization_of(envelope)
    if organization is None:
        return Refuse(400, "organization")
    chat_id = _chat_id(action, envelope.get("payload"))
    if chat_id is None:
        return Refuse(400, "chat_id")
    # A missing thread_id is no reason to refuse: with the chat's id its latest thread can still be asked for.
    try:
        record = topic.encode(envelope, organization, chat_id, received_at_ms)
    except TypeError:  # orjson's word for nested too deep; nothing else that was read cannot be written
        return Refuse(400, "too_deep")
    if len(record.key) > KEY_BYTES_MAX:
        return Refuse(400, "chat_id")
    if len(record.value) > RECORD_BYTES_MAX:
        return Refuse(413, "record_too_large")
    return Keep(record, action, mended)


def _chat_id(action: str, payload: object) -> str | None:
    """Where the three payloads carry the chat's id; None where there is none to key by."""
    if action == "incoming_chat" and isinstance(payload, dict):
        payload = payload.get("chat")
    if not isinstance(payload, dict):
        return None
    chat_id = payload.get("id" if action == "incoming_chat" else "chat_id")
    return chat_id if isinstance(chat_id, str) and chat_id else None
