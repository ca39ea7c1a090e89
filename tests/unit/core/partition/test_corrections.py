"""What people do to tags: what is recorded of it, what it holds back, and for how long it is known."""

from datetime import UTC, datetime
from typing import Final

import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.limits import Limits
from tagger.core.partition.catching_up import TICKS_MAX
from tagger.core.partition.corrections import UNDER_WAY_MAX
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Correction, Job, NotGiven
from tagger.core.threads.removed import REMOVED_BYTES_MAX, TAGS_MAX, Removed
from tests.unit.core.partition.driving import begun, committed, read, settle_all, the_job
from tests.unit.core.partition.log import START_MS, Log, webhook
from tests.webhooks import CUSTOMER, get_chat, message

THREAD: Final = ThreadKey("org", "C", "T")
REFUND: Final = frozenset({"Refund"})


def corrections(partition: Partition) -> list[tuple[str, str]]:
    jobs = partition.jobs(100)
    assert {job.kind for job in jobs} <= {"correction"}
    return [(job.correction.change, job.correction.tag) for job in jobs if job.correction is not None]


def settle_with(partition: Partition, tags: frozenset[str]) -> Job:
    job = the_job(partition)
    partition.sets(job.id, tags)
    partition.settled(job.id, tags)
    return job


def test_a_tag_that_a_person_removes_is_recorded_and_known(ended: Log) -> None:
    partition = begun(ended)
    settle_with(partition, REFUND)
    ended.untags("Refund")
    read(partition, ended)
    assert partition.removed(THREAD) == ("Refund",)
    job = the_job(partition)
    assert (job.kind, job.thread, job.offset) == ("correction", THREAD, 4)
    assert job.correction == Correction("Refund", "removed")


def test_a_correction_holds_the_offset_until_it_is_recorded(log: Log) -> None:
    log.untags("Refund")
    partition = begun(log)
    assert committed(partition) == 0
    job = the_job(partition)
    assert committed(partition) == 0
    partition.settled(job.id)
    assert committed(partition) == 1


@pytest.mark.parametrize("settled", [False, True])
def test_a_tag_that_we_set_is_no_correction(ended: Log, settled: bool) -> None:
    """LiveChat may tell of it before the job is settled."""
    partition = begun(ended)
    job = the_job(partition)
    partition.sets(job.id, REFUND)
    if settled:
        partition.settled(job.id, REFUND)
    ended.tags("Refund")
    read(partition, ended)
    assert partition.jobs(10) == []


@pytest.mark.parametrize("thread", ["T", "other"])
def test_a_tag_that_no_decision_called_for_was_added_by_a_person(ended: Log, thread: str) -> None:
    partition = begun(ended)
    settle_with(partition, REFUND)
    ended.tags("Upset", thread=thread)
    read(partition, ended)
    assert corrections(partition) == [("added", "Upset")]


def test_before_the_end_only_people_set_tags(log: Log) -> None:
    log.begins()
    log.tags("Refund")
    assert corrections(begun(log)) == [("added", "Refund")]


def test_a_tag_that_a_person_sets_again_stays_removed_for_us(ended: Log) -> None:
    ended.untags("Refund")
    ended.tags("Refund")
    assert begun(ended).removed(THREAD) == ("Refund",)


def test_a_replay_knows_what_people_removed_and_records_it_no_second_time(ended: Log) -> None:
    partition = begun(ended)
    settle_with(partition, REFUND)
    ended.untags("Refund")
    read(partition, ended)
    settle_all(partition)
    committable = partition.committable()
    assert committable is not None
    again = begun(ended, committable.offset, committable.metadata)
    assert again.jobs(10) == []
    assert again.removed(THREAD) == ("Refund",)


def test_a_thread_without_its_text_and_one_that_is_gone_leave_what_people_removed(log: Log) -> None:
    log.begins()
    log.untags("Refund")
    log.ends()
    partition = begun(log)
    settle_all(partition)
    for _ in range(12):
        log.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, log)
    assert partition.stats().threads == 0
    assert partition.removed(THREAD) == ("Refund",)
    log.says(message("T_9", "refund", CUSTOMER))
    read(partition, log)
    assert partition.stats().threads == 1
    assert partition.removed(THREAD) == ("Refund",)


