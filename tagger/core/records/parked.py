"""The open items on `livechat.parked`. Pure.

Records on that topic never change and are deleted only by age. So an item is closed by a later record with the same
identity that says how in `resolved`; parked again later, it is open again. An item may have been parked twice, since
we promise at least once: the newest record counts.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from tagger.core.conversation import ThreadKey
from tagger.core.records.decision import FORMAT, Source, json_object, rfc3339, source_fields

# Open items kept, about 1 KB each; beyond this the oldest are left out until others are closed.
ITEMS_MAX: Final = 100_000

_TEXTS: Final = ("organization", "chat_id", "thread_id", "reason", "error_type", "parked_at")

Resolved = Literal["retried", "held_back", "dropped"]  # held_back: a person removed the tag


class Identity(NamedTuple):
    """What distinguishes one item from another; several threads can have the same source."""

    thread: ThreadKey
    source: Source | None  # None: found by reconcile, without a record of its end
    tag: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One tag or chat given up."""

    identity: Identity
    reason: str
    error_type: str
    attempts: int
    parked_at: str  # RFC 3339
    last_offset: int | None = None  # the end, if the item is a range of records

    @property
    def thread(self) -> ThreadKey:
        """The thread that the tag or chat belongs to."""
        return self.identity.thread

    @property
    def tag(self) -> str | None:
        """The tag given up; None: the chat itself could not be fetched or read."""
        return self.identity.tag

    def json(self) -> dict[str, Any]:
        """Return the item as in its record."""
        fields = {
            **self.thread._asdict(),
            "tag": self.tag,
            **source_fields(self.identity.source),
            "reason": self.reason,
            "error_type": self.error_type,
            "attempts": self.attempts,
            "parked_at": self.parked_at,
        }
        if self.last_offset is not None:
            fields["last_offset"] = self.last_offset
        return fields


class OpenItems:
    """Takes the topic's records in order, and knows which items are open."""

    def __init__(self) -> None:
        self._items: OrderedDict[Identity, Item] = OrderedDict()
        self.left_out = 0  # open items beyond the limit
        self.unreadable = 0  # records that are not ours

    def take(self, value: bytes | None) -> None:
        """Take one record. Those of an item share a key, so they come in order."""
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
        """Return the open items that match, oldest first; `ids` are of chats or threads."""
        wanted = set(ids)
        found = (
            item
            for item in self._items.values()
            if (not wanted or wanted & {item.thread.chat_id, item.thread.thread_id})
            and organization in (None, item.thread.organization)
            and error_type in (None, item.error_type)
        )
        return sorted(found, key=lambda item: item.parked_at)


def resolved_record(item: Item, resolved: Resolved, at_ms: int) -> dict[str, Any]:
    """Make the record that closes an item."""
    return {"format": FORMAT, **item.json(), "resolved": resolved, "resolved_at": rfc3339(at_ms)}


def refused_again(item: Item, reason: str, error_type: str, at_ms: int) -> dict[str, Any]:
    """Make the record that says that another try of an item failed."""
    again = {"reason": reason, "error_type": error_type, "attempts": item.attempts + 1}
    return {"format": FORMAT, **item.json(), **again, "parked_at": rfc3339(at_ms)}


def _record(value: bytes | None) -> tuple[Item, bool] | None:
    record = json_object(value)
    if record is None or not all(isinstance(record.get(name), str) for name in _TEXTS):
        return None
    tag, attempts, last_offset = record.get("tag"), record.get("attempts"), record.get("last_offset")
    if type(attempts) is not int or not isinstance(tag, str | None):
        return None
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
