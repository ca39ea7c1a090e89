"""How records arrive after a seek: gaps, skipped records, errors of the client, and logs that were cut."""

import pytest

from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Seek
from tests.unit.core.partition.driving import (
    LIMITS,
    PLENTY,
    begun,
    committed,
    counted,
    hinted,
    read,
    settle_all,
    texts,
    the_job,
)
from tests.unit.core.partition.log import Log
from tests.webhooks import message


def test_nothing_is_complete_until_it_is_known_where_the_log_was_cut() -> None:
    log = Log(first_offset=40)
    partition = Partition(LIMITS)
    partition.begin(None, "", 40, 40, bytes_max=PLENTY)
    assert hinted(partition) == Hint(40, None, NEVER_COMPLETE_MS)
    partition.sought()
    log.begins()
    read(partition, log)
    assert hinted(partition).complete_since_ms == log.now_ms + 60_000


def test_records_before_the_seek_was_done_are_not_folded(ended: Log) -> None:
    partition = Partition(LIMITS)
    partition.begin(None, "", 0, 4, bytes_max=PLENTY)
    assert partition.receive(ended.records, ended.now_ms) is None
    assert (partition.stats().position, counted(partition, "dropped", "not_sought")) == (0, 4)


def test_records_below_the_position_are_not_folded(ended: Log) -> None:
    partition = begun(ended)
    partition.receive(ended.records, ended.now_ms)
    assert partition.stats().position == 4
    assert counted(partition, "repeated_event") == 0


def with_a_gap(ended: Log) -> Partition:
    """A partition that has read the first thread and T2, an open one; offset 5 is missing."""
    ended.begins("U", chat="D")
    partition = begun(ended)
    ended.says(message("U_1"), "U", chat="D")
    ended.begins("V", chat="E")
    return partition


def test_a_gap_is_reread_and_what_comes_then_is_folded(ended: Log) -> None:
    partition = with_a_gap(ended)
    assert partition.receive(ended.records[6:], ended.now_ms) == Seek(5)
    assert partition.receive(ended.records[6:], ended.now_ms) is None  # on its way before the seek
    assert partition.stats().position == 5
    partition.sought()
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert (partition.stats().position, counted(partition, "gap", "believed")) == (7, 0)
    assert counted(partition, "gap", "seen") == 1


def test_a_gap_seen_twice_makes_the_threads_that_it_may_have_cut_incomplete(ended: Log) -> None:
    partition = with_a_gap(ended)
    settle_all(partition)
    for _ in range(2):
        move = partition.receive(ended.records[6:], ended.now_ms)
        partition.sought()
    assert move is None
    for thread, chat in (("U", "D"), ("V", "E")):
        ended.ends(thread, chat=chat)
    ended.begins("W", chat="F", after_s=120)
    ended.ends("W", chat="F")
    read(partition, ended, 4)
    reasons = {job.thread.thread_id: job.incomplete for job in partition.jobs(10)}
    assert reasons == {"U": "gap", "V": "before_complete_since", "W": None}
    assert counted(partition, "gap", "believed") == 1


@pytest.mark.parametrize(("looks", "position"), [((9, 7), 7), ((7, 9), 7), ((7, 7), 7)])
def test_only_the_part_of_a_gap_at_the_end_that_both_looks_showed_is_believed(
    ended: Log, looks: tuple[int, int], position: int
) -> None:
    partition = begun(ended)
    settle_all(partition)
    assert partition.tick(ended.now_ms, 9, looks[0]) == Seek(4)
    partition.sought()
    partition.tick(ended.now_ms, 9, looks[1])
    assert committed(partition) == position
    assert hinted(partition).complete_since_ms == NEVER_COMPLETE_MS  # until a record has a time


def test_a_gap_at_the_end_of_the_log_leaves_no_lag(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    assert partition.tick(ended.now_ms, 9, 9) == Seek(4)
    partition.sought()
    assert partition.tick(ended.now_ms, 9, 4) is None
    assert partition.tick(ended.now_ms, 9, 9) is None
    assert committed(partition) == 9


def test_after_an_error_of_the_client_it_reads_again_from_what_was_folded(ended: Log) -> None:
    partition = with_a_gap(ended)
    assert partition.receive(ended.records[6:], ended.now_ms) == Seek(5)
    assert partition.reread() is None  # a seek is under way
    partition.sought()
    assert partition.reread() == Seek(5)
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert partition.stats().position == 5
    partition.sought()
    assert partition.receive(ended.records[6:], ended.now_ms) == Seek(
        5
    )  # what was seen before does not count
    partition.sought()
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert partition.stats().position == 7


def test_after_an_error_before_the_first_record_the_client_returns_to_where_it_should_start(
    ended: Log,
) -> None:
    partition = Partition(LIMITS)
    assert partition.reread() is None  # not assigned
    assert partition.begin(3, "", 0, 4, bytes_max=PLENTY) == Seek(0)
    assert partition.reread() is None  # nothing was sought yet
    partition.sought()
    assert partition.reread() == Seek(0)
    assert partition.reread() is None  # a seek is already under way


def test_a_replay_ends_with_the_log_even_if_records_are_missing(ended: Log) -> None:
    partition = begun(ended, 3)
    assert partition.stats().phase == "live"
    gap = Partition(LIMITS)
    gap.begin(9, "", 0, 9, bytes_max=PLENTY)
    gap.sought()
    for _ in range(4):
        if gap.tick(ended.now_ms, 9, 9) is not None:
            gap.sought()
    assert (gap.stats().phase, committed(gap)) == ("live", 9)


def test_after_an_offset_out_of_range_it_starts_over_at_the_start_of_the_log(ended: Log) -> None:
    partition = begun(ended)
    later = Log(first_offset=50)
    later.ends("U", chat="D")
    begun(later, 3, partition=partition)
    assert counted(partition, "lost_range") == 1
    assert the_job(partition).offset == 50


def test_a_reset_without_metadata_is_read_from_further_back_and_doubts_what_began_near_there(
    ended: Log,
) -> None:
    partition = begun(ended, 3, "")
    job = the_job(partition)
    assert (job.offset, job.incomplete, len(texts(job))) == (3, "before_complete_since", 3)
    assert counted(partition, "hint_void", "absent") == 1
    assert counted(partition, "replayed") == 3


def test_a_cut_log_is_complete_after_the_first_record_that_has_a_time() -> None:
    log = Log(first_offset=40)
    for thread in ("T", "U"):
        log.begins(thread, chat=thread, after_s=100)
        log.ends(thread, chat=thread)
    log.records[0] = log.records[0]._replace(timestamp=-1)
    jobs = begun(log).jobs(10)
    assert [job.incomplete for job in jobs] == ["before_complete_since", None]
