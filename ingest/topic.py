"""THE CONTRACT between `ingest` and everyone who reads the topic: what one record is. Pure.

A record of `livechat.webhooks` is one webhook of LiveChat:
  key      `<organization_id or license_id>:<chat_id>`, so that a chat lives in one partition, in order
  value    the webhook's JSON without `secret_key`, unknown fields kept; this is the truth
  headers  `action`, `received_at_ms`: hints for people with a console consumer, nothing depends on them
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

# The three webhooks that are stored. Every other action is answered 200 and dropped.
# https://platform.text.com/docs/management/webhooks
STORED_ACTIONS: Final = frozenset({"incoming_chat", "incoming_event", "chat_deactivated"})


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is produced."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Webhook(NamedTuple):
    """One record as it is read back. A tuple: a restart makes hundreds of thousands of them."""

    action: str
    organization: str  # organization_id, or license_id as text (API 3.3), or "" (API 3.1)
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no webhook; the reason holds nothing of its content."""

    reason: str


def record_key(organization: str, chat_id: str) -> bytes:
    return f"{organization}:{chat_id}".encode()


def split_key(key: bytes | None) -> tuple[str, str] | None:
    """(organization, chat_id) of a record's key, or None where it is none of ours."""
    if key is None:
        return None
    organization, colon, chat_id = key.decode("utf-8", "replace").partition(":")
    return (organization, chat_id) if colon and chat_id else None


def organization_of(envelope: Mapping[str, Any]) -> str | None:
    """The envelope's owner as text: API 3.4 and newer name an organization, 3.3 a license, 3.1 nothing ("").

    None: the field is there and is no id.
    """
    organization = envelope.get("organization_id")
    if type(organization) is str and organization:
        return organization
    if organization is None:
        license_id = envelope.get("license_id")
        if license_id is None:
            return ""
        return str(license_id) if type(license_id) is int else None
    return None


def encode(envelope: Mapping[str, Any], organization: str, chat_id: str, received_at_ms: int) -> Record:
    """A verified webhook as a record. The secret is left out here, whatever else the envelope holds."""
    value = orjson.dumps({name: field for name, field in envelope.items() if name != "secret_key"})
    action = str(envelope["action"]).encode()
    headers = (("action", action), ("received_at_ms", str(received_at_ms).encode()))
    return Record(record_key(organization, chat_id), value, headers)


def decode(value: bytes | None) -> Webhook | Unreadable:
    """A record's value as a webhook. Never raises for what a record can hold."""
    if value is None:
        return Unreadable("no value")
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Unreadable("not JSON")  # the exception is dropped: it holds the whole document
    if not isinstance(envelope, dict):
        return Unreadable("not an object")
    action, payload, organization = envelope.get("action"), envelope.get("payload"), organization_of(envelope)
    if type(action) is not str:
        return Unreadable("no action")
    if type(payload) is not dict:
        return Unreadable("no payload")
    if organization is None:
        return Unreadable("organization is no id")
    return tuple.__new__(Webhook, (action, organization, payload))  # half the price of calling the class
