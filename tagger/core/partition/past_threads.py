"""The threads that ended in a stretch of one partition, folded as a restart folds them: without effects. Pure.

A thread comes out when it would be deleted: after the linger time, so that late messages are in it, or to free
memory. What is open at the end of the stretch has not ended, and does not come out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition.protocol import Record
from tagger.core.partition.state import State
from tagger.core.threads.thread import Thread

# Bytes of the threads of a partition, as accounted: 100,000 ordinary chats at a time. Beyond it the oldest are
# evicted, and chats that are still open are then counted as cut.
OPEN_BYTES_MAX: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class PastThread:
    """One ended thread."""

    conversation: Conversation = field(repr=False)
    ended_at_ms: int  # the record time of its end
    incomplete: str | None  # why part of it is known to be missing; None: it is complete


class _Silent(State):
    """Makes no jobs: nothing is due, and LiveChat is not asked."""

    def _due(self, thread: Thread, offset: int, at_ms: int) -> None:
        assert thread.ending is not None, "nothing ended"
        thread.ending.last = offset

    def _ask(self, thread: Thread, offset: int) -> bool:
        return False


class PastThreads:
    """Takes the records of a partition from `first` on."""

    def __init__(
        self,
        first: int,
        *,
        complete_since_ms: int | None = None,
        limits: Limits | None = None,
        bytes_max: int = OPEN_BYTES_MAX,
    ) -> None:
        """`complete_since_ms`: since when the log is whole; 0 from its first offset on, None: find it out."""
        self._limits, self._bytes_max = limits or Limits(), bytes_max
        self._ended: list[PastThread] = []
        self.count = Counter[tuple[str, str]]()  # as `partition.Stats.counters`
        self._state = _Silent(self._limits, self.count, lambda *_: True, 0, several=False)
        self._state.position = first
        self._expiry = self._state.expiry
        self._expiry.complete_since_ms = complete_since_ms
        self._expiry.on_delete = self._deleted

    def take(self, records: Sequence[Record], now_ms: int) -> list[PastThread]:
        """Fold records; return the threads that came out. A gap in the offsets cuts the open threads."""
        self._complete_after(records)
        while (gap := self._state.fold(records, now_ms + self._limits.skew_s * 1000)) is not None:
            self._state.torn(gap)
            self._complete_after(records)
        self._make_room()
        return self._come_out()

    def finish(self) -> list[PastThread]:
        """Return the other threads that ended; all records were taken."""
        for thread in self._expiry.index.by_age():
            self._expiry.delete(thread)
        return self._come_out()

    @property
    def open(self) -> int:
        """Threads that have not ended as far as the records say."""
        return sum(bool(thread.thread_id and thread.ending is None) for thread in self._expiry.index)

    def _come_out(self) -> list[PastThread]:
        ended, self._ended = self._ended, []
        return ended

    def _deleted(self, thread: Thread) -> None:
        ending = thread.ending
        if ending is None or not ending.ended or not thread.thread_id:
            return
        why = thread.missing(self._expiry.complete_since_ms)
        said = thread.conversation(complete=why is None)
        self._ended.append(PastThread(said, ending.record_ms, why))

    def _complete_after(self, records: Sequence[Record]) -> None:
        """After a cut, what was created a while after its first record is complete."""
        if self._expiry.complete_since_ms is not None:
            return
        for record in records:
            if record.timestamp >= 0 and record.offset >= self._state.position:
                self._expiry.complete_since_ms = record.timestamp + self._limits.skew_s * 1000
                return

    def _make_room(self) -> None:
        """Delete the oldest threads until a sixteenth of the limit is free."""
        index = self._expiry.index
        if index.bytes <= self._bytes_max:
            return
        for thread in index.by_age():
            if index.bytes <= self._bytes_max - self._bytes_max // 16:
                return
            self.count["evicted", ""] += 1
            self._expiry.abandon(thread)
