"""When threads are next to be looked at, by event time. Pure.

Times are rounded up to slots of ten seconds, so that a record costs one comparison, and so that a
thread whose time moves on with each message is not moved with each message: who looks finds out.
A thread has one place at most, and loses it when it is deleted: nothing of it may stay.
"""

import heapq
import sys
from typing import Final

from tagger.core.threads.thread import Thread

_SLOT_MS: Final = 10_000


class Deadlines:
    """Threads by the slot in which they are due."""

    __slots__ = ("_due", "_slots", "next_ms")

    def __init__(self) -> None:
        self._slots: dict[int, tuple[int, dict[Thread, None]]] = {}  # threads in the order of entry
        self._due: list[int] = []  # a heap of the slots
        self.next_ms = sys.maxsize  # event time from which `pop` may have something

    def put(self, thread: Thread, at_ms: int) -> None:
        """The thread is due then, and no more at another time."""
        slot = at_ms // _SLOT_MS + 1
        if thread.slot == slot:
            return
        self.remove(thread)
        if slot not in self._slots:
            self._slots[slot] = (slot, {})
            heapq.heappush(self._due, slot)
            self.next_ms = self._due[0] * _SLOT_MS
        thread.slot, threads = self._slots[slot]  # all threads of a slot share its number: 32 bytes each
        threads[thread] = None

    def remove(self, thread: Thread) -> None:
        """The thread is not due any more."""
        slot, thread.slot = thread.slot, None
        if slot is not None:
            _, threads = self._slots[slot]
            del threads[thread]
            if not threads:
                threads.clear()  # only so a dictionary shrinks

    def pop(self, now_ms: int) -> list[Thread]:
        """Those that are due, in the order of their slots, and of entry within a slot."""
        threads: list[Thread] = []
        while self._due and self._due[0] * _SLOT_MS <= now_ms:
            threads += self._slots.pop(heapq.heappop(self._due))[1]
        for thread in threads:
            thread.slot = None
        self.next_ms = self._due[0] * _SLOT_MS if self._due else sys.maxsize
        return threads
