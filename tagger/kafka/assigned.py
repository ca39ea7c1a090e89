"""One partition for as long as it is ours, as the consumer's parts share it."""

import asyncio
import time
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from tagger.core.partition.partition import Partition
from tagger.kafka.batches import Batch


@dataclass(slots=True)
class Unreadable:
    """Where a partition stands still, and what was tried. Times are monotonic seconds."""

    offset: int  # the first that cannot be read
    error_type: str
    try_at: float
    tries: int = 0


@dataclass(eq=False, slots=True)
class Assigned:
    """Its state and tasks. After `closed`, completions of its jobs are ignored."""

    tp: TopicPartition
    state: Partition
    ready: bool = False  # its position was sought and confirmed
    closed: bool = False
    log_end: int = 0
    log_end_at: float = field(default_factory=time.monotonic)  # when Kafka said so
    began_at: int = 0  # what the group had committed when it was assigned; all below is settled
    committed: int | None = None  # by this process
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    preparing: asyncio.Task[None] | None = None
    unreadable: Unreadable | None = None  # None: it can be read
    recovered: Unreadable | None = (
        None  # the last one that could be read again; if it returns, its tries count on
    )
    passed: list[Batch] = field(default_factory=list)  # unreadable ones that a replay steps over

    def past(self, offset: int) -> int:
        """Where to read from instead of an offset in a batch that a replay steps over."""
        for batch in self.passed:
            if batch.first <= offset <= batch.last:
                offset = batch.last + 1
        return offset
