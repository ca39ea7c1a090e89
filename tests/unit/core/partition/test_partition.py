"""One assigned partition, as the shell around it sees it: records in, jobs out, and what may be committed."""

from typing import Any, Final

import pytest

from tagger.core.partition.offsets import Hint
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import AskAgain, Committable, Job, NotGiven, Seek
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

REFUND: Final = frozenset({"Refund"})


def test_an_ended_thread_is_a_job_that_holds_the_committed_offset_until_it_is_settled(ended: Log) -> None:
    partition = begun(ended)
    assert committed(partition) == 3
    job = the_job(partition)
    assert (job.kind, job.offset, job.incomplete, job.decided) == ("end", 3, None, NO_TAGS)
    assert job.ended_at_ms == ended.records[3].timestamp
    assert [(said.event_id, said.author) for said in job.conversation.said] == [
        ("T_1", "customer"),
        ("T_2", "customer"),
        ("T_3", "agent"),
    ]
    assert partition.jobs(10) == []
    assert committed(partition) == 3
    partition.settled(job.id, REFUND)
    assert committed(partition) == 4


def test_without_a_committed_offset_the_first_position_is_committed_at_once() -> None:
    partition = Partition(LIMITS)
    assert partition.begin(None, "", 0, 10, bytes_max=PLENTY) == Seek(0)
    assert partition.committable() == Committable(0, "lt1;r=0;t=-;u=0;c=f1e9beaa")


def test_repeats_change_nothing(ended: Log) -> None:
    partition = begun(ended)
    for record in list(ended.records):
        ended.write(record.value)
    read(partition, ended, 4)
    job = the_job(partition)
    assert texts(job) == ["hello", "my refund", "I see"]
    partition.settled(job.id, NO_TAGS)
    assert partition.jobs(10) == []
    assert committed(partition) == 8
    assert (counted(partition, "repeated_event"), counted(partition, "repeated_end")) == (3, 1)


def test_an_event_before_its_beginning_is_decided_with_the_thread(log: Log) -> None:
    log.says(message("T_2", "early"))
    log.begins(events=(message("T_1", "first"),), created_s_ago=1)
    log.ends()
    job = the_job(begun(log))
    assert (job.incomplete, sorted(texts(job))) == (None, ["early", "first"])


def test_a_reopened_chat_is_a_new_thread(log: Log) -> None:
    for thread in ("T", "U"):
        log.begins(thread, events=(message(f"{thread}_1", thread),))
        log.ends(thread)
    jobs = begun(log).jobs(10)
    assert [(job.thread.thread_id, texts(job)) for job in jobs] == [("T", ["T"]), ("U", ["U"])]


def test_two_organizations_with_the_same_ids_do_not_mix(log: Log) -> None:
    for organization in ("o1", "o2"):
        chat = get_chat(
            events=(message("T_1", organization),), active=True, created_at="2023-11-14T22:13:20Z"
        )
        log.write(webhook("incoming_chat", {"chat": chat}, organization))
        log.write(webhook("chat_deactivated", {"chat_id": "C", "thread_id": "T"}, organization))
    jobs = begun(log).jobs(10)
    assert [(job.thread.organization, texts(job)) for job in jobs] == [("o1", ["o1"]), ("o2", ["o2"])]


def test_what_comes_while_the_end_is_decided_is_decided_after_it_and_knows_what_was_decided(
    ended: Log,
) -> None:
    partition = begun(ended)
    job = the_job(partition)
    ended.says(message("T_4", "late"))
    read(partition, ended)
    assert partition.jobs(10) == []
    partition.settled(job.id, REFUND)
    assert committed(partition) == 4
    late = the_job(partition)
    assert (late.kind, late.offset, late.decided, texts(late)[-1]) == ("late", 4, REFUND, "late")
    assert late.ended_at_ms == job.ended_at_ms
    partition.settled(late.id, REFUND)
    assert committed(partition) == 5


