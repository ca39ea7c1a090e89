"""One assigned partition, as the shell around it sees it: records in, jobs out, and what may be committed."""

import gc
import tracemalloc
from dataclasses import replace
from typing import Any, Final

import pytest

from tagger.core.limits import Limits
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint, decode, encode
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import AskAgain, Committable, Job, NotGiven, Seek
from tests.unit.core.partition.log import START_MS, Log, webhook
from tests.webhooks import AGENT, CUSTOMER, get_chat, message

LIMITS: Final = Limits(linger_s=600, chat_idle_s_max=7_200, chat_age_s_max=14_400, unsettled_max=4)
PLENTY: Final = 1 << 30
NO_TAGS: Final[frozenset[str]] = frozenset()
REFUND: Final = frozenset({"Refund"})


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


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def ended(log: Log) -> Log:
    """A whole thread: offsets 0 to 3."""
    log.begins(events=(message("T_1", "hello"),))
    log.says(message("T_2", "my refund", CUSTOMER))
    log.says(message("T_3", "I see", AGENT))
    log.ends()
    return log


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


def test_the_first_position_is_committed_at_once_where_the_group_has_none() -> None:
    partition = Partition(LIMITS)
    assert partition.begin(None, "", 0, 10, bytes_max=PLENTY) == Seek(0)
    assert partition.committable() == Committable(0, "lt1;r=0;t=-;u=0;c=f1e9beaa")


def test_nothing_is_complete_before_it_is_known_where_the_log_was_cut() -> None:
    log = Log(first_offset=40)
    partition = Partition(LIMITS)
    partition.begin(None, "", 40, 40, bytes_max=PLENTY)
    assert hinted(partition) == Hint(40, None, NEVER_COMPLETE_MS)
    partition.sought()
    log.begins()
    read(partition, log)
    assert hinted(partition).complete_since_ms == log.now_ms + 60_000


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


def test_a_chat_that_is_opened_again_is_a_thread_of_its_own(log: Log) -> None:
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
def test_what_says_nothing_new_after_the_end_is_no_job(ended: Log, silent: dict[str, Any]) -> None:
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
def test_a_thread_that_was_not_seen_whole_must_be_asked_for(log: Log, write: Any, why: str) -> None:
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
def test_what_livechat_does_not_give_is_decided_on_what_was_seen(log: Log, answer: object) -> None:
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


def test_answers_for_an_earlier_assignment_mean_nothing(ended: Log) -> None:
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
    # Both are settled, but the commit did not get through.
    again = begun(log, 3, "")
    assert [(job.thread.thread_id, job.offset) for job in again.jobs(10)] == [("U", 3)]


def test_nothing_is_committed_from_half_a_state(ended: Log) -> None:
    partition = Partition(LIMITS)
    partition.begin(3, "", 0, 4, bytes_max=PLENTY)
    partition.sought()
    for records, may in [(ended.records[:1], False), (ended.records[1:2], False), (ended.records[2:], True)]:
        assert partition.receive(records, ended.now_ms) is None
        assert (partition.committable() is not None) == may


def test_a_partition_that_comes_back_goes_on_with_its_state(ended: Log) -> None:
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


def test_jobs_that_others_settled_meanwhile_are_not_done_again(ended: Log) -> None:
    partition = begun(ended)
    partition.suspended()
    begun(ended, 4, partition=partition)
    assert partition.jobs(10) == []
    assert committed(partition) == 4


def test_a_group_that_was_set_back_begins_anew(ended: Log) -> None:
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
    assert (
        partition.stats().threads == 2
    )  # the one that waits, and the one above it that a restart reads again
    partition.settled(second.id, NO_TAGS)


