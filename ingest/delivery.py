"""One webhook POST, judged: kept, ignored or refused. Pure.

It promises that a refusal tells nothing before the secret is right, that the secret goes no further than the
comparison, and that whatever can be kept is kept: only what no record can be keyed by is malformed.
It never raises for what a body can hold, and no reason holds anything of it.
"""

import hmac
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import orjson

from ingest import topic

PATH: Final = "/webhooks/livechat"
BODY_BYTES_MAX: Final = 256 * 1024  # a message's text ends at 16 KiB; a chat begun with many is not 100 KiB
RECORD_BYTES_MAX: Final = 512 * 1024  # numbers can grow when written anew; Kafka's own limit is 1 MiB
KEY_BYTES_MAX: Final = (
    512  # documented ids have 10 to 36 characters; keys are remembered, so they are bounded
)
MENDED_MAX: Final = 1_000  # surrogates looked at in one body: more is no text of a person
# Nesting is bounded by orjson: it reads 1024 levels and writes 254, without recursion; a rich message has 12.

# Every webhook of API 3.3 to 3.6. https://platform.text.com/docs/management/webhooks
DOCUMENTED_ACTIONS: Final = topic.STORED_ACTIONS | {
    *(
        "agent_approved",
        "agent_created",
        "agent_deleted",
        "agent_suspended",
        "agent_unsuspended",
        "agent_updated",
    ),
    *(
        "auto_access_added",
        "auto_access_deleted",
        "auto_access_updated",
        "bot_created",
        "bot_deleted",
        "bot_updated",
    ),
    *("chat_access_granted", "chat_access_revoked", "chat_access_updated", "chat_properties_deleted"),
    *(
        "chat_properties_updated",
        "chat_transferred",
        "customer_created",
        "event_deleted",
        "event_properties_deleted",
    ),
    *("event_properties_updated", "event_updated", "events_marked_as_seen", "group_created", "group_deleted"),
    *(
        "group_updated",
        "incoming_customer",
        "incoming_rich_message_postback",
        "routing_status_set",
        "tag_created",
    ),
    *(
        "tag_deleted",
        "tag_updated",
        "thread_properties_deleted",
        "thread_properties_updated",
        "thread_summary_set",
    ),
    *("thread_tagged", "thread_untagged", "user_added_to_chat", "user_removed_from_chat"),
}

# A surrogate written as an escape, not behind an escaped backslash: with its other half (group 2), or alone.
_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:"
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class Keep(NamedTuple):
    """To be stored, then answered 200."""

    record: topic.Record
    action: str
    mended: bool  # an emoji cut in half was replaced by U+FFFD, for the rest of the message is worth keeping


class Ignore(NamedTuple):
    """Answered 200 and forgotten."""

    action: str  # "other" where LiveChat documents no such action


class Refuse(NamedTuple):
    """Answered `status`; LiveChat may try again, and will get the same."""

    status: int
    reason: str


Verdict = Keep | Ignore | Refuse


def read_head(method: str, target: str, content_type: str, length: int | None) -> Refuse | None:
    """Judge a request before its body is read, in this order: target, method, declared bytes, type."""
    if target.partition("?")[0] != PATH:
        return Refuse(404, "path")
    if method != "POST":
        return Refuse(405, "method")
    if length is not None and length > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    # Parameters are not looked at: JSON is UTF-8 whatever a charset says (RFC 8259 §8.1).
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return Refuse(415, "content_type")
    return None


def read(body: bytes, secrets: Sequence[bytes], received_at_ms: int) -> Verdict:
    """Judge a whole body. `secrets` are all that are in force; none of them is empty."""
    if len(body) > BODY_BYTES_MAX:
        return Refuse(413, "body_too_large")
    envelope, mended = _parse(body)
    if envelope is _NOT_JSON:
        return Refuse(400, "not_json")
    if not isinstance(envelope, dict):
        return Refuse(401, "secret")
    if not _is_secret(envelope.pop("secret_key", None), secrets):
        return Refuse(401, "secret")
    action = envelope.get("action")
    if not isinstance(action, str):
        return Refuse(400, "action")
    if action not in topic.STORED_ACTIONS:
        return Ignore(action if action in DOCUMENTED_ACTIONS else "other")
    return _keep(envelope, action, mended, received_at_ms)


_NOT_JSON: Final = object()


def _parse(body: bytes) -> tuple[Any, bool]:
    """(document or _NOT_JSON, whether it was mended). orjson's exceptions hold the body, so they end here."""
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError:
        pass
    mended = _SURROGATE.sub(lambda half: half[0] if half[2] else half[1] + rb"\ufffd", body, MENDED_MAX)
    try:
        return (orjson.loads(mended), True) if mended != body else (_NOT_JSON, False)
    except orjson.JSONDecodeError:
        return _NOT_JSON, False


def _is_secret(given: object, secrets: Sequence[bytes]) -> bool:
    """Compare with every secret, each in constant time and none left out: time tells nothing about them.

    LiveChat proves itself by a secret in the body; there is no signature.
    https://platform.text.com/docs/management/webhooks
    """
    told = given.encode() if isinstance(given, str) else b""
    right = False
    for secret in secrets:
        right |= hmac.compare_digest(told, secret)
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