@pytest.mark.parametrize("parked", [False, True])
def test_what_comes_late_knows_which_rules_held_and_whether_a_tag_was_refused(
    ended: Log, parked: bool
) -> None:
    partition = begun(ended)
    job = the_job(partition)
    assert (job.rules, job.parked) == (frozenset(), False)
    partition.settled(job.id, REFUND, frozenset({"refund"}), parked=parked)
    for event_id, known in (("T_4", {"refund"}), ("T_5", {"refund", "other"})):
        ended.says(message(event_id, "late"))
        read(partition, ended)
        late = the_job(partition)
        assert (late.rules, late.parked) == (frozenset(known), parked)
        partition.settled(late.id, NO_TAGS, frozenset({"other"}))


def test_what_comes_late_after_a_restart_does_not_know_which_rules_held(ended: Log) -> None:
    before = begun(ended)
    before.settled(the_job(before).id, REFUND, frozenset({"refund"}))
    at = before.committable()
    assert at is not None
    ended.says(message("T_4", "late"))
    restarted = begun(ended, at.offset, at.metadata)
    late = the_job(restarted)
    assert (late.kind, late.rules) == ("late", None)
    restarted.settled(late.id, REFUND, frozenset({"refund"}))
    ended.says(message("T_5", "later"))
    read(restarted, ended)
    assert the_job(restarted).rules is None


def test_what_another_member_decided_meanwhile_is_not_known(ended: Log) -> None:
    partition = begun(ended)
    partition.settled(the_job(partition).id, REFUND, frozenset({"refund"}))
    at = partition.committable()
    assert at is not None
    partition.committed(at.offset)
    partition.suspended()
    ended.says(message("T_4", "late, and decided elsewhere"))
    begun(ended, ended.end, at.metadata, partition=partition)
    assert partition.jobs(10) == []
    ended.says(message("T_5", "later"))
    read(partition, ended)
    late = the_job(partition)
    assert (late.decided, late.rules) == (REFUND, None)


def test_what_comes_before_the_end_is_handed_out_is_decided_with_it(ended: Log) -> None:
    partition = begun(ended)
    ended.says(message("T_4", "late"))
    read(partition, ended)
    job = the_job(partition)
    assert (job.kind, job.offset, texts(job)[-1]) == ("end", 3, "late")
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == 5


@pytest.mark.parametrize(
    "silent", [{"type": "system_message", "text": "archived"}, message("T_3", "I see", AGENT)]
)
def test_what_says_nothing_new_after_the_end_makes_no_job(ended: Log, silent: dict[str, Any]) -> None:
    partition = begun(ended)
    settle_all(partition)
    ended.says(silent)
    read(partition, ended)
    assert partition.jobs(10) == []
    assert committed(partition) == 5


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda log: log.ends(), "never_seen"),
        (lambda log: (log.says(message("T_1")), log.ends()), "no_beginning"),
        (lambda log: (log.begins(created_at=None), log.ends()), "no_created_at"),
        (lambda log: (log.begins(), log.says(message("T_1", author=None)), log.ends()), "no_author"),
        (lambda log: (log.begins(), log.write(b"{"), log.ends()), "unreadable"),
        (lambda log: (log.write(b"{"), log.begins(), log.ends()), "unreadable"),
        (lambda log: (log.begins(events=({"type": "message", "text": 7},)), log.ends()), "unreadable"),
    ],
)
def test_a_thread_that_was_not_seen_in_full_is_asked_for(log: Log, write: Any, why: str) -> None:
    write(log)
    partition = begun(log)
    assert [job.incomplete for job in partition.jobs(10) if job.kind == "end"] == [why]
    assert counted(partition, "incomplete", why) >= 1


