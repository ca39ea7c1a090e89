"""A log of webhooks, as tests of the core write it: one line per record."""

from datetime import UTC, datetime
from typing import Any, Final

import orjson

from tests import webhooks
from tests.webhooks import ORGANIZATION, Record, get_chat

START_MS: Final = 1_700_000_000_000


class Log:
    """Records in order; `after_s` is the time that passes before a record is written."""

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
        created = datetime.fromtimestamp(created_ms / 1000, UTC).isoformat()
        body = get_chat(thread, events=events, active=True, chat=chat, **{"created_at": created, **changed})
        return self.write(orjson.dumps(webhooks.incoming_chat(body)), chat=chat, after_s=after_s)

    def says(
        self, event: dict[str, Any], thread: str = "T", *, chat: str = "C", after_s: float = 1
    ) -> Record:
        value = orjson.dumps(webhooks.incoming_event(chat, thread, event))
        return self.write(value, chat=chat, after_s=after_s)

    def tags(
        self,
        tag: str,
        change: str = "thread_tagged",
        thread: str = "T",
        *,
        chat: str = "C",
        after_s: float = 1,
    ) -> Record:
        value = orjson.dumps(webhooks.tag_change(change, chat, thread, tag))
        return self.write(value, chat=chat, after_s=after_s)

    def untags(self, tag: str, thread: str = "T", *, chat: str = "C", after_s: float = 1) -> Record:
        return self.tags(tag, "thread_untagged", thread, chat=chat, after_s=after_s)

    def ends(self, thread: str = "T", *, chat: str = "C", after_s: float = 1) -> Record:
        value = orjson.dumps(webhooks.chat_deactivated(chat, thread))
        return self.write(value, chat=chat, after_s=after_s)


def webhook(action: str, payload: Any, organization: str = ORGANIZATION) -> bytes:
    """Return the value of a webhook's record."""
    return orjson.dumps(webhooks.webhook(action, payload, organization))
