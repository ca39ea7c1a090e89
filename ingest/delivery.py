"""What becomes of one webhook POST: kept, ignored or refused. Pure.

It promises that a refusal reveals nothing before the secret is right, and that a body without it is not even parsed:
no stranger's body costs more than a good one of its size. The secret goes no further than the comparison, and
everything that can be keyed is kept. It never raises for what a body holds, and no reason quotes it.
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
BODY_BYTES_MAX: Final = 256 * 1024  # a text has up to 16 KiB; a chat that begins with many is under 100
RECORD_BYTES_MAX: Final = 512 * 1024  # numbers can grow when written again; Kafka's own limit is 1 MiB
KEY_BYTES_MAX: Final = 512  # documented ids have 10 to 36 characters; keys are cached, so they are bounded
SECRET_BYTES_MAX: Final = 256  # of one configured secret
SECRETS_TRIED_MAX: Final = 4  # values named secret_key in one body; LiveChat sends one
# Nesting is bounded by orjson: it reads 1024 levels and writes 254, without recursion; a rich message has 12.

# An escape in a JSON string: a backslash or both halves of a character (group 1), or one half alone.
_ESCAPE: Final = re.compile(
    rb"\\(?:(\\|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_SECRET_KEY: Final = b'"secret_key"'
_SECRET_PLAIN: Final = b'"secret_key":"'  # without blanks, as nearly everybody writes it
_SECRET: Final = re.compile(rb'[ \t\r\n]*+:[ \t\r\n]*+("(?:[^"\\]++|\\.)*+")', re.DOTALL)  # what follows
_SECRET_SPAN: Final = 6 * SECRET_BYTES_MAX + 64  # bytes: the longest secret, fully escaped, and blanks


class Keep(NamedTuple):
    """To be stored, then answered 200."""

    record: topic.Record
    action: str
    repaired: bool  # half an emoji was replaced by U+FFFD: the rest of the message is worth keeping


@dataclass(frozen=True)
class Ignore:
    """Answered 200 and not stored: nobody needs its action."""


class Refuse(NamedTuple):
    """Answered `status`; if LiveChat tries again, it gets the same."""

    status: int
    reason: str


Verdict = Keep | Ignore | Refuse


def read_head(method: str, target: str, content_type: str, encoding: str, size: int | None) -> Refuse | None:
    """Check a request before its body is read: target, method, declared bytes, type and encoding, in this order."""
    if target != PATH and _path(target) != PATH:
        return Refuse(404, "path")
    if method != "POST":
        return Refuse(405, "method")
    if size is not None and size > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    # Parameters do not matter: JSON is UTF-8 despite any charset (RFC 8259 §8.1).
    if content_type != JSON and content_type.partition(";")[0].strip().lower() != JSON:
        return Refuse(415, "content_type")
    if encoding and encoding.strip().lower() != "identity":
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
    """Decide what becomes of a whole body.

    secrets        all that are in force, none empty
    organizations  those whose webhooks are accepted, as `topic.organization_of` returns them; None: any
    """
    if len(body) > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    found, reason = _find_secret(body, secrets)
    if found is None:
        return Refuse(401, reason)
    envelope, repaired = _parse(body)
    if envelope is None:  # it contains a secret_key, so it is not `null`
        return Refuse(400, "not_json")
    if not isinstance(envelope, dict):
        return Refuse(401, "secret")
    given = envelope.pop("secret_key", None)
    given = given.encode() if isinstance(given, str) else b""
    if given != found and not _is_secret(given, secrets):  # usually it is the one that was found
        return Refuse(401, "secret")
    if organizations is not None and topic.organization_of(envelope) not in organizations:
        return Refuse(401, "other_organization")
    action = envelope.get("action")
    if not isinstance(action, str):
        return Refuse(400, "action")
    if action not in topic.STORED_ACTIONS:
        return Ignore()
    verdict = _keep(envelope, action, repaired, received_at_ms)
    if isinstance(verdict, Keep) and topic.holds_secret(verdict.record.value, secrets):
        return _keep(topic.without_secrets(envelope, secrets), action, repaired, received_at_ms)
    return verdict


def _find_secret(body: bytes, secrets: tuple[bytes, ...]) -> tuple[bytes | None, str]:
    """(a right secret that the body holds anywhere as a `secret_key`, or None; why it has none).

    It searches for the name, which is no secret. A search for a secret itself would reveal it: its time depends on
    how much of the secret the body holds.
    """
    at = body.find(_SECRET_PLAIN)
    if at >= 0:  # the usual case; if it is not the right one, look closer
        at += len(_SECRET_PLAIN)
        given = body[at : body.find(b'"', at, at + SECRET_BYTES_MAX + 1)]
        if _is_secret(given, secrets):
            return given, ""
    at, reason = 0, "no_secret"
    for _ in range(SECRETS_TRIED_MAX):
        at = body.find(_SECRET_KEY, at)
        if at < 0:
            break
        at += len(_SECRET_KEY)
        given = _text_behind(body, at)
        if _is_secret(given, secrets):
            return given, ""
        reason = "secret"
    return None, reason


def _text_behind(body: bytes, at: int) -> bytes:
    """The JSON string that follows a name, as bytes of UTF-8; b"" if none does."""
    literal = _SECRET.match(body, at, at + _SECRET_SPAN)
    try:
        return b"" if literal is None else str(orjson.loads(literal[1])).encode()
    except ValueError:  # neither UTF-8 nor JSON
        return b""


def _parse(body: bytes) -> tuple[Any, bool]:
    """(document, None if it is not JSON; whether it was repaired). orjson's exceptions hold the body: they end here."""
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError:
        pass
    repaired = _ESCAPE.sub(lambda escape: escape[0] if escape[1] else rb"\ufffd", body)
    try:
        return (orjson.loads(repaired), True) if repaired != body else (None, False)
    except orjson.JSONDecodeError:
        return None, False


def _is_secret(given: bytes, secrets: Sequence[bytes]) -> bool:
    """Compare with every secret in constant time, so that the time taken reveals nothing about them.

    LiveChat proves itself by a secret in the body, not by a signature.
    https://platform.text.com/docs/management/webhooks
    """
    right = False
    for secret in secrets:
        right |= compare_digest(given, secret)
    return right


def _keep(envelope: dict[str, Any], action: str, repaired: bool, received_at_ms: int) -> Keep | Refuse:
    organization = topic.organization_of(envelope)
    if organization is None:
        return Refuse(400, "organization")
    chat_id = _chat_id(action, envelope.get("payload"))
    if chat_id is None:
        return Refuse(400, "chat_id")
    # Without a thread_id it is kept all the same: the chat's latest thread can be fetched by the chat's id.
    try:
        record = topic.encode(envelope, organization, chat_id, received_at_ms)
    except TypeError:  # nested too deep; orjson can write everything else that it has read
        return Refuse(400, "too_deep")
    if len(record.key) > KEY_BYTES_MAX:
        return Refuse(400, "chat_id")
    if len(record.value) > RECORD_BYTES_MAX:
        return Refuse(413, "record_too_large")
    return Keep(record, action, repaired)


def _chat_id(action: str, payload: object) -> str | None:
    """The chat's id, where each of the payloads carries it; None if it has none to key by."""
    if action == "incoming_chat" and isinstance(payload, dict):
        payload = payload.get("chat")
    name = "id" if action == "incoming_chat" else "chat_id"
    chat_id = payload.get(name) if isinstance(payload, dict) else None
    return chat_id if isinstance(chat_id, str) and chat_id else None