def test_what_livechat_has_is_united_with_what_was_seen(log: Log) -> None:
    log.says(message("T_2", "seen"))
    log.ends()
    partition = begun(log)
    job = the_job(partition)
    assert not job.conversation.complete
    whole = partition.completed(
        job.id, get_chat(events=(message("T_1", "first"), message("T_2", "edited"))), 0
    )
    assert isinstance(whole, Job)
    assert (whole.id, whole.incomplete, whole.conversation.complete) == (job.id, None, True)
    assert texts(whole) == ["seen", "first"]
    partition.settled(whole.id, NO_TAGS)
    log.says(message("T_3", "late"))
    read(partition, log)
    late = the_job(partition)
    assert (late.incomplete, texts(late)) == (None, ["seen", "first", "late"])


@pytest.mark.parametrize(
    "answer",
    [
        NotGiven("forbidden"),
        None,
        {"error": {"type": "not_found"}},
        get_chat(restricted_access="plan"),
        get_chat("U"),
        get_chat(chat="D"),
    ],
)
def test_if_livechat_refuses_the_chat_it_is_decided_on_what_was_seen(log: Log, answer: object) -> None:
    log.begins(created_at=None)
    log.says(message("T_2", "seen", AGENT))
    log.ends()
    partition = begun(log)
    partly = partition.completed(the_job(partition).id, answer, 0)
    assert isinstance(partly, Job)
    assert (partly.incomplete, partly.conversation.complete, texts(partly)) == (None, False, ["seen"])


def test_livechat_is_asked_again_for_two_minutes_while_it_calls_the_thread_active(log: Log) -> None:
    log.ends()
    partition = begun(log)
    job = the_job(partition)
    active = get_chat(events=(message("T_1", "hi"),), active=True)
    waits = [partition.completed(job.id, active, 1_000 * number) for number in range(12)]
    assert waits == [AskAgain(1_000 * number + 10_000) for number in range(12)]
    partly = partition.completed(job.id, active, 0)
    assert isinstance(partly, Job)
    assert (partly.conversation.complete, texts(partly)) == (False, ["hi"])


def test_answers_for_an_earlier_assignment_are_ignored(ended: Log) -> None:
    partition = begun(ended)
    job = the_job(partition)
    partition.suspended()
    partition.settled(job.id, NO_TAGS)
    assert partition.completed(job.id, get_chat(), 0) is None
    assert partition.committable() is None
    assert partition.jobs(10) == []
    begun(ended, 3, partition=partition)
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == 3
    assert counted(partition, "ignored_answers") == 3


def test_a_clean_stop_and_start_repeats_nothing_and_reads_what_open_threads_need(ended: Log) -> None:
    ended.begins("U", chat="D")
    partition = begun(ended)
    settle_all(partition)
    for _ in range(11):  # the first thread lingers for ten minutes
        ended.says(message("U_1"), "U", chat="D", after_s=60)
        read(partition, ended)
    stopped = partition.committable()
    assert stopped is not None
    assert (stopped.offset, hinted(partition).replay_from) == (ended.end, 4)
    again = Partition(LIMITS)
    assert again.begin(stopped.offset, stopped.metadata, 0, ended.end, bytes_max=PLENTY) == Seek(4)
    begun(ended, stopped.offset, stopped.metadata, partition=again)
    assert again.jobs(10) == []
    assert again.committable() == stopped
    ended.ends("U", chat="D")
    read(again, ended)
    assert the_job(again).incomplete is None


def test_what_is_below_the_committed_offset_has_no_effects_and_what_is_above_it_has_them_again(
    log: Log,
) -> None:
    for thread in ("T", "U"):
        log.begins(thread, events=(message(f"{thread}_1", thread),))
        log.ends(thread)
    partition = begun(log)
    first, second = partition.jobs(10)
    partition.settled(first.id, NO_TAGS)
    partition.settled(second.id, NO_TAGS)
    # Both are settled, but the commit failed.
    again = begun(log, 3, "")
    assert [(job.thread.thread_id, job.offset) for job in again.jobs(10)] == [("U", 3)]


