"""When evidence gives a call up, as histories: what happened when, and what became of each call."""

import pytest

from tagger.livechat.calls.answers import GivenUp, Permanent, Transient
from tagger.livechat.calls.error_types import ALL, DOCUMENTED
from tagger.livechat.pacing.giving_up import (
    ORGANIZATIONS_MAX,
    REFUSALS_IN_A_ROW,
    UNAVAILABLE,
    Evidence,
    Trial,
)

TAG, READ = "tag_thread", "get_chat"
DOWN = Transient("LiveChat failed inside", "internal")
GONE = Permanent("the chat, thread or tag does not exist", "not_found")
INVALID = Permanent("LiveChat finds the request malformed", "validation")
FORBIDDEN = Permanent("the token lacks the scope or the right for this", "authorization")


@pytest.fixture
def evidence() -> Evidence:
    return Evidence()


def try_for(
    evidence: Evidence,
    organization: str,
    answer: Transient | Permanent,
    seconds: float,
    every_s: float = 5.0,
    beside: str | None = None,
    began: float = 0.0,
) -> tuple[GivenUp | None, float]:
    """Try one call again and again, with a success of `beside` before each try; its end, and when."""
    trial, now = Trial(), began
    while now <= began + seconds:
        if beside is not None:
            evidence.succeeded(beside, TAG)
        given_up = evidence.failed(organization, TAG, trial, answer, now)
        if given_up is not None:
            return given_up, now - began
        now += every_s
    return None, now - began


@pytest.mark.parametrize("error_type", [name for name, kind in DOCUMENTED.items() if kind.is_permanent])
def test_what_is_refused_by_its_type_is_given_up_at_the_first_answer_but_not_found_after_a_minute(
    evidence: Evidence, error_type: str
) -> None:
    given_up, after = try_for(evidence, "org", Permanent("why", error_type), 300)
    assert given_up is not None
    assert given_up.error_type == error_type
    assert after == (60 if error_type == "not_found" else 0)


@pytest.mark.parametrize("error_type", [name for name, kind in DOCUMENTED.items() if not kind.is_permanent])
def test_what_hits_the_only_organization_wholly_waits_for_ever(evidence: Evidence, error_type: str) -> None:
    assert try_for(evidence, "org", Transient("why", error_type), 7 * 24 * 3600, every_s=10)[0] is None


@pytest.mark.parametrize(
    ("every_s", "tries", "after"),
    [
        (5.0, 121, 600.0),  # ten minutes, though ten failures come sooner
        (66.0, 11, 660.0),
        (100.0, 10, 900.0),  # ten failures, though ten minutes come sooner
    ],
)
def test_ten_failures_over_ten_minutes_beside_successes_are_enough_for_any_type(
    evidence: Evidence, every_s: float, tries: int, after: float
) -> None:
    given_up, when = try_for(evidence, "org", DOWN, 3600, every_s, beside="org")
    assert given_up == GivenUp("LiveChat failed inside; other calls succeed", "internal", tries)
    assert when == after


def test_a_success_just_before_an_outage_is_no_evidence_against_the_calls_in_it(evidence: Evidence) -> None:
    trial = Trial()
    assert evidence.failed("org", TAG, trial, DOWN, 0.0) is None
    evidence.succeeded("org", TAG)  # sent before the outage, answered into it
    for now in range(5, 1200, 5):
        assert evidence.failed("org", TAG, trial, DOWN, float(now)) is None


def test_a_recovery_with_hiccups_gives_nobody_up(evidence: Evidence) -> None:
    """After twenty minutes down, failures are counted from the recovery on."""
    trial = Trial()
    for now in range(0, 1200, 5):
        assert evidence.failed("org", TAG, trial, DOWN, float(now)) is None
    for now in range(1200, 1200 + 500, 5):
        evidence.succeeded("org", TAG)
        assert evidence.failed("org", TAG, trial, DOWN, float(now)) is None


def test_many_deleted_tags_are_parked_while_other_tags_are_set(evidence: Evidence) -> None:
    for _ in range(20):
        for _ in range(REFUSALS_IN_A_ROW - 1):
            assert evidence.failed("org", TAG, Trial(), INVALID, 0.0) is not None
        evidence.succeeded("org", TAG)


def test_fifty_refusals_in_a_row_stop_the_parking_until_something_succeeds(evidence: Evidence) -> None:
    parked = [evidence.failed("org", TAG, Trial(), INVALID, 0.0) for _ in range(REFUSALS_IN_A_ROW - 1)]
    assert all(parked)
    waiting = Trial()
    for now in range(0, 7200, 10):
        assert evidence.failed("org", TAG, waiting, INVALID, float(now)) is None
    assert evidence.parking_stopped() == ["org"]
    evidence.succeeded("org", TAG)
    assert evidence.parking_stopped() == []
    assert evidence.failed("org", TAG, waiting, INVALID, 7200.0) is not None


