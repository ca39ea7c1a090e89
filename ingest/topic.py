"""THE CONTRACT between `ingest` and everyone who reads the topic: what one record is. Pure.

A record of `livechat.webhooks` is one webhook of LiveChat:
  key      `<organization_id or license_id>:<chat_id>`, so that a chat lives in one partition, in order
  value    the webhook's JSON without `secret_key`, unknown fields kept; this is the truth
           It never contains the webhook's secret: `[secret]` replaces a string that is the secret, at any depth and
           under any name, and a secret of 16 bytes or more inside a string or a name. A shorter one may be a word
           that people write, so it stays inside a longer text.
  headers  `action`, `received_at_ms`: hints for people with a console consumer; `traceparent` if traces are on;
           nothing depends on them
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

# The webhooks that are stored. Every other action is answered 200 and dropped.
# https://platform.text.com/docs/management/webhooks
CHAT_ACTIONS: Final = frozenset(
    {"incoming_chat", "incoming_event", "chat_deactivated"}
)  # tagging needs all three
TAG_ACTIONS: Final = frozenset({"thread_tagged", "thread_untagged"})  # optional: what people correct
STORED_ACTIONS: Final = CHAT_ACTIONS | TAG_ACTIONS

HIDDEN: Final = "[secret]"  # replaces the webhook's secret
SECRET_BYTES_MIN: Final = 16  # a shorter one is not searched for inside texts


class Record(NamedTuple):
    """One record as it is produced."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Webhook:
    """One record as it is read back."""

    action: str
    organization: str  # organization_id, or license_id as text (API 3.3), or "" (API 3.1)
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is not a webhook; the reason quotes nothing."""

    reason: str


def record_key(organization: str, chat_id: str) -> bytes:
    """The key of a chat's records."""
    return f"{organization}:{chat_id}".encode()


def split_key(key: bytes | None) -> tuple[str, str] | None:
    """(organization, chat_id) of a record's key, or None if it is not one of ours."""
    if key is None:
        return None
    organization, colon, chat_id = key.decode("utf-8", "replace").partition(":")
    return (organization, chat_id) if colon and chat_id else None


def organization_of(envelope: Mapping[str, Any]) -> str | None:
    """The envelope's owner as text: API 3.4 and newer name an organization, 3.3 a license, 3.1 nothing ("").

    None: the field exists and is not a valid id.
    """
    organization = envelope.get("organization_id")
    if organization is None:
        license_id = envelope.get("license_id")
        if license_id is None:
            return ""
        return str(license_id) if type(license_id) is int else None
    return organization if isinstance(organization, str) and organization else None


def encode(envelope: Mapping[str, Any], organization: str, chat_id: str, received_at_ms: int) -> Record:
    """A verified webhook as a record, without its `secret_key`."""
    if "secret_key" in envelope:
        envelope = {name: field for name, field in envelope.items() if name != "secret_key"}
    value = orjson.dumps(envelope)
    action = str(envelope["action"]).encode()
    headers = (("action", action), ("received_at_ms", b"%d" % received_at_ms))
    return Record(record_key(organization, chat_id), value, headers)


def holds_secret(value: bytes, secrets: tuple[bytes, ...]) -> bool:
    """Whether a record's value contains one of the webhook's secrets."""
    for written in _written(secrets):  # noqa: SIM110  # any() is slower, and this is for every webhook
        if value.find(written) >= 0:  # `in` takes half as long again: it tries a number first
            return True
    return False


@lru_cache(maxsize=4)  # sets of secrets in force: one, and another after each rotation
def _written(secrets: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """How a value contains each secret: as a string or a number, and a long one also inside a string."""
    written = [(orjson.dumps(secret.decode()), secret) for secret in secrets]
    return tuple(s[1:-1] if len(one) >= SECRET_BYTES_MIN or one.isdigit() else s for s, one in written)


def without_secrets(document: Any, secrets: Sequence[bytes]) -> Any:
    """A JSON document with `[secret]` for each secret. It nests as deep as orjson writes: 254 levels."""
    whole = frozenset(secret.decode() for secret in secrets)
    inside = sorted((secret for secret in whole if len(secret.encode()) >= SECRET_BYTES_MIN), key=len)[::-1]

    def hide(text: str) -> str:
        if text in whole:
            return HIDDEN
        for secret in inside:  # the longest first: it may contain another one
            text = text.replace(secret, HIDDEN)
        return text

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {hide(name): walk(field) for name, field in node.items()}
        if isinstance(node, list):
            return [walk(item) for item in node]
        if isinstance(node, str):
            return hide(node)
        return HIDDEN if type(node) is int and str(node) in whole else node

    return walk(document)


def decode(value: bytes | None) -> Webhook | Unreadable:
    """A record's value as a webhook. Never raises for what a record can hold."""
    envelope = parse(value)
    return envelope if isinstance(envelope, Unreadable) else webhook_of(envelope)


def parse(value: bytes | None) -> dict[str, Any] | Unreadable:
    """The first half of `decode`: the envelope, unchecked."""
    if value is None:
        return Unreadable("no value")
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Unreadable("not JSON")  # the exception is dropped: it holds the whole document
    return envelope if isinstance(envelope, dict) else Unreadable("not an object")


def webhook_of(envelope: Mapping[str, Any]) -> Webhook | Unreadable:
    """The second half of `decode`: what the envelope must hold."""
    action, payload, organization = envelope.get("action"), envelope.get("payload"), organization_of(envelope)
    if not isinstance(action, str):
        return Unreadable("no action")
    if not isinstance(payload, dict):
        return Unreadable("no payload")
    if organization is None:
        return Unreadable("the organization is not a valid id")
    return Webhook(action, organization, payload)
