"""All threads of one partition: found by their ids and by age. Pure.

Promises that the bytes it says it holds are not fewer than the interpreter holds.
"""

from collections import deque
from collections.abc import Iterator

from tagger.core.chat import ENDING_BYTES, THREAD_BYTES, Ending, Thread


class Threads:
    """The threads of one partition."""

    __slots__ = ("_by_age", "chats", "count", "size")

    def __init__(self) -> None:
        self.chats: dict[tuple[str, str], Thread] = {}  # the newest thread of a chat; others are its siblings
        self._by_age: deque[Thread] = deque()  # by `first`; those that hold nothing any more go late
        self.count = 0
        self.size = 0  # sum of the threads' sizes

    @property
    def bytes(self) -> int:
        """What the threads hold; an eighth is what a bytearray may have to spare."""
        return self.count * THREAD_BYTES + self.size + (self.size >> 3)

    def get(self, organization: str, chat_id: str, thread_id: str) -> Thread | None:
        thread = self.chats.get((organization, chat_id))
        while thread is not None and thread.thread_id != thread_id:
            thread = thread.sibling
        return thread

    def of_chat(self, chat: tuple[str, str]) -> Iterator[Thread]:
        thread = self.chats.get(chat)
        while thread is not None:
            yield thread
            thread = thread.sibling

    def __iter__(self) -> Iterator[Thread]:
        """Every thread, by chat; the chats in the order in which they came."""
        for thread in self.chats.values():
            yield from self.of_chat(thread.chat)

    def add(self, thread: Thread) -> None:
        thread.sibling = self.chats.get(thread.chat)
        self.chats[thread.chat] = thread
        self._by_age.append(thread)
        self.count += 1
        self.size += thread.size()

    def end(self, thread: Thread, ending: Ending | None) -> None:
        """Give the thread an ending, or take it away."""
        self.size += ENDING_BYTES * ((ending is not None) - (thread.ending is not None))
        thread.ending = ending

    def strip(self, thread: Thread) -> None:
        """Leave of the thread only that it was there."""
        size = thread.size()
        thread.forget()
        self.size += thread.size() - size

    def remove(self, thread: Thread) -> None:
        self.strip(thread)
        self.size -= thread.size()
        self.count -= 1
        newest = self.chats[thread.chat]
        if newest is thread:
            if thread.sibling is None:
                del self.chats[thread.chat]
            else:
                self.chats[thread.chat] = thread.sibling
        else:
            while newest.sibling is not thread:
                assert newest.sibling is not None, "a thread that is not in its chat"
                newest = newest.sibling
            newest.sibling = thread.sibling
        thread.sibling = None

    def oldest(self) -> Thread | None:
        """Of the threads that must be read again after a restart, the one that begins first."""
        by_age = self._by_age
        while by_age and not by_age[0].holds:
            by_age.popleft()
        # A thread that stays long must not keep all that came and went after it.
        if len(by_age) > 2 * self.count + 64:
            self._by_age = by_age = deque(thread for thread in by_age if thread.holds)
        return by_age[0] if by_age else None

    def by_age(self) -> list[Thread]:
        """The threads that must be read again after a restart, oldest first."""
        self._by_age = deque(thread for thread in self._by_age if thread.holds)
        return list(self._by_age)
