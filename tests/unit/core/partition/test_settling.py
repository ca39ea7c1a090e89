"""What waits to be settled: when the partition is paused, and what each organization may take."""

import gc
import tracemalloc
from dataclasses import replace

import pytest

from tagger.core.limits import Limits
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job
from tests.unit.core.partition.driving import (
    LIMITS,
    NO_TAGS,
    PLENTY,
    begun,
    committed,
    counted,
    read,
    texts,
    the_job,
)
from tests.unit.core.partition.log import Log, webhook
from tests.webhooks import get_chat, message


def test_too_many_ended_threads_pause_the_partition_until_half_of_them_are_settled(log: Log) -> None:
    for number in range(LIMITS.unsettled_max):
        log.ends(str(number), chat=str(number))
    partition = begun(log)
    assert partition.paused
    jobs = partition.jobs(10)
    for job in jobs[: LIMITS.unsettled_max // 2]:
        assert partition.paused
        partition.settled(job.id, NO_TAGS)
    partition.settled(jobs[-1].id, NO_TAGS)
    assert not partition.paused


def test_too_many_bytes_of_ended_threads_pause_the_partition(log: Log) -> None:
    log.begins(events=(message("T_1", "x" * 10_000),))
    log.ends()
    assert begun(log, bytes_max=40_000).paused
    assert not begun(log, bytes_max=80_000).paused


def test_too_much_settled_behind_an_unsettled_job_pauses_the_partition(log: Log) -> None:
    for number in range(4):
        log.ends(str(number), chat=str(number))
    partition = begun(log, limits=Limits(offsets_max=5))
    first, *others = partition.jobs(10)
    for job in others:
        partition.settled(job.id, NO_TAGS)
    assert not partition.paused
    log.ends("4", chat="4")
    read(partition, log)
    assert partition.paused
    partition.settled(first.id, NO_TAGS)
    assert not partition.paused


def test_a_waiting_thread_that_keeps_talking_takes_no_more_offsets(ended: Log) -> None:
    partition = begun(ended, limits=Limits(offsets_max=20))
    for number in range(10, 100):
        ended.says(message(f"T_{number}"))
        read(partition, ended)
    assert not partition.paused
    job = the_job(partition)
    assert (job.offset, job.last_offset, committed(partition)) == (3, 93, 3)


def test_a_revoke_ends_the_pause(log: Log) -> None:
    for number in range(LIMITS.unsettled_max):
        log.ends(str(number), chat=str(number))
    partition = begun(log)
    partition.suspended()
    assert not partition.paused


def ends_of(log: Log, organization: str, *chats: str) -> None:
    for chat in chats:
        payload = {"chat_id": chat, "thread_id": chat}
        log.write(webhook("chat_deactivated", payload, organization), chat=chat)


def test_a_single_organization_may_have_half_of_the_jobs_under_way(log: Log) -> None:
    ends_of(log, "big", *map(str, range(100)))
    partition = begun(log, limits=Limits())
    assert len(partition.jobs(10)) == 5
    assert len(partition.jobs(5)) == 0


def test_an_organization_whose_jobs_are_stuck_leaves_room_for_others(log: Log) -> None:
    ends_of(log, "stuck", *map(str, range(100)))
    partition = begun(log, limits=Limits())
    stuck = partition.jobs(10)
    ends_of(log, "small", "a", "b")
    read(partition, log, 2)
    jobs = partition.jobs(10 - len(stuck))
    assert [job.thread.organization for job in jobs] == ["small", "small"]


def test_organizations_take_turns(log: Log) -> None:
    ends_of(log, "big", *map(str, range(100)))
    ends_of(log, "small", "a", "b", "c")
    jobs = begun(log, limits=Limits()).jobs(20)
    assert [job.thread.organization for job in jobs[:6]] == ["big", "small"] * 3


def test_ended_threads_beyond_the_share_wait_as_offsets_and_ids_only_and_pause_nobody(log: Log) -> None:
    log.begins("0", chat="0", events=(message("0_1", "kept"),))
    for number in range(1, 50):
        log.begins(str(number), chat=str(number), events=(message(f"{number}_1", "dropped" * 50),))
    ends_of(log, "small", "a")
    for number in range(50):
        log.ends(str(number), chat=str(number))
    partition = begun(log, limits=Limits(unsettled_max=8))
    stats = partition.stats()
    assert not partition.paused
    assert (stats.unsettled, stats.shed) == (51, 47)
    assert committed(partition) == 50
    jobs = [job for job in partition.jobs(1_000) if job.thread.organization == "org"]
    assert (jobs[0].incomplete, texts(jobs[0])) == (None, ["kept"])
    assert {(job.incomplete, *texts(job)) for job in jobs[-40:]} == {("share",)}
    chat = get_chat("49", chat="49", events=(message("49_1", "dropped"),))
    whole = partition.completed(jobs[-1].id, chat, 0)
    assert isinstance(whole, Job)
    assert (texts(whole), whole.conversation.complete) == (["dropped"], True)


def test_a_second_organization_takes_its_share_back_from_the_first(log: Log) -> None:
    for number in range(LIMITS.unsettled_max):
        log.ends(str(number), chat=str(number))
    partition = begun(log)
    assert partition.paused
    ends_of(log, "small", "a")
    read(partition, log)
    assert not partition.paused
    assert partition.stats().shed == 3  # each organization has a third of four places
    assert [job.thread.organization for job in partition.jobs(3) if job.incomplete != "share"] == [
        "org",
        "small",
    ]


def test_a_flood_of_forged_names_takes_only_one_more_share(log: Log) -> None:
    ends_of(log, "known", "a")
    for number in range(500):
        ends_of(log, f"forged {number}", str(number))
    partition = begun(log, limits=Limits(unsettled_max=100))
    assert not partition.paused
    assert partition.stats().unsettled == 501
    ends_of(log, "known", "b")
    read(partition, log)
    jobs = partition.jobs(100)
    names = [job.thread.organization for job in jobs]
    assert names[0] == "known"
    assert "known" in names[1:]
    assert len(names) < 100


def begins_and_ends(log: Log, organization: str, number: int, *, after_s: float) -> None:
    """A thread of twenty messages of eighty characters, with ids like LiveChat's."""
    chat, thread = f"PJ{number:08d}", f"KJ{number:08d}"
    customer = f"{number:08d}-f8df-4364-8059-649c35c9ed0c"
    users = [{"id": customer, "type": "customer"}]
    said = [message(f"{thread}_{place}", "x" * 80, customer) for place in range(20)]
    body = {"id": thread, "created_at": "2033-01-01T00:00:00Z", "events": said, "access": {"group_ids": [0]}}
    began = {"chat": {"id": chat, "users": users, "thread": body}}
    log.write(webhook("incoming_chat", began, organization), chat=chat, after_s=after_s)
    ended = {"chat_id": chat, "thread_id": thread}
    log.write(webhook("chat_deactivated", ended, organization), chat=chat, after_s=0)


@pytest.mark.parametrize("of_others", [0, 3], ids=["all of it", "two thirds of it"])
def test_an_organization_cannot_fill_what_pauses_a_partition_before_it_is_parked(
    log: Log, of_others: int
) -> None:
    """15 minutes at 300 ends a second, at a hundredth of the size; some are of others, and settled at once."""
    limits = Limits()
    limits = replace(limits, unsettled_max=limits.unsettled_max // 100, offsets_max=limits.offsets_max // 100)
    ends_of(log, "small", "a")
    stuck = "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"
    for number in range(2_700):
        whose = "small" if of_others and number % of_others == 0 else stuck
        begins_and_ends(log, whose, number, after_s=1 / 3)
    gc.collect()
    tracemalloc.start()
    partition = Partition(limits)
    partition.begin(None, "", 0, log.end, bytes_max=PLENTY // 100)
    partition.sought()
    under_way = 0
    for first in range(0, log.end, 20):
        partition.receive(log.records[first : first + 20], log.now_ms)
        for job in partition.jobs(100 - under_way):
            if job.thread.organization == "small":
                partition.settled(job.id, NO_TAGS)
            else:
                under_way += 1  # forever
        assert not partition.paused
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    stats = partition.stats()
    assert (stats.unsettled, stats.position) == (1_800 if of_others else 2_700, log.end)
    assert allocated <= stats.bytes <= PLENTY // 100


def test_consecutive_unreadable_records_are_one_job_that_names_them_all(log: Log) -> None:
    for _ in range(50):
        log.write(b"{broken", chat="")
    partition = begun(log)
    job = the_job(partition)
    assert (job.kind, job.thread.chat_id, job.offset, job.last_offset) == ("unreadable", "", 0, 49)
    log.write(b"{broken", chat="")
    read(partition, log)
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == 50
    rest = the_job(partition)
    assert (rest.offset, rest.last_offset) == (50, 50)


def test_the_rest_of_a_range_that_another_member_parked_in_part_is_parked_without_a_gap(log: Log) -> None:
    for _ in range(9):
        log.write(b"{broken", chat="")
    partition = begun(log)
    partition.jobs(10)
    partition.suspended()
    begun(log, 4, partition=partition)
    rest = the_job(partition)
    assert (counted(partition, "resumed"), rest.offset, rest.last_offset) == (1, 4, 8)


def test_what_the_first_has_under_way_when_the_second_comes_keeps_nothing_paused(log: Log) -> None:
    for number in range(LIMITS.unsettled_max):
        log.ends(str(number), chat=str(number))
    partition = begun(log)
    stuck = partition.jobs(LIMITS.unsettled_max)
    ends_of(log, "small", "a")
    read(partition, log)
    [job] = partition.jobs(LIMITS.unsettled_max - len(stuck))
    assert job.thread.organization == "small"
    partition.settled(job.id, NO_TAGS)
    assert (len(stuck), partition.stats().unsettled, partition.stats().shed) == (2, 4, 2)
    assert not partition.paused
