"""When threads are next to be looked at, by event time. Pure.

Times are rounded up to slots of ten seconds, so that a record costs one comparison, and so that a
thread whose time moves on with each message is not moved with each message: who looks finds out.
"""

import heapq
import sys
from typing import Final

from tagger.core.chat import Thread

_SLOT_MS: Final = 10_000


class Deadlines:
    """Threads by the slot in which they are due. A thread that is gone by then is the caller's to skip."""

    __slots__ = ("_due", "_slots", "next_ms")

    def __init__(self) -> None:
        self._slots: dict[int, list[Thread]] = {}
        self._due: list[int] = []  # a heap of the slots that hold threads
        self.next_ms = sys.maxsize  # event time from which `pop` has something

    def put(self, thread: Thread, at_ms: int) -> None:
        slot = at_ms // _SLOT_MS + 1
        threads = self._slots.get(slot)
        if threads is None:
            self._slots[slot] = [thread]
            heapq.heappush(self._due, slot)
            self.next_ms = self._due[0] * _SLOT_MS
        else:
            threads.append(thread)

    def pop(self, now_ms: int) -> list[Thread]:
        """Those that are due, in the order of their slots, and of entry within a slot."""
        threads: list[Thread] = []
        while self._due and self._due[0] * _SLOT_MS <= now_ms:
            threads += self._slots.pop(heapq.heappop(self._due))
        self.next_ms = self._due[0] * _SLOT_MS if self._due else sys.maxsize
        return threads
