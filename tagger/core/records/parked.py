"""What lies on `livechat.parked` and is still open. Pure.

Records of that topic are never changed and only deleted by age. So an item is closed by a later record that
repeats its identity and says how in `resolved`; parked again later, it is open again. The same item may have
been parked twice (at least once is what is promised): the newest record counts.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.records.decision import Source, rfc3339, source_fields

ITEMS_MAX: Final = (
    100_000  # open items kept, about 1 KB each; beyond it the oldest are left for the next time
)

TEXTS: Final = ("organization", "chat_id", "thread_id", "reason", "error_type", "parked_at")

Resolved = Literal["retried", "dropped"]


class Identity(NamedTuple):
    """What tells one item from another."""

    thread: ThreadKey
    source: Source | None  # None: found by reconcile, no record stands for it
    tag: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing given up."""

    identity: Identity
    reason: str
    error_type: str
    attempts: int
    parked_at: str  # RFC 3339
    last_offset: int | None = None  # where the item is a range of records: its end

    @property
    def thread(self) -> ThreadKey:
        return self.identity.thread

    @property
    def tag(self) -> str | None:
        """None: the chat itself could not be had, or read."""
        return self.identity.tag

    def json(self) -> dict[str, Any]:
        """The item as its record has it."""
        fields = {
            **_identity_fields(self.identity),
            "reason": self.reason,
            "error_type": self.error_type,
            "attempts": self.attempts,
            "parked_at": self.parked_at,
        }
        if self.last_offset is not None:
            fields["last_offset"] = self.last_offset
        return fields


class OpenItems:
    """Takes the records of the topic in their order; knows which items are open."""

    def __init__(self) -> None:
        self._items: OrderedDict[Identity, Item] = OrderedDict()
        self.left_out = 0  # open items beyond the limit
        self.unreadable = 0  # records that are none of ours

    def take(self, value: bytes | None) -> None:
        """One record. Those of an item share a key, and thus come in their order."""
        record = _record(value)
        if record is None:
            self.unreadable += 1
            return
        item, resolved = record
        self._items.pop(item.identity, None)
        if resolved:
            return
        self._items[item.identity] = item
        if len(self._items) > ITEMS_MAX:
            self._items.popitem(last=False)
            self.left_out += 1

    def matching(
        self, ids: Iterable[str] = (), organization: str | None = None, error_type: str | None = None
    ) -> list[Item]:
        """The open items that are meant, oldest first; `ids` are those of chats or threads."""
        wanted = set(ids)
        found = [
            item
            for item in self._items.values()
            if (not wanted or wanted & {item.thread.chat_id, item.thread.thread_id})
            and organization in (None, item.thread.organization)
            and error_type in (None, item.error_type)
        ]
        return sorted(found, key=lambda item: item.parked_at)


def resolved_record(item: Item, resolved: Resolved, at_ms: int) -> dict[str, Any]:
    """The record that closes an item."""
    return {**item.json(), "resolved": resolved, "resolved_at": rfc3339(at_ms)}


def refused_again(item: Item, reason: str, error_type: str, at_ms: int) -> dict[str, Any]:
    """The record that says that an item was tried once more in vain."""
    again = {"reason": reason, "error_type": error_type, "attempts": item.attempts + 1}
    return {**item.json(), **again, "parked_at": rfc3339(at_ms)}


def _identity_fields(identity: Identity) -> dict[str, Any]:
    return {**identity.thread._asdict(), "tag": identity.tag, **source_fields(identity.source)}


def _record(value: bytes | None) -> tuple[Item, bool] | None:
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None  # the exception is dropped: it holds the whole document
    if not isinstance(record, dict):
        return None
    tag, attempts = record.get("tag"), record.get("attempts")
    if not all(isinstance(record.get(name), str) for name in TEXTS) or type(attempts) is not int:
        return None
    if not isinstance(tag, str | None):
        return None
    last_offset = record.get("last_offset")
    thread = ThreadKey(record["organization"], record["chat_id"], record["thread_id"])
    item = Item(
        Identity(thread, _source(record), tag),
        record["reason"],
        record["error_type"],
        attempts,
        record["parked_at"],
        last_offset if type(last_offset) is int else None,
    )
    return item, bool(record.get("resolved"))


def _source(record: dict[str, Any]) -> Source | None:
    topic, partition, offset = (record.get(name) for name in ("topic", "partition", "offset"))
    if isinstance(topic, str) and type(partition) is int and type(offset) is int:
        return Source(topic, partition, offset)
    return None
