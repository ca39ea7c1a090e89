"""What records do to threads: expiry, eviction, unreadable records, impossible times, chats that move."""

import pytest

from tagger.core.limits import Limits
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint, encode
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job
from tests.unit.core.partition.driving import (
    LIMITS,
    NO_TAGS,
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
from tests.unit.core.partition.log import START_MS, Log, webhook
from tests.webhooks import AGENT, get_chat, message


@pytest.mark.parametrize("jump_s", [-3_600, 3_600])
def test_a_clock_that_jumps_by_an_hour_expires_nothing(log: Log, jump_s: int) -> None:
    log.begins()
    partition = begun(log)
    partition.tick(log.now_ms, log.end, log.end)
    for moment in range(1, 5):
        partition.tick(log.now_ms + moment * jump_s * 1_000, log.end, log.end)
    log.says(message("T_1"), after_s=jump_s)
    partition.receive(log.records[-1:], log.now_ms)
    log.ends()
    partition.receive(log.records[-1:], log.now_ms - jump_s * 1_000)
    job = the_job(partition)
    assert (job.incomplete, texts(job)) == (None, ["hello"])


def test_a_thread_that_never_ends_holds_nothing_back_forever(log: Log) -> None:
    log.begins()
    partition = begun(log)
    for _ in range(150):
        log.says(message("U_1"), "U", chat="D", after_s=60)
        read(partition, log)
    assert hinted(partition).replay_from > 0
    assert partition.jobs(10) == []
    log.ends()
    read(partition, log)
    assert the_job(partition).incomplete == "never_seen"


def test_a_thread_known_only_by_an_event_is_asked_for_when_it_expires(log: Log) -> None:
    log.says(message("T_1", "hi"))
    partition = begun(log)
    for _ in range(125):
        log.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, log)
    job = the_job(partition)
    assert (job.kind, job.incomplete) == ("expired", "expired")
    assert committed(partition) == job.offset
    whole = partition.completed(job.id, get_chat(events=(message("T_1", "hi"),)), 0)
    assert isinstance(whole, Job)
    assert (whole.kind, whole.conversation.complete) == ("expired", True)
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == log.end


def test_a_thread_that_expires_and_is_active_is_deleted(log: Log) -> None:
    log.says(message("T_1", "hi"))
    partition = begun(log)
    for _ in range(125):
        log.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, log)
    assert partition.completed(the_job(partition).id, get_chat(active=True), 0) is None
    assert (committed(partition), partition.stats().threads) == (log.end, 0)


def test_what_comes_while_an_expired_thread_is_asked_for_keeps_it_open(log: Log) -> None:
    log.says(message("T_1", "hi", AGENT))
    partition = begun(log)
    for _ in range(125):
        log.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, log)
    job = the_job(partition)
    log.says(message("T_2", "there", AGENT))
    read(partition, log)
    assert partition.completed(job.id, get_chat(active=True), 0) is None
    assert committed(partition) == log.end
    log.ends()
    read(partition, log)
    whole = partition.completed(the_job(partition).id, get_chat(), 0)
    assert isinstance(whole, Job)
    assert texts(whole) == ["hi", "there"]


def test_an_unreadable_record_is_a_job_that_holds_the_offset(log: Log) -> None:
    log.write(b"{", chat="D")
    partition = begun(log)
    job = the_job(partition)
    assert (job.kind, job.incomplete, job.offset) == ("unreadable", "not JSON", 0)
    assert (job.thread.organization, job.thread.chat_id, job.thread.thread_id) == ("org", "D", "")
    assert committed(partition) == 0
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == 1
    assert counted(partition, "unreadable", "not JSON") == 1


