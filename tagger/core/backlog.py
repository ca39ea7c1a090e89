"""Work that is due, under way, or done behind older work that is not. Pure.

Promises that an offset stays unfinished until everything due at it is settled. A thread has at most one
work under way; what comes for it meanwhile is judged after that, and knows what was decided before.
"""

from collections import deque

from tagger.core.chat import Ending, Thread
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.offsets import Unfinished
from tagger.core.work import Kind, Work


class Backlog:
    """All work of one assignment."""

    __slots__ = ("_ready", "_under_way", "bytes", "threads", "unfinished")

    def __init__(self) -> None:
        self._ready: deque[Thread] = deque()
        self._under_way: dict[int, Thread] = {}  # by the work's id
        self.unfinished = Unfinished()
        self.threads = 0  # that wait to be settled
        self.bytes = 0  # sum of their sizes

    def add(self, thread: Thread, offset: int, record_ms: int) -> None:
        """Something is due for the thread, which has an ending, and holds the offset until it is settled."""
        ending = thread.ending
        assert ending is not None, "work without an ending"
        self.unfinished.add(offset, record_ms)
        if not ending.unfinished:
            ending.held = thread.size()
            self.threads += 1
            self.bytes += ending.held
        if not ending.waiting and not ending.handed:
            self._ready.append(thread)
        ending.waiting += (offset,)

    def grew(self, ending: Ending, by: int) -> None:
        """The thread grew while it waits."""
        if ending.unfinished:
            ending.held += by
            self.bytes += by

    def next(self) -> Thread | None:
        """A thread for which work is due and none under way."""
        return self._ready.popleft() if self._ready else None

    def hand(self, work_id: int, thread: Thread, incomplete: str | None, conversation: Conversation) -> Work:
        """The work is under way from now on."""
        ending = thread.ending
        assert ending is not None, "work without an ending"
        assert ending.waiting, "nothing is due"
        ending.handed, ending.waiting, ending.asked = ending.waiting, (), 0
        self._under_way[work_id] = thread
        return self.work(work_id, thread, incomplete, conversation)

    def work(self, work_id: int, thread: Thread, incomplete: str | None, conversation: Conversation) -> Work:
        """The work under way, as the shell sees it."""
        ending = thread.ending
        assert ending is not None
        kind: Kind = "late" if ending.judged else "end" if ending.ended else "expired"
        if not thread.thread_id:
            kind = "unreadable"
        key = ThreadKey(*thread.chat, thread.thread_id)
        offset = ending.handed[0]
        return Work(
            work_id, kind, key, offset, ending.record_ms, conversation, incomplete, frozenset(ending.decided)
        )

    def under_way(self, work_id: int) -> Thread | None:
        """The thread of the work; None where it is none of this assignment."""
        return self._under_way.get(work_id)

    def settle(self, work_id: int) -> None:
        """The work is done."""
        thread = self._under_way.pop(work_id)
        ending = thread.ending
        assert ending is not None
        self._finish(ending.handed)
        ending.handed = ()
        ending.judged = True
        if ending.waiting:
            self._ready.append(thread)
        else:
            self._release(ending)

    def drop(self, work_id: int) -> None:
        """The work, and whatever else waits for the thread, turned out to be none."""
        thread = self._under_way.pop(work_id)
        ending = thread.ending
        assert ending is not None
        self._finish(ending.handed)
        self._finish(ending.waiting)
        self._release(ending)

    def close(self) -> None:
        """No work is under way any more, whatever is still said of it."""
        self._ready.clear()
        self._under_way.clear()

    def _finish(self, offsets: tuple[int, ...]) -> None:
        for offset in offsets:
            self.unfinished.finish(offset)

    def _release(self, ending: Ending) -> None:
        self.threads -= 1
        self.bytes -= ending.held
        ending.held = 0
