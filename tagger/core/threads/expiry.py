"""How long a partition's threads are kept: until they expire, or are evicted to free memory. Pure.

Time is what passes between records, not what they claim it is: `clock_ms` counts from the first record, and one
record moves it by at most `skew_s`. So a clock that jumps by an hour expires nothing. Deleting a thread that was
never settled moves `complete since` up, so that it can never look complete again.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tagger.core.limits import CLOCK_JUMP_MS, TIME_MS_MAX, Limits
from tagger.core.threads.deadlines import Deadlines
from tagger.core.threads.index import Index
from tagger.core.threads.removed import Key, Removed
from tagger.core.threads.thread import Thread

# Threads are looked at this often or sooner: what a thread waits for may be gone long before it is due.
_LOOK_EVERY_MS: Final = 600_000


class Expiry:
    """The threads of one partition, and the time that passes for them.

    `ask` is called with a thread that expires or is evicted without an end, and the offset where that happens, if
    LiveChat must say whether it ended. It returns True if it made a job, False if an earlier assignment settled it.
    `is_settled` says whether all jobs up to an offset are settled; `is_home`, whether a chat's records come here.
    """

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
        self.removed = Removed()
        self.newest_ms = 0  # the latest record time that was believed
        self.clock_ms = 0  # time passed since the first record
        self.complete_since_ms: int | None = None  # threads created earlier may be cut; None: not known yet
        self.on_delete: Callable[[Thread], None] | None = None  # hears of each thread while it is still whole

    def add(self, thread: Thread) -> None:
        """Add a thread, which begins after all others."""
        self.index.add(thread)
        self.look_later(thread)

    def pass_to(self, at_ms: int, offset: int) -> None:
        """Advance time to `at_ms`, and expire what is due; `offset` is where that happens.

        A silence in the log costs nothing, so only a short part of it counts.
        """
        passed_ms = at_ms - self.newest_ms
        if passed_ms > 0:
            self.newest_ms = at_ms
            self.clock_ms += min(passed_ms, self._step_ms_max)
            if self.clock_ms >= self._deadlines.next_ms:
                for thread in self._deadlines.pop(self.clock_ms):
                    self._look_at(thread, offset)

    def idle(self, ms: int, now_ms: int, offset: int) -> None:
        """Advance time by `ms` without a record; to `now_ms`, our own clock, if no record had a time yet."""
        self.pass_to(self.newest_ms + min(ms, self._step_ms_max) if self.newest_ms else now_ms, offset)

    def time_of(self, at_ms: int) -> int:
        """Return the record's own time, or the partition's if that is missing or impossible."""
        return at_ms if 0 <= at_ms <= TIME_MS_MAX else self.newest_ms

    def look_later(self, thread: Thread) -> None:
        """Move the thread's deadline to when it is due now."""
        self._deadlines.put(thread, min(self._due_ms(thread), self.clock_ms + _LOOK_EVERY_MS))

    def evict_text(self, thread: Thread, why: str) -> None:
        """Keep the thread but nothing that was said in it: LiveChat will be asked for that."""
        thread.incomplete, thread.completed = why, False
        self.index.evict_text(thread)

    def delete(self, thread: Thread) -> None:
        """Keep nothing of a thread but which tags people removed."""
        if self.on_delete is not None:
            self.on_delete(thread)
        if thread.removed:
            self.note_removed((*thread.chat, thread.thread_id), thread.removed)
        self._deadlines.remove(thread)
        self.index.delete(thread)

    def note_removed(self, key: Key, tags: tuple[str, ...]) -> None:
        """Note which tags people removed from a thread that is not in memory."""
        self._count["removed_over_limit", ""] += self.removed.add(key, tags)

    def abandon(self, thread: Thread) -> None:
        """Delete a thread for which more may come.

        A repeat of its beginning would make it look complete, so the log now counts as complete only since after
        its creation. It is among the oldest threads, so this affects hardly any other.
        """
        created_ms = thread.created_at_ms
        if created_ms is None and not thread.begun:
            created_ms = self.time_of(thread.first_record_ms) + self._limits.skew_s * 1000
        if self.complete_since_ms is not None and created_ms is not None:
            newest_ms = self.newest_ms + CLOCK_JUMP_MS
            self.complete_since_ms = max(self.complete_since_ms, min(created_ms + 1, newest_ms))
        self.delete(thread)

    def may_have_been_deleted(self, thread: Thread) -> bool:
        """Whether an earlier assignment may have deleted the thread before something came late for it.

        Then that was the first it knew of the thread, to be asked for when it expires: the committed offset may have
        passed what came, and nobody has asked yet.
        """
        ending = thread.ending
        if ending is None or not ending.late or not thread.thread_id:
            return False
        return thread.incomplete is not None or not thread.created_since(self.complete_since_ms)

    def evict(self, bytes_max: int, offset: int) -> None:
        """Delete the oldest threads, but none that waits, until a sixteenth of the limit is free.

        If a deleted thread continues, LiveChat is asked for it when it ends. If its end may already have passed,
        LiveChat is asked now, and the thread stays without its text until the answer comes.
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
        else:  # a restart would re-read its last records, and needs its first ones for that
            self._deadlines.put(thread, self.clock_ms + self._step_ms_max)

    def _due_ms(self, thread: Thread) -> int:
        """Return when the thread expires, by `clock_ms`."""
        limits, ending = self._limits, thread.ending
        if ending is not None and ending.unsettled:
            return self.clock_ms + limits.linger_s * 1000
        if not thread.thread_id:  # a restart must see the hole as long as a thread that it is in
            until_ms = thread.last_ms + limits.skew_s * 1000
            others = (other for other in self.index.of_chat(thread.chat) if other is not thread)
            needed = any(other.first_ms <= until_ms for other in others)
            return self.clock_ms + limits.linger_s * 1000 if needed else until_ms
        if ending is not None:
            return ending.at_ms + limits.linger_s * 1000
        age_ms = thread.first_ms + limits.chat_age_s_max * 1000
        return min(age_ms, thread.last_ms + limits.chat_idle_s_max * 1000)

    def _is_astray(self, thread: Thread) -> bool:
        """Return whether only events of it came here, a while ago: the rest, and its end, are in another partition."""
        if thread.begun or thread.ending is not None or not thread.thread_id:
            return False
        silent = thread.last_ms + self._limits.linger_s * 1000 <= self.clock_ms
        return silent and not self._is_home(*thread.chat)

    def _expire(self, thread: Thread, offset: int) -> None:
        """Expire a thread that fell silent or grew too old without an end."""
        self._count["expired", ""] += 1
        if not thread.asks or not self._ask(thread, offset):
            self.abandon(thread)