def test_what_is_removed_before_the_thread_is_known_counts(log: Log) -> None:
    log.untags("Refund")
    log.begins()
    assert begun(log).removed(THREAD) == ("Refund",)


def test_an_answer_for_a_correction_of_an_earlier_assignment_is_ignored_and_it_is_due_again(log: Log) -> None:
    log.untags("Refund")
    partition = begun(log)
    job = the_job(partition)
    partition.suspended()
    assert partition.jobs(10) == []
    again = begun(log, 0, "", partition=partition)
    partition.settled(job.id)
    assert corrections(again) == [("removed", "Refund")]
    assert committed(again) == 0


def test_what_another_member_recorded_meanwhile_is_not_due_again(log: Log) -> None:
    log.begins()
    log.untags("Refund")
    log.untags("Upset")
    partition = begun(log)
    partition.suspended()
    committable = begun(log).committable()
    assert committable is not None
    assert corrections(begun(log, 2, committable.metadata, partition=partition)) == [("removed", "Upset")]


def test_a_flood_of_corrections_leaves_room_for_ends(ended: Log) -> None:
    for number in range(2 * UNDER_WAY_MAX):
        ended.untags(f"tag {number}", thread="other")
    partition = begun(ended)
    kinds = [job.kind for job in partition.jobs(1_000)]
    assert (kinds.count("correction"), kinds.count("end")) == (UNDER_WAY_MAX, 1)


def test_corrections_that_wait_pause_the_partition_at_its_limit(log: Log) -> None:
    for number in range(20):
        log.untags(f"tag {number}", thread="other")
    partition = begun(log, limits=Limits(offsets_max=20))
    assert partition.paused
    settle_all(partition)
    assert not partition.paused


def test_jobs_wait_until_what_was_in_the_log_is_read(ended: Log) -> None:
    """A tag may have been set by whoever had the partition before, and removed by a person since."""
    ended.untags("Refund")
    partition = Partition(Limits())
    partition.begin(0, "", 0, ended.end, bytes_max=1 << 30)
    partition.sought()
    partition.receive(ended.records[:4], ended.now_ms)
    assert partition.jobs(10) == []
    partition.receive(ended.records[4:], ended.now_ms)
    assert [job.kind for job in partition.jobs(10)] == ["correction", "end"]
    assert partition.removed(THREAD) == ("Refund",)


@pytest.mark.parametrize(
    ("ticks", "position"),
    [(TICKS_MAX, 4), (1, None)],
    ids=["nothing more comes", "the next one is unreadable"],
)
def test_jobs_do_not_wait_for_ever(ended: Log, ticks: int, position: int | None) -> None:
    partition = Partition(Limits())
    partition.begin(0, "", 0, ended.end + 5, bytes_max=1 << 30)
    partition.sought()
    partition.receive(ended.records, ended.now_ms)
    assert partition.jobs(10) == []
    for _ in range(ticks):
        partition.tick(ended.now_ms, ended.end, position)
    assert the_job(partition).kind == "end"


def test_jobs_wait_no_longer_than_half_of_what_may_wait(log: Log) -> None:
    for number in range(3):
        log.ends(f"T{number}")
    partition = Partition(Limits(unsettled_max=4))
    partition.begin(0, "", 0, log.end + 5, bytes_max=1 << 30)
    partition.sought()
    partition.receive(log.records[:1], log.now_ms)
    assert partition.jobs(10) == []
    partition.receive(log.records[1:], log.now_ms)
    assert len(partition.jobs(10)) == 3


def test_a_position_that_turns_out_void_does_not_count_as_read(ended: Log) -> None:
    """The log lost its last record and got others, so what was read before is read again."""
    ended.untags("Refund")
    partition = begun(ended)
    stopped = partition.committable()
    assert stopped is not None
    partition.committed(stopped.offset)
    partition.suspended()
    ended.records.pop()
    ended.untags("Refund", after_s=9)
    partition.begin(stopped.offset, stopped.metadata, 0, ended.end, bytes_max=1 << 30)
    partition.sought()
    assert partition.jobs(10) == []
    for _ in range(2):  # a first look may be mistaken
        assert partition.receive(ended.records[-1:], ended.now_ms) is not None
        partition.sought()
    partition.receive(ended.records[:4], ended.now_ms)
    assert partition.jobs(10) == []
    partition.receive(ended.records[4:], ended.now_ms)
    assert [job.kind for job in partition.jobs(10)] == ["correction", "end"]