def test_an_idle_partition_lets_go_of_what_lingers_by_our_own_clock(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    for second in range(0, 1_300):
        partition.tick(START_MS + second * 1_000, ended.end, ended.end)
    assert partition.stats().threads == 0


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


def test_a_thread_that_never_ends_pins_nothing_for_ever(log: Log) -> None:
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
    assert texts(the_job(partition)) == ["hi", "there"]


def test_what_nobody_can_read_is_told_and_holds_the_offset_until_then(log: Log) -> None:
    log.write(b"{", chat="D")
    partition = begun(log)
    job = the_job(partition)
    assert (job.kind, job.incomplete, job.offset) == ("unreadable", "not JSON", 0)
    assert (job.thread.organization, job.thread.chat_id, job.thread.thread_id) == ("org", "D", "")
    assert committed(partition) == 0
    partition.settled(job.id, NO_TAGS)
    assert committed(partition) == 1
    assert counted(partition, "unreadable", "not JSON") == 1


def test_an_unreadable_record_after_the_end_makes_the_thread_be_asked_for(ended: Log) -> None:
    partition = begun(ended)
    settle_all(partition)
    ended.write(b"[]")
    read(partition, ended)
    assert {(job.kind, job.incomplete) for job in partition.jobs(10)} == {
        ("unreadable", "not an object"),
        ("late", "unreadable"),
    }


def test_samples_and_other_webhooks_are_counted(log: Log) -> None:
    log.ends(chat="tagger-sample-1")
    log.write(webhook("thread_tagged", {}))
    partition = begun(log)
    assert partition.jobs(10) == []
    assert (counted(partition, "ignored", "sample"), counted(partition, "ignored", "action")) == (1, 1)


@pytest.mark.parametrize(
    ("chat", "name", "reason"),
    [("tagger-sample-1", "ignored", "sample"), ("C" * 300, "unreadable", "id too long")],
)
def test_of_a_chat_that_is_none_an_event_makes_no_thread(log: Log, chat: str, name: str, reason: str) -> None:
    for number in range(3):
        log.says(message(f"T_{number}"), chat=chat)
    partition = begun(log)
    assert counted(partition, name, reason) == 3
    assert {job.kind for job in partition.jobs(10)} <= {"unreadable"}


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


def test_much_that_is_settled_behind_one_that_is_not_pauses_the_partition(log: Log) -> None:
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


def test_one_thread_that_waits_and_goes_on_talking_takes_no_more_room(ended: Log) -> None:
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


def test_a_thread_that_was_evicted_does_not_look_whole_after_a_restart(log: Log) -> None:
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


def test_what_repeats_left_of_an_expired_thread_does_not_look_whole_to_what_comes_very_late(
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
    """A partition that has read the first thread; T2, an open one, is read as well; offset 5 is not there."""
    ended.begins("U", chat="D")
    partition = begun(ended)
    ended.says(message("U_1"), "U", chat="D")
    ended.begins("V", chat="E")
    return partition


def test_a_gap_is_read_again_and_what_comes_then_is_folded(ended: Log) -> None:
    partition = with_a_gap(ended)
    assert partition.receive(ended.records[6:], ended.now_ms) == Seek(5)
    assert partition.receive(ended.records[6:], ended.now_ms) is None  # on its way before the seek
    assert partition.stats().position == 5
    partition.sought()
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert (partition.stats().position, counted(partition, "gap", "believed")) == (7, 0)
    assert counted(partition, "gap", "seen") == 1


def test_a_gap_that_is_there_again_makes_incomplete_what_it_may_have_cut(ended: Log) -> None:
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
def test_of_a_gap_at_the_end_only_what_both_looks_showed_is_believed(
    ended: Log, looks: tuple[int, int], position: int
) -> None:
    partition = begun(ended)
    settle_all(partition)
    assert partition.tick(ended.now_ms, 9, looks[0]) == Seek(4)
    partition.sought()
    partition.tick(ended.now_ms, 9, looks[1])
    assert committed(partition) == position
    assert hinted(partition).complete_since_ms == NEVER_COMPLETE_MS  # until a record tells when that was


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
    assert partition.reread() is None  # the seek is under way
    partition.sought()
    assert partition.reread() == Seek(5)
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert partition.stats().position == 5
    partition.sought()
    assert partition.receive(ended.records[6:], ended.now_ms) == Seek(5)  # what was seen before means nothing
    partition.sought()
    assert partition.receive(ended.records[5:], ended.now_ms) is None
    assert partition.stats().position == 7


def test_an_error_of_the_client_before_the_first_record_sends_it_back_to_where_it_was_to_begin(
    ended: Log,
) -> None:
    partition = Partition(LIMITS)
    assert partition.reread() is None  # not assigned
    assert partition.begin(3, "", 0, 4, bytes_max=PLENTY) == Seek(0)
    assert partition.reread() is None  # nothing was sought yet
    partition.sought()
    assert partition.reread() == Seek(0)
    assert partition.reread() is None  # that is under way


def test_a_replay_ends_where_the_log_does_though_records_are_missing(ended: Log) -> None:
    partition = begun(ended, 3)
    assert partition.stats().phase == "live"
    gap = Partition(LIMITS)
    gap.begin(9, "", 0, 9, bytes_max=PLENTY)
    gap.sought()
    for _ in range(4):
        if gap.tick(ended.now_ms, 9, 9) is not None:
            gap.sought()
    assert (gap.stats().phase, committed(gap)) == ("live", 9)


def test_offsets_out_of_range_begin_anew_where_the_log_begins(ended: Log) -> None:
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


def ends_of(log: Log, organization: str, *chats: str) -> None:
    for chat in chats:
        payload = {"chat_id": chat, "thread_id": chat}
        log.write(webhook("chat_deactivated", payload, organization), chat=chat)


def test_an_organization_alone_has_half_of_what_may_be_under_way_under_way(log: Log) -> None:
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


def test_beyond_its_share_ends_wait_as_offsets_and_ids_only_and_pause_nobody(log: Log) -> None:
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


def test_who_comes_second_takes_back_what_the_first_had_alone(log: Log) -> None:
    for number in range(LIMITS.unsettled_max):
        log.ends(str(number), chat=str(number))
    partition = begun(log)
    assert partition.paused
    ends_of(log, "small", "a")
    read(partition, log)
    assert not partition.paused
    assert partition.stats().shed == 3  # of four places each has a third
    assert [job.thread.organization for job in partition.jobs(3) if job.incomplete != "share"] == [
        "org",
        "small",
    ]


def test_a_flood_of_forged_names_takes_one_share_more(log: Log) -> None:
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
    """15 minutes at 300 ends a second, at a hundredth of the size; one in so many is of others, and done at once."""
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
                under_way += 1  # for ever
        assert not partition.paused
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    stats = partition.stats()
    assert (stats.unsettled, stats.position) == (1_800 if of_others else 2_700, log.end)
    assert allocated <= stats.bytes <= PLENTY // 100


def test_unreadable_records_that_follow_each_other_are_one_job_that_names_them_all(log: Log) -> None:
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


def test_what_is_left_of_a_range_that_others_parked_in_part_is_parked_without_a_gap(log: Log) -> None:
    for _ in range(9):
        log.write(b"{broken", chat="")
    partition = begun(log)
    partition.jobs(10)
    partition.suspended()
    begun(log, 4, partition=partition)
    rest = the_job(partition)
    assert (counted(partition, "resumed"), rest.offset, rest.last_offset) == (1, 4, 8)


def test_what_came_when_its_thread_had_expired_is_asked_for_by_the_next_owner(log: Log) -> None:
    """In its replay the thread lingers still: silence that nobody wrote down counts for little."""
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


def test_what_comes_while_a_thread_is_asked_for_once_more_is_decided_on(log: Log) -> None:
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


def test_a_thread_whose_chat_went_to_another_partition_is_asked_for(ended: Log) -> None:
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
def test_a_record_whose_time_cannot_be_has_that_of_its_neighbours(log: Log, at_ms: int) -> None:
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


def test_where_no_record_has_a_time_threads_expire_by_our_own_clock(log: Log) -> None:
    log.begins()
    log.records[0] = log.records[0]._replace(timestamp=-1)
    partition = begun(log)
    for second in range(10_000):
        partition.tick(START_MS + second * 1_000, log.end, log.end)
    assert partition.stats().threads == 0


def test_a_cut_log_is_complete_after_the_first_record_that_has_a_time() -> None:
    log = Log(first_offset=40)
    for thread in ("T", "U"):
        log.begins(thread, chat=thread, after_s=100)
        log.ends(thread, chat=thread)
    log.records[0] = log.records[0]._replace(timestamp=-1)
    jobs = begun(log).jobs(10)
    assert [job.incomplete for job in jobs] == ["before_complete_since", None]


def test_the_stats_tell_the_oldest_that_waits(ended: Log) -> None:
    partition = begun(ended)
    stats = partition.stats()
    assert stats.oldest_unsettled == (3, ended.records[3].timestamp)
    assert (stats.phase, stats.threads, stats.unsettled, stats.replay_from) == ("live", 1, 1, 0)
    assert stats.event_time_ms == ended.now_ms
    assert 0 < stats.unsettled_bytes < stats.bytes


def test_no_repr_of_work_shows_what_was_said(ended: Log) -> None:
    assert "refund" not in repr(begun(ended).jobs(1))
