"""What becomes of threads by the work that is due for them, and the room that they take while they wait. Pure.

Promises that the accounts follow each thread as it grows, waits and is settled, and that an organization which has
more than its share waits as offsets and ids only.
"""

from collections import Counter
from collections.abc import Iterable

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition.jobs import Backlog
from tagger.core.threads.expiry import Memory
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import Thread


class Jobs:
    """The work of one assignment, and the threads that it is about."""

    __slots__ = ("_count", "_limits", "_memory", "backlog")

    def __init__(
        self, limits: Limits, count: Counter[tuple[str, str]], memory: Memory, backlog: Backlog
    ) -> None:
        self._limits, self._count = limits, count
        self._memory, self.backlog = memory, backlog

    def add(self, thread: Thread, offset: int, record_ms: int) -> None:
        """Something is due for the thread, which has an ending; the offset is unfinished until it is settled."""
        alone = not self.backlog.shares.several
        self.backlog.add(thread, offset, record_ms, self._memory.clock_ms)
        if alone and self.backlog.shares.several:  # the first may have taken what is the second's
            for waiting in self.backlog.shares.waiting():
                self._fit(waiting)
        self._fit(thread)

    def _fit(self, thread: Thread) -> None:
        """Beyond its share an organization's ended threads wait as offsets and ids only."""
        if self.backlog.is_over(thread):
            self._count["shed", ""] += 1
            self._memory.strip(thread, "share")
            self.backlog.lost_text(thread)

    def grew(self, thread: Thread, by: int) -> None:
        """The thread takes so many bytes more."""
        self._memory.threads.size += by
        self.backlog.grew(thread, by)

    def unite(self, thread: Thread, chat: ChatStarted) -> Conversation:
        """What LiveChat has of the thread together with what was seen; it is kept for what may come late."""
        size = thread.size()
        more = thread.unite(chat)
        fits = len(thread.text) + sum(len(field) for event in more for field in event.fields)
        if thread.events + len(more) > self._limits.thread_events_max or fits > self._limits.thread_bytes_max:
            thread.completed, thread.incomplete = False, "limit"
        else:
            for event in more:
                thread.add(*event)
            more = ()
        if chat.odd_events or chat.active:
            thread.completed = False
            thread.incomplete = "unreadable" if chat.odd_events else "still_active"
        self.grew(thread, thread.size() - size)
        conversation = thread.conversation(complete=not (chat.odd_events or chat.active), more=more)
        self._fit(thread)
        return conversation

    def still_open(self, work_id: int, thread: Thread) -> None:
        """A thread that fell silent is active, says LiveChat: its end is still to come."""
        assert thread.ending is not None, "no work"
        came = bool(thread.ending.waiting)
        self.backlog.drop(work_id)
        self._memory.threads.end(thread, None)
        if came:
            self._memory.look_later(thread)
        else:
            self._memory.forget(thread)

    def settle(self, work_id: int, thread: Thread, tags: Iterable[str]) -> None:
        """The work is done, these tags were called for."""
        ending = thread.ending
        assert ending is not None, "no work"
        size = thread.size()
        self.backlog.settle(work_id)
        ending.decided = tuple(sorted({*ending.decided, *tags}))
        self.grew(thread, thread.size() - size)
        self._fit(thread)
        if thread.thread_id and not ending.ended:
            ending.ended, ending.at_ms = True, self._memory.clock_ms

    def keep(self, effects_from: int, bytes_max: int) -> None:
        """A new assignment: what was due below `effects_from` is settled, by whomever; the rest is due again."""
        self.backlog = Backlog(self._limits, bytes_max, several=self.backlog.shares.several)
        due: list[tuple[int, int, Thread]] = []
        for thread in list(self._memory.threads):
            ending = thread.ending
            if ending is None or not ending.unfinished:
                continue
            offsets = ending.handed + ending.waiting
            ending.handed, ending.waiting, ending.account, ending.held, ending.shed = (), (), None, 0, False
            ending.judged |= offsets[0] < effects_from
            if offsets[-1] >= effects_from:
                rest = [offset for offset in offsets if offset >= effects_from]
                if not thread.thread_id:  # a range of unreadable records, of which none may be left out
                    rest = [max(offsets[0], effects_from), offsets[-1]]
                due += [(offset, ending.record_ms, thread) for offset in rest]
            elif thread.thread_id and not ending.ended:
                self._memory.forget(thread)
        for offset, record_ms, thread in sorted(due, key=lambda each: each[0]):
            self.add(thread, offset, record_ms)
