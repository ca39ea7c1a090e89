"""What came late for a thread that its owner had evicted, and the next owner knows whole."""

from tagger.core.partition.offsets import Hint, encode
from tagger.core.partition.protocol import Committable
from tests.unit.core.partition.driving import NO_TAGS, begun, counted, hinted, read, the_job
from tests.unit.core.partition.log import START_MS, Log
from tests.webhooks import message


def late_for_what_was_evicted(log: Log, metadata: str = "") -> Committable:
    """What a member commits that evicted a settled thread before something came late for it, and has not asked yet.

    An older thread waited meanwhile, which is why a restart reads the evicted one again. The log has six records.
    """
    log.begins("older", chat="older")
    log.begins(events=(message("T_1", "x" * 3_000),))
    log.ends("older", chat="older")
    log.ends()
    partition = begun(log, 0 if metadata else None, metadata, bytes_max=5_000)
    older, settled = partition.jobs(10)
    partition.settled(settled.id, NO_TAGS)
    log.begins("new", chat="new", events=(message("new_1", "x" * 1_500),))
    read(partition, log)
    assert counted(partition, "evicted") == 1
    log.says(message("T_2", "my refund"))
    read(partition, log)
    partition.settled(older.id, NO_TAGS)
    assert partition.jobs(10) == []
    stopped = partition.committable()
    assert stopped is not None
    assert (stopped.offset, hinted(partition).replay_from) == (6, 0)
    return stopped


def test_what_came_when_its_thread_had_been_evicted_is_asked_for_by_the_next_owner(log: Log) -> None:
    stopped = late_for_what_was_evicted(log)
    job = the_job(begun(log, stopped.offset, stopped.metadata))
    assert (job.thread.thread_id, job.kind, job.offset) == ("T", "late", 6)
    assert job.incomplete == "before_complete_since"


def test_kept_state_does_not_hide_what_came_when_its_thread_had_been_evicted_elsewhere(log: Log) -> None:
    whole = Log()
    whole.begins("older", chat="older")
    partition = begun(whole)
    stopped = late_for_what_was_evicted(log)
    begun(log, stopped.offset, stopped.metadata, partition=partition)
    assert counted(partition, "resumed") == 0
    assert the_job(partition).incomplete == "before_complete_since"


def test_a_late_job_is_not_settled_where_another_member_had_evicted_its_thread(log: Log) -> None:
    """Both know that the log is complete only since later: the hint tells nothing of what was evicted."""
    metadata = encode(Hint(0, START_MS + 1_000, START_MS + 60_000))
    stopped = late_for_what_was_evicted(log, metadata)
    partition = begun(log, 0, metadata)
    assert [job.last_offset for job in partition.jobs(10)] == [2, 5]
    begun(log, stopped.offset, stopped.metadata, partition=partition)
    assert counted(partition, "resumed") == 1
    job = the_job(partition)
    assert (job.thread.thread_id, job.kind, job.offset) == ("T", "late", 6)