def test_removed_tags_are_bounded_by_thread_and_in_all(log: Log) -> None:
    log.begins()
    for number in range(TAGS_MAX + 5):
        log.untags(f"tag {number}")
    partition = begun(log)
    assert len(partition.removed(THREAD)) == TAGS_MAX
    removed = Removed()
    deleted = sum(removed.add(("org", "C" * 200, f"T{number}"), ("Refund",)) for number in range(20_000))
    assert removed.bytes <= REMOVED_BYTES_MAX
    assert deleted > 0
    assert removed.get(("org", "C" * 200, "T19999")) == ("Refund",)
    assert removed.get(("org", "C" * 200, "T0")) == ()


HOUR_MS: Final = 3_600_000


def answer() -> object:
    """What get_chat returns of the thread, created an hour before the log began."""
    created = datetime.fromtimestamp((START_MS - HOUR_MS) / 1000, UTC).isoformat()
    events = [message("T_1", "refund", CUSTOMER)]
    return get_chat("T", events=events, chat="C", created_at=created)


def test_of_a_thread_that_was_seen_whole_nothing_is_recalled(ended: Log) -> None:
    assert the_job(begun(ended)).recall_ms is None


def test_of_a_thread_without_its_beginning_what_people_removed_since_its_creation_is_recalled(
    log: Log,
) -> None:
    log.ends()
    partition = begun(log)
    job = the_job(partition)
    assert (job.incomplete, job.recall_ms) == ("never_seen", 0)
    whole = partition.completed(job.id, answer(), log.now_ms)
    assert isinstance(whole, Job)
    assert whole.recall_ms == START_MS - 2 * HOUR_MS  # a clock may be off by an hour
    partition.recalled(job.id, ("Refund",))
    assert partition.removed(THREAD) == ("Refund",)


@pytest.mark.parametrize("given", [NotGiven("forbidden"), {}])
def test_of_a_thread_that_livechat_does_not_return_all_is_recalled(log: Log, given: object) -> None:
    log.ends()
    partition = begun(log)
    whole = partition.completed(the_job(partition).id, given, log.now_ms)
    assert isinstance(whole, Job)
    assert whole.recall_ms == 0


@pytest.mark.parametrize("recalled", [False, True])
def test_what_was_not_recalled_is_still_to_be_when_more_comes(log: Log, recalled: bool) -> None:
    """A decision that calls for no tag needs not know; the next one may."""
    log.ends()
    partition = begun(log)
    job = the_job(partition)
    partition.completed(job.id, answer(), log.now_ms)
    if recalled:
        partition.recalled(job.id, ())
    partition.settled(job.id)
    log.says(message("T_2", "refund", CUSTOMER))
    read(partition, log)
    assert (the_job(partition).recall_ms is None) is recalled


@pytest.mark.parametrize(("created_s_ago", "recalls"), [(30, False), (700, True)])
def test_a_repeat_of_a_thread_that_was_deleted_looks_whole_and_recalls(
    log: Log, created_s_ago: float, recalls: bool
) -> None:
    log.begins(created_s_ago=created_s_ago)
    log.ends()
    job = the_job(begun(log))
    assert (job.incomplete, job.recall_ms is not None) == (None, recalls)


def test_jobs_that_begin_before_the_log_is_read_recall_what_was_recorded_further_on(ended: Log) -> None:
    partition = Partition(Limits())
    partition.begin(None, "", 0, ended.end + 1, bytes_max=1 << 30)
    partition.sought()
    partition.receive(ended.records, ended.now_ms)
    for _ in range(TICKS_MAX):
        partition.tick(ended.now_ms, ended.end + 1, ended.end)
    job = the_job(partition)
    assert (job.incomplete, job.recall_ms is None) == (None, False)
    partition.settled(job.id)
    ended.says(message("T_9", "refund", CUSTOMER))
    read(partition, ended)
    assert the_job(partition).recall_ms is not None  # it was not recalled yet


def test_what_is_recalled_for_a_job_that_is_over_is_ignored(log: Log) -> None:
    log.ends()
    partition = begun(log)
    job = the_job(partition)
    partition.suspended()
    partition.recalled(job.id, ("Refund",))
    assert partition.removed(THREAD) == ()
