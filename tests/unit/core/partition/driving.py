"""A partition driven as the shell does: assigned, read, and its jobs settled."""

from typing import Any, Final

from tagger.core.limits import Limits
from tagger.core.partition.offsets import Hint, decode
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job
from tests.unit.core.partition.log import Log

LIMITS: Final = Limits(linger_s=600, chat_idle_s_max=7_200, chat_age_s_max=14_400, unsettled_max=4)
PLENTY: Final = 1 << 30
NO_TAGS: Final[frozenset[str]] = frozenset()


def begun(
    log: Log,
    committed: int | None = None,
    metadata: str = "",
    *,
    partition: Partition | None = None,
    limits: Limits = LIMITS,
    bytes_max: int = PLENTY,
) -> Partition:
    """A partition that was assigned and read the log to its end."""
    partition = partition or Partition(limits)
    move: Any = partition.begin(committed, metadata, log.first_offset, log.end, bytes_max=bytes_max)
    partition.sought()
    while move is not None:
        rest = log.records[move.offset - log.first_offset :]
        move = partition.receive(rest, log.now_ms)
        if move is not None:
            partition.sought()
    return partition


def read(partition: Partition, log: Log, count: int = 1) -> None:
    """The partition reads the log's last records."""
    assert partition.receive(log.records[-count:], log.now_ms) is None


def the_job(partition: Partition) -> Job:
    jobs = partition.jobs(10)
    assert len(jobs) == 1
    return jobs[0]


def texts(job: Job) -> list[str]:
    return [field for said in job.conversation.said for field in said.fields]


def committed(partition: Partition) -> int:
    committable = partition.committable()
    assert committable is not None
    return committable.offset


def hinted(partition: Partition) -> Hint:
    committable = partition.committable()
    assert committable is not None
    hint = decode(committable.metadata)
    assert isinstance(hint, Hint)
    return hint


def counted(partition: Partition, name: str, reason: str = "") -> int:
    return partition.stats().counters.get((name, reason), 0)


def settle_all(partition: Partition) -> None:
    for job in partition.jobs(100):
        partition.settled(job.id, NO_TAGS)
