"""The tags that people removed from threads which are not in memory (any more). Pure.

A thread in memory holds its own. One that expires, is evicted or deleted leaves them here, and takes them back if it
returns: a very late message must not set again what a person removed. Whatever is not here after a restart is on the
topic of decisions, as corrections.
"""

from collections import OrderedDict
from typing import Final, TypeVar

T = TypeVar("T")

# Of a partition. An entry takes 300 to 700 bytes, so these are the last 10,000 threads or so.
REMOVED_BYTES_MAX: Final = 4 << 20
# Of one thread. LiveChat names no limit; a thread has a handful.
TAGS_MAX: Final = 200
_ENTRY_BYTES: Final = 250  # of an entry with two names and a tag, besides their characters
_TAG_BYTES: Final = 68

Key = tuple[str, str, str]  # organization, chat id, thread id


class Removed:
    """By thread; beyond `REMOVED_BYTES_MAX` the oldest entries are deleted."""

    def __init__(self) -> None:
        self._tags: OrderedDict[Key, tuple[str, ...]] = OrderedDict()
        self.bytes = 0

    def get(self, key: Key) -> tuple[str, ...]:
        """Return the thread's removed tags."""
        return self._tags.get(key, ())

    def add(self, key: Key, tags: tuple[str, ...]) -> int:
        """Add a thread's removed tags; return how many threads were deleted for them."""
        tags = with_all(self.pop(key), tags)
        self._tags[key] = tags
        self.bytes += _cost(key, tags)
        deleted = 0
        while self.bytes > REMOVED_BYTES_MAX and len(self._tags) > 1:
            self.bytes -= _cost(*self._tags.popitem(last=False))
            deleted += 1
        return deleted

    def pop(self, key: Key) -> tuple[str, ...]:
        """Take the thread's removed tags out."""
        tags = self._tags.pop(key, ())
        if tags:
            self.bytes -= _cost(key, tags)
        return tags


def with_all(known: tuple[T, ...], tags: tuple[T, ...]) -> tuple[T, ...]:
    """Add tags (or what stands for one) to those known, each once and at most `TAGS_MAX` in all."""
    return (*known, *(tag for tag in dict.fromkeys(tags) if tag not in known))[:TAGS_MAX]


def _cost(key: Key, tags: tuple[str, ...]) -> int:
    characters = sum(len(name) if name.isascii() else 4 * len(name) for name in (*key, *tags))
    return _ENTRY_BYTES + _TAG_BYTES * len(tags) + characters
