"""Outages as a lane sees them: when its circuit opens, who asks whether it is over, and what follows."""

import math
from random import Random

import pytest

from tagger.livechat.pacing.circuit import BACK_OFF_S_MAX, CHATS_MAX, FAILURES_TO_OPEN, back_off_s
from tagger.livechat.pacing.pace import IN_FLIGHT_MAX, RATE_MAX, RATE_START, Pace
from tests.unit.livechat.pacing.test_pace import admitted


def fail(pace: Pace, now: float, chat: str) -> None:
    pace.in_flight += 1
    pace.failed(-1.0, now, None, chat)  # sent before any call asked if it was over


def opened(rng: Random) -> Pace:
    """A pace after so many chats failed at time 0 that its circuit opened."""
    pace = Pace(rng)
    for number in range(FAILURES_TO_OPEN):
        fail(pace, 0.0, f"chat {number}")
    assert pace.open
    return pace


def test_a_few_failures_do_not_open_the_circuit_and_a_success_forgets_them() -> None:
    pace = Pace(Random(1))
    for round_number in range(100):
        for number in range(FAILURES_TO_OPEN - 1):
            fail(pace, 0.0, f"chat {round_number} {number}")
        assert not pace.open
        pace.in_flight += 1
        pace.answered(0.0)


def test_the_same_chats_failing_again_do_not_open_the_circuit_after_another_chat_was_served() -> None:
    pace = opened(Random(1))
    pace.in_flight += 1
    pace.answered(0.0)
    for _ in range(10):
        for number in range(FAILURES_TO_OPEN):
            fail(pace, 1.0, f"chat {number}")
    assert not pace.open


def test_a_chat_whose_call_is_over_counts_again() -> None:
    pace = opened(Random(1))
    pace.in_flight += 1
    pace.answered(0.0)
    for number in range(FAILURES_TO_OPEN):
        pace.circuit.over(f"chat {number}")
    for number in range(FAILURES_TO_OPEN):
        fail(pace, 1.0, f"chat {number}")
    assert pace.open


def test_chats_that_failed_are_remembered_in_bounds() -> None:
    pace = Pace(Random(1))
    for number in range(2 * CHATS_MAX):
        fail(pace, 0.0, f"chat {number}")
    assert len(pace.circuit._failed) == CHATS_MAX


def test_an_open_circuit_lets_one_call_at_a_time_ask_and_ever_more_seldom() -> None:
    pace, now, probes = opened(Random(1)), 0.0, list[float]()
    while now < 600:
        wait = pace.admit(now)
        if wait == 0:
            assert pace.admit(now) == math.inf, "a second call while one asks"
            probes.append(now)
            pace.failed(now, now + 0.1, None, "chat")
        else:
            assert wait <= BACK_OFF_S_MAX + 0.1
            now += wait
    assert 80 <= len(probes) <= 200  # every 5 s in the mean
    assert len([at for at in probes if at < 60]) < 40


def test_every_outage_begins_with_quick_probes() -> None:
    pace = opened(Random(1))
    for second in range(20):
        now = admitted(pace, 20.0 * second)
        pace.failed(now, now, None, "chat 0")
    now = admitted(pace, 1000.0)
    pace.succeeded(now, now)
    for number in range(FAILURES_TO_OPEN):
        fail(pace, 2000.0, f"later {number}")
    assert pace.admit(2000.0) <= 0.5


def test_a_probe_that_is_cancelled_leaves_the_next_to_ask() -> None:
    pace = opened(Random(1))
    assert pace.admit(100.0) == 0
    pace.left(100.0)
    assert pace.admit(100.0) == 0


def test_after_an_outage_the_rate_begins_low_and_no_storm_follows() -> None:
    rng = Random(1)
    pace, now = Pace(rng), 0.0
    while pace.rate < RATE_MAX:  # a fast, healthy organization
        now = admitted(pace, now)
        pace.succeeded(now, now)
    for number in range(FAILURES_TO_OPEN):
        fail(pace, now, f"chat {number}")
    now = admitted(pace, now + BACK_OFF_S_MAX)
    pace.failed(now, now, None, "probe")
    now = admitted(pace, now + BACK_OFF_S_MAX)
    pace.succeeded(now, now)
    went, until = 0, now + 1
    while (now := admitted(pace, now)) < until:
        pace.left(now)  # no answer yet: nothing is proved in the first second
        went += 1
    assert went <= RATE_START + 1


def test_failures_of_calls_sent_before_the_circuit_opened_do_not_prolong_it() -> None:
    pace = opened(Random(1))
    pace.in_flight += IN_FLIGHT_MAX
    for _ in range(IN_FLIGHT_MAX):
        pace.failed(-1.0, 5.0, None, "another")
    assert pace.admit(5.0) == 0


@pytest.mark.parametrize("failures", [0, 1, 2, 5, 10, 10_000])
def test_back_off_is_anything_up_to_its_most(failures: int) -> None:
    rng = Random(1)
    waits = [back_off_s(failures, rng) for _ in range(2000)]
    most = min(BACK_OFF_S_MAX, 0.25 * 2 ** min(failures, 20))
    assert max(waits) <= most
    assert min(waits) < 0.05 * most
    assert max(waits) > 0.95 * most