def test_nothing_is_committed_while_the_state_is_half_rebuilt(ended: Log) -> None:
    partition = Partition(LIMITS)
    partition.begin(3, "", 0, 4, bytes_max=PLENTY)
    partition.sought()
    for records, may in [(ended.records[:1], False), (ended.records[1:2], False), (ended.records[2:], True)]:
        assert partition.receive(records, ended.now_ms) is None
        assert (partition.committable() is not None) == may


def test_a_partition_that_comes_back_continues_with_its_state(ended: Log) -> None:
    partition = begun(ended)
    job = the_job(partition)
    partition.suspended()
    assert partition.stats().phase == "away"
    ended.says(message("T_4", "meanwhile"))
    assert partition.begin(3, "", 0, ended.end, bytes_max=PLENTY) == Seek(3)
    partition.sought()
    assert partition.receive(ended.records[3:], ended.now_ms) is None
    assert counted(partition, "resumed") == 1
    again = the_job(partition)
    assert (again.id != job.id, texts(again)[-1]) == (True, "meanwhile")


def test_jobs_that_others_settled_meanwhile_are_not_repeated(ended: Log) -> None:
    partition = begun(ended)
    partition.suspended()
    begun(ended, 4, partition=partition)
    assert partition.jobs(10) == []
    assert committed(partition) == 4


def test_what_came_late_is_not_lost_where_another_member_settled_the_end_meanwhile(ended: Log) -> None:
    partition = begun(ended)
    for number in (5, 6, 7):  # the job waits, and covers these, too: its first and last offset are kept
        ended.says(message(f"T_{number}", f"late {number}"))
        read(partition, ended)
    partition.suspended()
    begun(ended, 5, partition=partition)  # another member settled the end at 3 and what came at 4
    assert committed(partition) == 5
    late = the_job(partition)
    assert (late.kind, late.offset, late.last_offset) == ("late", 5, 6)
    assert texts(late)[-3:] == ["late 5", "late 6", "late 7"]


def test_a_group_that_was_set_back_starts_over(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    partition.committed(4)
    partition.suspended()
    begun(ended, 2, partition=partition)
    assert counted(partition, "resumed") == 0
    assert the_job(partition).offset == 3


def test_the_hint_holds_a_thread_while_it_is_open_lingers_or_waits(ended: Log) -> None:
    partition = begun(ended)
    assert hinted(partition).replay_from == 0
    settle_all(partition)
    assert hinted(partition) == Hint(0, ended.records[0].timestamp, 0)
    for _ in range(12):
        ended.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, ended)
    assert hinted(partition) == Hint(ended.end, None, 0)


def test_a_thread_stays_until_the_committed_offset_has_passed_it(ended: Log) -> None:
    ended.ends("U", chat="D")
    partition = begun(ended)
    first, second = partition.jobs(10)
    partition.settled(first.id, NO_TAGS)
    ended.ends("U", chat="E")  # this one waits behind the second, and the first does not hold it back
    read(partition, ended)
    late = the_job(partition)
    partition.settled(late.id, NO_TAGS)
    for _ in range(15):
        ended.write(webhook("chat_transferred", {}), after_s=60)
        read(partition, ended)
    assert committed(partition) == 4
    assert partition.stats().threads == 2  # the one that waits, and the one above it that a restart re-reads
    partition.settled(second.id, NO_TAGS)


def test_an_idle_partition_deletes_what_lingers_by_our_own_clock(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    for second in range(0, 1_300):
        partition.tick(START_MS + second * 1_000, ended.end, ended.end)
    assert partition.stats().threads == 0


def test_the_stats_show_the_oldest_waiting_job(ended: Log) -> None:
    partition = begun(ended)
    stats = partition.stats()
    assert stats.oldest_unsettled == (3, ended.records[3].timestamp)
    assert (stats.phase, stats.threads, stats.unsettled, stats.replay_from) == ("live", 1, 1, 0)
    assert stats.event_time_ms == ended.now_ms
    assert 0 < stats.unsettled_bytes < stats.bytes


def test_no_repr_of_a_job_shows_what_was_said(ended: Log) -> None:
    assert "refund" not in repr(begun(ended).jobs(1))