def test_refused_work_that_waited_is_counted_again_after_a_success(evidence: Evidence) -> None:
    """A single success must not let all that waits be parked at once."""
    waiting = [Trial() for _ in range(2 * REFUSALS_IN_A_ROW)]
    for trial in waiting:
        evidence.failed("org", TAG, trial, INVALID, 0.0)
    evidence.succeeded("org", TAG)
    given_up = [evidence.failed("org", TAG, trial, INVALID, 10.0) for trial in waiting]
    assert given_up[REFUSALS_IN_A_ROW:] == [None] * REFUSALS_IN_A_ROW


def test_one_call_refused_often_counts_once(evidence: Evidence) -> None:
    """One missing chat, asked for ten times in its minute, is not ten chats."""
    for number in range(REFUSALS_IN_A_ROW - 1):
        given_up, _ = try_for(evidence, "org", GONE, 120, every_s=6.0, began=number * 100.0)
        assert given_up is not None
    assert evidence.parking_stopped() == []


def test_refusals_of_one_organization_are_not_counted_against_another(evidence: Evidence) -> None:
    for _ in range(REFUSALS_IN_A_ROW):
        evidence.failed("refusing", TAG, Trial(), INVALID, 0.0)
    assert evidence.failed("other", TAG, Trial(), INVALID, 0.0) is not None


def test_a_token_that_may_only_read_parks_no_more_than_forty_nine_however_many_chats_it_reads(
    evidence: Evidence,
) -> None:
    """Each chat is fetched, and then its tag is refused."""
    ends = []
    for now in range(1000):
        evidence.succeeded("org", READ)
        ends.append(evidence.failed("org", TAG, Trial(), FORBIDDEN, float(now)))
    assert sum(end is not None for end in ends) == REFUSALS_IN_A_ROW - 1
    assert ends[REFUSALS_IN_A_ROW - 1 :] == [None] * (1000 - REFUSALS_IN_A_ROW + 1)
    assert evidence.parking_stopped() == ["org"]


def test_chats_that_are_read_do_not_vouch_for_tags_that_are_never_set(evidence: Evidence) -> None:
    for _ in range(REFUSALS_IN_A_ROW):
        evidence.failed("org", TAG, Trial(), FORBIDDEN, 0.0)
    waiting = Trial()
    for now in range(0, 7200, 10):
        evidence.succeeded("org", READ)
        assert evidence.failed("org", TAG, waiting, FORBIDDEN, float(now)) is None


def test_a_token_that_may_only_read_holds_back_no_other_organization_for_longer_than_a_quarter_of_an_hour(
    evidence: Evidence,
) -> None:
    for _ in range(REFUSALS_IN_A_ROW):
        evidence.failed("reader", TAG, Trial(), FORBIDDEN, 0.0)
    waiting, ends = Trial(), []
    for now in range(0, 920, 10):
        evidence.succeeded("reader", READ)
        evidence.succeeded("fine", TAG)
        ends.append(evidence.failed("reader", TAG, waiting, FORBIDDEN, float(now)))
    assert ends[:90] == [None] * 90
    assert ends[90] == GivenUp(ALL[UNAVAILABLE].why, UNAVAILABLE, 91)


def test_chats_that_an_organization_reads_itself_are_no_success_of_another(evidence: Evidence) -> None:
    """The other has sent nothing that would show that LiveChat takes tags at all."""
    evidence.succeeded("quiet", TAG)
    for _ in range(REFUSALS_IN_A_ROW):
        evidence.failed("reader", TAG, Trial(), FORBIDDEN, 0.0)
    waiting = Trial()
    for now in range(0, 7200, 10):
        evidence.succeeded("reader", READ)
        assert evidence.failed("reader", TAG, waiting, FORBIDDEN, float(now)) is None


@pytest.mark.parametrize("answer", [DOWN, GONE])
def test_tags_that_are_set_vouch_for_chats_that_cannot_be_read(
    evidence: Evidence, answer: Transient | Permanent
) -> None:
    """Who may write may read, so a chat that is never given is parked, however few are asked for."""
    waiting, ends = Trial(), []
    for now in range(0, 610, 10):
        evidence.succeeded("org", TAG)
        ends.append(evidence.failed("org", READ, waiting, answer, float(now)))
    assert ends[0] is None
    assert ends[-1] is not None


