"""What people corrected, until it is recorded. Pure.

Each correction is a job that holds its offset like any other, but waits for nothing except Kafka: it needs neither
its thread nor LiveChat.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.partition.offsets import Unsettled
from tagger.core.partition.protocol import Correction, Job
from tagger.core.threads.facts import TagChanged

# A tenth of the jobs that may be under way: each takes milliseconds, and ends must not wait behind a flood of them.
UNDER_WAY_MAX: Final = 100
# What one costs besides the characters of its four names.
_BYTES: Final = 600


@dataclass(frozen=True, slots=True)
class Noted:
    """One correction, and the record that told of it."""

    fact: TagChanged
    offset: int
    record_ms: int

    @property
    def bytes(self) -> int:
        """Return what it takes in memory."""
        names = self.fact[:4]
        return _BYTES + sum([len(name) if name.isascii() else 4 * len(name) for name in names])


class Corrections:
    """Those that are not recorded yet."""

    def __init__(self, unsettled: Unsettled) -> None:
        self._unsettled = unsettled
        self._waiting: deque[Noted] = deque()
        self._under_way: dict[int, Noted] = {}  # by the job's id
        self._closed = False
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    def add(self, noted: Noted) -> None:
        """Hold the correction's offset until it is recorded."""
        self._unsettled.add(noted.offset, noted.record_ms)
        self._waiting.append(noted)
        self.bytes += noted.bytes

    def hand(self, job_id: int) -> Job | None:
        """Put the oldest one under way, if there is one and it may."""
        if not self._waiting or self._closed or len(self._under_way) >= UNDER_WAY_MAX:
            return None
        noted = self._under_way[job_id] = self._waiting.popleft()
        organization, chat_id, thread_id, tag, change = noted.fact
        thread = ThreadKey(organization, chat_id, thread_id)
        return Job(
            job_id,
            "correction",
            thread,
            noted.offset,
            noted.record_ms,
            Conversation(thread, ()),
            last_offset=noted.offset,
            correction=Correction(tag, change),
        )

    def settle(self, job_id: int) -> bool:
        """Release the offset of one that is recorded; return whether the job is one of these."""
        noted = self._under_way.pop(job_id, None)
        if noted is None:
            return False
        self._unsettled.settle(noted.offset)
        self.bytes -= noted.bytes
        return True

    def close(self) -> None:
        """Void what is under way, and hand out no more: the next assignment knows what is still due."""
        self._closed = True
        self._waiting.extendleft(reversed(self._under_way.values()))
        self._under_way.clear()

    def all(self) -> list[Noted]:
        """Return all of them, by offset."""
        return sorted((*self._under_way.values(), *self._waiting), key=lambda noted: noted.offset)