def test_after_an_unreadable_record_behind_the_end_the_thread_is_asked_for(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    ended.write(b"[]")
    read(partition, ended)
    assert {(job.kind, job.incomplete) for job in partition.jobs(10)} == {
        ("unreadable", "not an object"),
        ("late", "unreadable"),
    }


def test_a_hole_before_a_beginning_outlives_a_restart(log: Log) -> None:
    """A thread that waits is read again from its hole on, however long ago that came."""
    log.write(b"{")
    log.begins()
    partition = begun(log)
    settle_all(partition)
    for _ in range(250):
        log.write(webhook("chat_transferred", {}), chat="D", after_s=60)
        read(partition, log)
    assert the_job(partition).incomplete == "expired"
    log.ends()
    read(partition, log)
    stopped = partition.committable()
    assert stopped is not None
    assert hinted(partition).replay_from == 0
    assert the_job(begun(log, stopped.offset, stopped.metadata)).incomplete == "unreadable"


def test_samples_and_other_webhooks_are_counted(log: Log) -> None:
    log.ends(chat="tagger-sample-1")
    log.write(webhook("tag_created", {}))
    log.write(webhook("thread_tagged", {}))
    partition = begun(log)
    assert partition.jobs(10) == []
    reasons = ("sample", "action", "tag_change")
    assert [counted(partition, "ignored", reason) for reason in reasons] == [1, 1, 1]


@pytest.mark.parametrize(
    ("chat", "name", "reason"),
    [("tagger-sample-1", "ignored", "sample"), ("C" * 300, "unreadable", "id too long")],
)
def test_an_event_of_a_chat_that_does_not_count_makes_no_thread(
    log: Log, chat: str, name: str, reason: str
) -> None:
    for number in range(3):
        log.says(message(f"T_{number}"), chat=chat)
    partition = begun(log)
    assert counted(partition, name, reason) == 3
    assert {job.kind for job in partition.jobs(10)} <= {"unreadable"}


def test_over_the_memory_limit_the_oldest_threads_become_incomplete(log: Log) -> None:
    for number in range(20):
        log.begins(str(number), chat=str(number), events=(message("1", "x" * 1_000),))
    partition = begun(log, bytes_max=20_000)
    assert partition.stats().bytes <= 20_000
    assert counted(partition, "evicted") > 0
    for number in (0, 19):
        log.ends(str(number), chat=str(number))
    read(partition, log, 2)
    assert [job.incomplete for job in partition.jobs(10)] == ["never_seen", None]


def test_an_evicted_thread_does_not_look_complete_after_a_restart(log: Log) -> None:
    log.begins("old", chat="old", events=(message("1", "x" * 3_000),))
    log.says(message("2", "x" * 3_000), "old", chat="old")
    log.begins("new", chat="new")
    partition = begun(log, bytes_max=5_000)
    stopped = partition.committable()
    assert stopped is not None
    assert hinted(partition).replay_from == 2
    log.write(log.records[0].value, chat="old")  # LiveChat repeats how it began
    log.ends("old", chat="old")
    again = begun(log, stopped.offset, stopped.metadata)
    assert the_job(again).incomplete == "before_complete_since"


def test_an_expired_thread_known_by_repeats_does_not_look_complete_to_a_very_late_event(
    ended: Log,
) -> None:
    ended.begins("U", chat="D")
    for first in (0, 3):  # LiveChat repeats how the thread began, and that it ended
        ended.write(ended.records[first].value)
    partition = begun(ended)
    settle_all(partition)
    for second in range(1_300):  # the first thread lingers for ten minutes, and expires
        partition.tick(START_MS + second * 1_000, ended.end, ended.end)
    stopped = partition.committable()
    assert stopped is not None
    assert hinted(partition).replay_from == 4
    ended.says(message("T_4", "my refund"), after_s=1_300)
    again = begun(ended, stopped.offset, stopped.metadata)
    assert the_job(again).incomplete == "expired"


def test_an_endless_thread_is_kept_up_to_a_limit_and_asked_for_at_its_end(log: Log) -> None:
    log.begins()
    for number in range(10):
        log.says(message(f"T_{number}"))
    log.ends()
    partition = begun(log, limits=Limits(thread_events_max=5))
    job = the_job(partition)
    assert (job.incomplete, len(texts(job))) == ("limit", 5)
    events = tuple(message(f"T_{number}") for number in range(10))
    whole = partition.completed(job.id, get_chat(events=events), 0)
    assert isinstance(whole, Job)
    assert (len(texts(whole)), whole.conversation.complete) == (10, True)


def test_an_event_of_an_expired_thread_is_asked_for_by_the_next_owner(log: Log) -> None:
    """In the replay the thread still lingers: a silence without records counts for little."""
    log.begins("older", chat="older")
    log.begins()
    log.ends()
    partition = begun(log)
    settle_all(partition)
    for second in range(1_300):
        partition.tick(START_MS + second * 1_000, log.end, log.end)
    log.says(message("T_1", "my refund"), after_s=1_300)
    read(partition, log)
    assert partition.jobs(10) == []  # it will be asked for when it falls silent
    stopped = partition.committable()
    assert stopped is not None
    assert (stopped.offset, hinted(partition).replay_from) == (log.end, 0)
    again = begun(log, stopped.offset, stopped.metadata)
    assert the_job(again).incomplete == "expired"


def test_what_comes_while_a_thread_is_asked_for_again_is_decided_on(log: Log) -> None:
    """A message came very late during a replay, and another while LiveChat was asked."""
    log.begins(events=(message("T_1", "hello"),))
    log.ends()
    log.says(message("T_2", "more"), after_s=700)
    partition = begun(log, log.end, encode(Hint(0, log.records[0].timestamp, 0)))
    job = the_job(partition)
    known = (message("T_1", "hello"), message("T_2", "more"))
    whole = partition.completed(job.id, get_chat(events=known), 0)
    assert isinstance(whole, Job)
    log.says(message("T_3", "refund"))
    read(partition, log)
    partition.settled(whole.id, NO_TAGS)
    assert committed(partition) == log.end - 1
    assert texts(the_job(partition))[-1] == "refund"


def test_a_thread_whose_chat_moved_to_another_partition_is_asked_for(ended: Log) -> None:
    homes: dict[str, bool] = {}
    partition = begun(ended, partition=Partition(LIMITS, lambda _, chat_id: homes.get(chat_id, True)))
    homes["C"] = False
    job = the_job(partition)
    assert job.incomplete == "moved"
    whole = partition.completed(job.id, get_chat(events=(message("T_9", "elsewhere"),)), 0)
    assert isinstance(whole, Job)
    assert "elsewhere" in texts(whole)


def test_what_began_before_a_partition_was_added_is_asked_for(log: Log) -> None:
    log.begins("T")
    log.begins("U", chat="D", after_s=100)
    for thread, chat in (("T", "C"), ("U", "D")):
        log.ends(thread, chat=chat)
    partition = Partition(LIMITS)
    partition.begin(None, "", 0, log.end, bytes_max=PLENTY, added=True)
    assert hinted(partition).complete_since_ms == NEVER_COMPLETE_MS
    partition.sought()
    partition.receive(log.records, log.now_ms)
    assert [job.incomplete for job in partition.jobs(10)] == ["before_complete_since", None]


@pytest.mark.parametrize("at_ms", [-1, 10**15, (1 << 63) - 1])
def test_a_record_with_an_impossible_time_gets_that_of_its_neighbours(log: Log, at_ms: int) -> None:
    log.begins()
    ended = log.ends()
    log.records[-1] = ended._replace(timestamp=at_ms)
    partition = begun(log)
    job = the_job(partition)
    assert (job.incomplete, job.ended_at_ms) == (None, log.records[0].timestamp)
    assert partition.stats().oldest_unsettled == (1, log.records[0].timestamp)
    log.says(message("T_1", "late"), after_s=5)
    read(partition, log)
    partition.settled(job.id, NO_TAGS)
    assert the_job(partition).incomplete is None


def test_if_no_record_has_a_time_threads_expire_by_our_own_clock(log: Log) -> None:
    log.begins()
    log.records[0] = log.records[0]._replace(timestamp=-1)
    partition = begun(log)
    for second in range(10_000):
        partition.tick(START_MS + second * 1_000, log.end, log.end)
    assert partition.stats().threads == 0