def test_waiting_between_refusals_does_not_hide_them(evidence: Evidence) -> None:
    for _ in range(REFUSALS_IN_A_ROW - 1):
        evidence.failed("org", TAG, Trial(), INVALID, 0.0)
        evidence.failed("org", TAG, Trial(), DOWN, 0.0)
    assert evidence.failed("org", TAG, Trial(), INVALID, 0.0) is None


def test_an_organization_that_fails_wholly_while_another_succeeds_is_given_up_after_a_quarter_of_an_hour(
    evidence: Evidence,
) -> None:
    given_up, after = try_for(evidence, "revoked", DOWN, 3600, beside="fine")
    assert given_up is not None
    assert (given_up.error_type, after) == (UNAVAILABLE, 900.0)
    assert evidence.unavailable("revoked", 900.0)
    assert not evidence.unavailable("fine", 900.0)


def test_refused_work_that_waits_is_given_up_with_its_organization(evidence: Evidence) -> None:
    for _ in range(REFUSALS_IN_A_ROW - 1):
        evidence.failed("revoked", TAG, Trial(), INVALID, 0.0)
    given_up, after = try_for(evidence, "revoked", INVALID, 3600, beside="fine")
    assert given_up is not None
    assert (given_up.error_type, after) == (UNAVAILABLE, 900.0)


def test_one_success_of_an_organization_takes_everything_back(evidence: Evidence) -> None:
    try_for(evidence, "shaky", DOWN, 3600, beside="fine")
    evidence.succeeded("shaky", TAG)
    assert not evidence.unavailable("shaky", 901.0)
    assert evidence.failed("shaky", TAG, Trial(), DOWN, 901.0) is None


def test_calls_that_are_parked_are_no_evidence_against_their_organization(evidence: Evidence) -> None:
    """A quiet organization whose only tag was deleted is not out: its next call waits as any other does."""
    for now in range(0, 1800, 60):
        evidence.succeeded("busy", TAG)
        assert evidence.failed("quiet", TAG, Trial(), INVALID, float(now)) is not None
    assert evidence.failed("quiet", TAG, Trial(), DOWN, 1800.0) is None


def test_a_general_outage_gives_no_organization_up(evidence: Evidence) -> None:
    one, two = Trial(), Trial()
    evidence.succeeded("two", TAG)
    for now in range(0, 7200, 10):
        assert evidence.failed("one", TAG, one, DOWN, float(now)) is None
        assert evidence.failed("two", TAG, two, DOWN, float(now)) is None


def test_the_success_of_another_just_before_a_general_outage_is_no_evidence(evidence: Evidence) -> None:
    """The other organization is silent while the network is gone, since it has nothing to send."""
    trial = Trial()
    assert evidence.failed("one", TAG, trial, DOWN, 0.0) is None
    evidence.succeeded("two", TAG)
    for now in range(10, 7200, 10):
        assert evidence.failed("one", TAG, trial, DOWN, float(now)) is None


def test_an_outage_that_becomes_general_is_held_against_nobody(evidence: Evidence) -> None:
    one, two = Trial(), Trial()
    for now in range(0, 600, 10):
        evidence.succeeded("two", TAG)
        evidence.failed("one", TAG, one, DOWN, float(now))
    for now in range(600, 7200, 10):
        assert evidence.failed("two", TAG, two, DOWN, float(now)) is None
        assert evidence.failed("one", TAG, one, DOWN, float(now)) is None


def test_an_organization_out_stays_out_while_the_other_is_silent(evidence: Evidence) -> None:
    """Its waiting work may be what keeps the other's from being read."""
    trial = Trial()
    for now in range(0, 300, 10):
        evidence.succeeded("fine", TAG)
        evidence.failed("revoked", TAG, trial, DOWN, float(now))
    assert evidence.failed("revoked", TAG, trial, DOWN, 899.0) is None
    assert evidence.failed("revoked", TAG, trial, DOWN, 901.0) is not None


def test_what_is_remembered_is_bounded_and_forgetting_accuses_nobody(evidence: Evidence) -> None:
    for number in range(ORGANIZATIONS_MAX + 100):
        evidence.failed(f"org {number}", TAG, Trial(), DOWN, 0.0)
    assert len(evidence._organizations) == ORGANIZATIONS_MAX
    assert evidence._failing == ORGANIZATIONS_MAX
    assert evidence.failed("org 0", TAG, Trial(), DOWN, 10_000.0) is None


def test_attempts_are_counted_for_the_parked_record(evidence: Evidence) -> None:
    trial = Trial()
    for now in (0.0, 1.0, 2.0):
        evidence.failed("org", TAG, trial, DOWN, now)
    assert evidence.failed("org", TAG, trial, INVALID, 3.0) == GivenUp(INVALID.why, "validation", 4)
