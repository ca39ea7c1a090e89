"""When each thread must be looked at next, by event time. Pure.

Times are rounded up to slots of ten seconds, so a record costs one comparison. A message that postpones its
thread's deadline does not move the thread: that is found out when the old deadline comes. A thread has at most one
slot, and none after it is deleted.
"""

import heapq
import sys
from typing import Final

from tagger.core.threads.thread import Thread

_SLOT_MS: Final = 10_000


class Deadlines:
    """Threads by the slot in which they are due."""

    def __init__(self) -> None:
        self._slots: dict[int, tuple[int, dict[Thread, None]]] = {}  # threads in order of entry
        self._due: list[int] = []  # a heap of the slots
        self.next_ms = sys.maxsize  # event time from which `pop` may have something

    def put(self, thread: Thread, at_ms: int) -> None:
        """Make the thread due at this time instead of any other."""
        slot = at_ms // _SLOT_MS + 1
        if thread.slot == slot:
            return
        self.remove(thread)
        if slot not in self._slots:
            self._slots[slot] = (slot, {})
            heapq.heappush(self._due, slot)
            self.next_ms = self._due[0] * _SLOT_MS
        thread.slot, threads = self._slots[slot]  # one number for all in a slot: saves 32 bytes each
        threads[thread] = None

    def remove(self, thread: Thread) -> None:
        """Make the thread due at no time."""
        slot, thread.slot = thread.slot, None
        if slot is not None:
            _, threads = self._slots[slot]
            del threads[thread]
            if not threads:
                threads.clear()  # a dictionary shrinks in no other way

    def pop(self, now_ms: int) -> list[Thread]:
        """Remove and return the threads that are due, by slot, then in order of entry."""
        threads: list[Thread] = []
        while self._due and self._due[0] * _SLOT_MS <= now_ms:
            threads += self._slots.pop(heapq.heappop(self._due))[1]
        for thread in threads:
            thread.slot = None
        self.next_ms = self._due[0] * _SLOT_MS if self._due else sys.maxsize
        return threads
