"""The threads of one partition, by id and by age. Pure.

Promises to account for no fewer bytes than the interpreter allocates.
"""

from collections import deque
from collections.abc import Iterator

from tagger.core.threads.ending import Ending, cost
from tagger.core.threads.thread import THREAD_BYTES, Thread


class Index:
    """All threads of one partition."""

    def __init__(self) -> None:
        self.chats: dict[tuple[str, str], Thread] = {}  # each chat's newest thread
        self._older: dict[tuple[str, str], list[Thread]] = {}  # its others, newest last, if there are any
        self._by_age: deque[Thread] = deque()  # by `first`; deleted ones are removed late
        self.count = 0
        self.size = 0  # sum of the threads' sizes

    @property
    def bytes(self) -> int:
        """Bytes that the threads hold; the eighth is what a bytearray may allocate in advance."""
        return self.count * THREAD_BYTES + self.size + (self.size >> 3)

    def get(self, organization: str, chat_id: str, thread_id: str) -> Thread | None:
        """Return the thread, if it is known."""
        newest = self.chats.get((organization, chat_id))
        if newest is None or newest.thread_id == thread_id:
            return newest
        older = self._older.get(newest.chat, ())
        return next((thread for thread in reversed(older) if thread.thread_id == thread_id), None)

    def of_chat(self, chat: tuple[str, str]) -> Iterator[Thread]:
        """Yield the threads of a chat, newest first."""
        newest = self.chats.get(chat)
        if newest is not None:
            yield newest
            yield from reversed(self._older.get(chat, ()))

    def __iter__(self) -> Iterator[Thread]:
        """Yield every thread, by chat, the chats in the order they came."""
        for thread in self.chats.values():
            yield from self.of_chat(thread.chat)

    def add(self, thread: Thread) -> None:
        """Add a thread, which begins after all others."""
        newest = self.chats.get(thread.chat)
        if newest is not None:
            self._older.setdefault(newest.chat, []).append(newest)
        self.chats[thread.chat] = thread
        self._by_age.append(thread)
        self.count += 1
        self.size += thread.size()

    def end(self, thread: Thread, ending: Ending | None) -> None:
        """Give the thread an ending, or take its ending away."""
        self.size += cost(ending) - cost(thread.ending)
        thread.ending = ending

    def evict_text(self, thread: Thread) -> None:
        """Keep the thread without anything that was said in it."""
        self.size -= thread.size()
        thread.clear()
        self.size += thread.size()

    def delete(self, thread: Thread) -> None:
        """Keep nothing of the thread."""
        self.size -= thread.size()
        thread.clear()  # the object may stay in `_by_age` for long
        thread.removed = ()
        self.count -= 1
        thread.deleted = True
        older = self._older.get(thread.chat)
        if self.chats[thread.chat] is not thread:
            assert older is not None, "a thread that is not in its chat"
            older.remove(thread)
        elif older:
            self.chats[thread.chat] = older.pop()
        else:
            del self.chats[thread.chat]
        if older is not None and not older:
            del self._older[thread.chat]

    def oldest(self) -> Thread | None:
        """Return the thread that begins first: a restart must read from there."""
        by_age = self._by_age
        while by_age and by_age[0].deleted:
            by_age.popleft()
        # One long-lived thread must not keep all those deleted after it.
        if len(by_age) > 2 * self.count + 64:
            self._by_age = by_age = deque(thread for thread in by_age if not thread.deleted)
        return by_age[0] if by_age else None

    def by_age(self) -> list[Thread]:
        """Return all threads, oldest first."""
        self._by_age = deque(thread for thread in self._by_age if not thread.deleted)
        return list(self._by_age)
