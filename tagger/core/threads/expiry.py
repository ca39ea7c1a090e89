"""How long the threads of a partition are kept: until they expire, or are evicted for want of memory. Pure.

Time is measured in what passes between records, not in what they say it is: `clock_ms` counts from the first
record, and one record moves it by at most `skew_s`. So a clock that jumps by an hour expires nothing.
A thread that is deleted before it was settled moves `complete since`, so that it never looks whole again.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tagger.core.limits import CLOCK_JUMP_MS, TIME_MS_MAX, Limits
from tagger.core.threads.deadlines import Deadlines
from tagger.core.threads.index import Index
from tagger.core.threads.thread import Thread

# Threads are looked at this often, if not sooner: what a thread waits for may be gone long before it is due.
_LOOK_EVERY_MS: Final = 600_000


class Expiry:
    """The threads of one partition, and the time that passes over them.

    `ask` is called with a thread that goes without an end, where LiveChat must say whether it ended, and the
    offset where that happens. It returns whether that is a job now; if not, an earlier assignment settled it.
    `is_settled` tells whether all jobs up to an offset are settled; `is_home` whether a chat's records come here.
    """

    __slots__ = (
        "_ask",
        "_count",
        "_deadlines",
        "_is_home",
        "_is_settled",
        "_limits",
        "_step_ms_max",
        "clock_ms",
        "complete_since_ms",
        "index",
        "newest_ms",
    )

    def __init__(
        self,
        limits: Limits,
        count: Counter[tuple[str, str]],
        ask: Callable[[Thread, int], bool],
        is_settled: Callable[[int], bool],
        is_home: Callable[[str, str], bool],
    ) -> None:
        self._limits, self._count = limits, count
        self._ask, self._is_settled, self._is_home = ask, is_settled, is_home
        self._step_ms_max = limits.skew_s * 1000
        self._deadlines = Deadlines()
        self.index = Index()
        self.newest_ms = 0  # the highest record time that was believed
        self.clock_ms = 0  # what passed since the first record
        self.complete_since_ms: int | None = None  # threads created before may be cut; None: not known yet

    def add(self, thread: Thread) -> None:
        """One more thread, which begins after all others."""
        self.index.add(thread)
        self.look_later(thread)

    def pass_to(self, at_ms: int, offset: int) -> None:
        """It is this late now, and what is due expires. `offset` is where that happens.

        Silence in the log costs nothing, so it need not count for long.
        """
        passed_ms = at_ms - self.newest_ms
        if passed_ms > 0:
            self.newest_ms = at_ms
            self.clock_ms += min(passed_ms, self._step_ms_max)
            if self.clock_ms >= self._deadlines.next_ms:
                for thread in self._deadlines.pop(self.clock_ms):
                    self._look_at(thread, offset)

    def idle(self, ms: int, now_ms: int, offset: int) -> None:
        """Time passes, and no record tells so; our own clock does where none ever did."""
        self.pass_to(self.newest_ms + min(ms, self._step_ms_max) if self.newest_ms else now_ms, offset)

    def time_of(self, at_ms: int) -> int:
        """A record's own time, or the partition's where it has none that can be."""
        return at_ms if 0 <= at_ms <= TIME_MS_MAX else self.newest_ms

    def look_later(self, thread: Thread) -> None:
        """The thread is due at another time than before."""
        self._deadlines.put(thread, min(self._due_ms(thread), self.clock_ms + _LOOK_EVERY_MS))

    def evict_text(self, thread: Thread, why: str) -> None:
        """Keep that the thread is there, but nothing of what was said: LiveChat is asked for that."""
        thread.incomplete, thread.completed = why, False
        self.index.evict_text(thread)

    def delete(self, thread: Thread) -> None:
        """Keep nothing of a thread."""
        self._deadlines.remove(thread)
        self.index.delete(thread)

    def abandon(self, thread: Thread) -> None:
        """Keep nothing of a thread of which more may come.

        A repeat of its beginning would make it look whole, so the log is complete only since it was created. It is
        among the oldest, so hardly any other is older.
        """
        created_ms = thread.created_at_ms
        if created_ms is None and not thread.begun:
            created_ms = self.time_of(thread.first_record_ms) + self._limits.skew_s * 1000
        if self.complete_since_ms is not None and created_ms is not None:
            newest_ms = self.newest_ms + CLOCK_JUMP_MS
            self.complete_since_ms = max(self.complete_since_ms, min(created_ms + 1, newest_ms))
        self.delete(thread)

    def evict(self, bytes_max: int, offset: int) -> None:
        """Delete the oldest threads until a sixteenth of the limit is free, but none that waits.

        LiveChat will be asked for a thread that goes on without its beginning. Where the end may have passed, too,
        it is asked now: the thread stays, without its text, until the answer is there.
        """
        index, enough = self.index, bytes_max - bytes_max // 16
        if index.bytes <= bytes_max:
            return
        for thread in index.by_age():
            if index.bytes <= enough:
                return
            if thread.ending is None or not thread.ending.unsettled:
                self._count["evicted", ""] += 1
                if thread.ending is None and thread.asks:
                    self.evict_text(thread, "evicted")
                    self._ask(thread, offset)
                else:
                    self.abandon(thread)

    def _look_at(self, thread: Thread, offset: int) -> None:
        if self._due_ms(thread) > self.clock_ms and not self._is_astray(thread):
            self.look_later(thread)
        elif thread.ending is None:
            self._expire(thread, offset)
        elif self._is_settled(thread.ending.last):
            self.delete(thread)
        else:  # a restart would read its last records again, and must then know its first
            self._deadlines.put(thread, self.clock_ms + self._step_ms_max)

    def _due_ms(self, thread: Thread) -> int:
        """When the thread expires, by `clock_ms`."""
        limits, ending = self._limits, thread.ending
        if ending is not None and ending.unsettled:
            return self.clock_ms + limits.linger_s * 1000
        age_ms = thread.first_ms + limits.chat_age_s_max * 1000
        if not thread.thread_id:
            alone = all(other is thread for other in self.index.of_chat(thread.chat))
            return thread.last_ms + limits.skew_s * 1000 if alone else age_ms
        if ending is not None:
            return ending.at_ms + limits.linger_s * 1000
        return min(age_ms, thread.last_ms + limits.chat_idle_s_max * 1000)

    def _is_astray(self, thread: Thread) -> bool:
        """Whether only events of it came here a while ago: the rest is elsewhere, and its end as well."""
        if thread.begun or thread.ending is not None or not thread.thread_id:
            return False
        silent = thread.last_ms + self._limits.linger_s * 1000 <= self.clock_ms
        return silent and not self._is_home(*thread.chat)

    def _expire(self, thread: Thread, offset: int) -> None:
        """The thread fell silent, or grew too old, and no end of it was seen."""
        self._count["expired", ""] += 1
        if not thread.asks or not self._ask(thread, offset):
            self.abandon(thread)
