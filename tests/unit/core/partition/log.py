"""A log of webhooks, as tests of the core write it: one line a record."""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

START_MS: Final = 1_700_000_000_000
ORGANIZATION: Final = "org"
CUSTOMER: Final = "7f0c5b92-customer"
AGENT: Final = "nora@parcels.example"


class Record(NamedTuple):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Log:
    """Records in order; `after_s` moves time on before the record is written."""

    def __init__(self, *, first_offset: int = 0) -> None:
        self.records: list[Record] = []
        self.first_offset = first_offset
        self.now_ms = START_MS

    @property
    def end(self) -> int:
        return self.first_offset + len(self.records)

    def write(self, value: bytes | None, *, chat: str = "C", after_s: float = 1) -> Record:
        self.now_ms += int(after_s * 1000)
        record = Record(self.end, self.now_ms, f"{ORGANIZATION}:{chat}".encode(), value)
        self.records.append(record)
        return record

    def begins(
        self,
        thread: str = "T",
        *,
        events: tuple[dict[str, Any], ...] = (),
        created_s_ago: float = 0,
        chat: str = "C",
        after_s: float = 1,
        **changed: Any,
    ) -> Record:
        created_ms = self.now_ms + after_s * 1000 - created_s_ago * 1000
        body = {
            "id": thread,
            "active": True,
            "created_at": datetime.fromtimestamp(created_ms / 1000, UTC).isoformat(),
            "events": list(events),
            **changed,
        }
        users = [{"id": CUSTOMER, "type": "customer"}, {"id": AGENT, "type": "agent"}]
        payload = {"chat": {"id": chat, "users": users, "thread": body}}
        return self.write(webhook("incoming_chat", payload), chat=chat, after_s=after_s)

    def says(
        self, event: dict[str, Any], thread: str = "T", *, chat: str = "C", after_s: float = 1
    ) -> Record:
        payload = {"chat_id": chat, "thread_id": thread, "event": event}
        return self.write(webhook("incoming_event", payload), chat=chat, after_s=after_s)

    def ends(self, thread: str = "T", *, chat: str = "C", after_s: float = 1) -> Record:
        payload = {"chat_id": chat, "thread_id": thread}
        return self.write(webhook("chat_deactivated", payload), chat=chat, after_s=after_s)


def webhook(action: str, payload: Any, organization: str = ORGANIZATION) -> bytes:
    return orjson.dumps({"action": action, "organization_id": organization, "payload": payload})


def message(event_id: str, text: str = "hello", author: str | None = CUSTOMER, **more: Any) -> dict[str, Any]:
    return {"id": event_id, "type": "message", "text": text, "author_id": author, **more}


def get_chat(
    thread: str = "T",
    *,
    events: tuple[dict[str, Any], ...] = (),
    active: bool = False,
    chat: str = "C",
    **changed: Any,
) -> dict[str, Any]:
    """LiveChat's answer to `get_chat`."""
    users = [{"id": CUSTOMER, "type": "customer"}, {"id": AGENT, "type": "agent"}]
    body = {"id": thread, "active": active, "events": list(events), **changed}
    return {"id": chat, "users": users, "thread": body}
