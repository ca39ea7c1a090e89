"""How long the threads of a partition are remembered, and which are forgotten for want of memory. Pure.

Time is measured in what passes between records, not in what they say it is: `clock_ms` counts from the first
record, and one record moves it by at most `skew_s`. So a clock that jumps by an hour forgets nothing.
Whatever is forgotten moves the trust time, so that it does not look whole after a restart.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from tagger.core.limits import CLOCK_JUMP_MS, TIME_MS_MAX, Limits
from tagger.core.threads.deadlines import Deadlines
from tagger.core.threads.index import Threads
from tagger.core.threads.thread import Thread

# Threads are looked at this often, if not sooner: what a thread waits for may be gone long before it is due.
_LOOK_EVERY_MS: Final = 600_000


class Memory:
    """The threads of one partition, and the time that passes over them.

    `ask` is called with a thread that goes without an end, where LiveChat must say whether it ended, and the
    offset where that happens. It returns whether that is work now; if not, an earlier assignment did it.
    `review` is called with a thread that lingered long enough, and was perhaps not judged as a whole.
    `is_settled` tells whether all work up to an offset is done; `is_home` whether a chat's records come here.
    """

    __slots__ = (
        "_ask",
        "_count",
        "_deadlines",
        "_is_home",
        "_is_settled",
        "_limits",
        "_review",
        "_step_ms_max",
        "clock_ms",
        "newest_ms",
        "threads",
        "trust_ms",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - what the world tells it
        self,
        limits: Limits,
        count: Counter[tuple[str, str]],
        ask: Callable[[Thread, int], bool],
        review: Callable[[Thread, int], None],
        is_settled: Callable[[int], bool],
        is_home: Callable[[str, str], bool],
    ) -> None:
        self._limits, self._count = limits, count
        self._ask, self._review, self._is_settled = ask, review, is_settled
        self._is_home = is_home
        self._step_ms_max = limits.skew_s * 1000
        self._deadlines = Deadlines()
        self.threads = Threads()
        self.newest_ms = 0  # the highest record time that was believed
        self.clock_ms = 0  # what passed since the first record
        self.trust_ms: int | None = None  # threads created before may be cut; None: not known yet

    def add(self, thread: Thread) -> None:
        self.threads.add(thread)
        self.look_later(thread)

    def pass_to(self, at_ms: int, offset: int) -> None:
        """It is this late now, and what is due is let go of. `offset` is where that happens.

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

    def _look_at(self, thread: Thread, offset: int) -> None:
        if self._due_ms(thread) > self.clock_ms and not self._is_astray(thread):
            self.look_later(thread)
        elif thread.ending is None:
            self._expire(thread, offset)
        elif self._is_settled(thread.ending.last) and not thread.ending.doubted:
            self.remove(thread)
        else:  # a restart would read its last records again, and must then know its first
            if thread.ending.doubted:
                self._review(thread, offset)
            if thread.text and not thread.ending.unfinished:
                self.strip(thread, "expired")  # what comes so late is asked for in any case
            self._deadlines.put(thread, self.clock_ms + self._step_ms_max)

    def look_later(self, thread: Thread) -> None:
        """The thread is due at another time than before."""
        self._deadlines.put(thread, min(self._due_ms(thread), self.clock_ms + _LOOK_EVERY_MS))

    def _due_ms(self, thread: Thread) -> int:
        """When the thread is to be let go of, by `clock_ms`."""
        limits, ending = self._limits, thread.ending
        if ending is not None and ending.unfinished:
            return self.clock_ms + limits.linger_s * 1000
        age_ms = self._age_ms(thread)
        if not thread.thread_id:
            alone = all(other is thread for other in self.threads.of_chat(thread.chat))
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

    def _age_ms(self, thread: Thread) -> int:
        return thread.first_ms + self._limits.chat_age_s_max * 1000

    def _expire(self, thread: Thread, offset: int) -> None:
        """The thread fell silent, or grew too old, and no end of it was seen."""
        self._count["expired", ""] += 1
        if not thread.asks or not self._ask(thread, offset):
            self.forget(thread)

    def strip(self, thread: Thread, why: str) -> int:
        """Forget what was said in a thread, not that it is there: LiveChat is asked for it. The bytes this frees."""
        thread.incomplete, thread.completed = why, False
        return self.threads.strip(thread)

    def forget(self, thread: Thread) -> None:
        """Keep nothing of a thread that was not settled."""
        self._distrust(thread)
        self.remove(thread)

    def remove(self, thread: Thread) -> None:
        """Keep nothing of a thread."""
        self._deadlines.drop(thread)
        self.threads.remove(thread)

    def _distrust(self, thread: Thread) -> None:
        """A repeat of its beginning would make the thread look whole after a restart: trust only later ones.

        It is among the oldest, so hardly any other is older.
        """
        if self.trust_ms is None or (thread.begun and thread.created_at_ms is None):
            return
        created_ms = thread.created_at_ms
        if created_ms is None:
            created_ms = self.time_of(thread.first_record_ms) + self._limits.skew_s * 1000
        self.trust_ms = max(self.trust_ms, min(created_ms + 1, self.newest_ms + CLOCK_JUMP_MS))

    def evict(self, bytes_max: int, offset: int) -> None:
        """Forget the oldest threads until a sixteenth of the limit is free, but none that waits.

        Nothing is left of an open thread, which will be asked for if it ends. One that ended, or that is asked for
        when it expires, stays without what was said: it will be gone soon, and more may come for it until then.
        """
        threads, enough = self.threads, bytes_max - bytes_max // 16
        if threads.bytes <= bytes_max:
            return
        for thread in threads.by_age():
            if threads.bytes <= enough:
                return
            if thread.text and not (thread.ending is not None and thread.ending.unfinished):
                self._count["evicted", ""] += 1
                if thread.ending is None and not thread.asks:
                    self.forget(thread)
                else:
                    self.strip(thread, "evicted")
        # Nothing is said in any thread that is left: what still fills the memory is their number.
        for thread in list(threads):
            if threads.bytes <= enough:
                return
            if thread.ending is None and thread.asks:
                self._expire(thread, offset)
            elif thread.ending is None or not thread.ending.unfinished:
                self._count["forgotten", ""] += 1
                self.forget(thread)
