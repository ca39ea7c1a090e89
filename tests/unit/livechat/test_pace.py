"""How fast calls go, over virtual time: against hidden limits, through outages, and from call to call."""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from random import Random

import pytest

from tagger.livechat.pace import (
    BACK_OFF_S_MAX,
    FAILURES_TO_OPEN,
    IN_FLIGHT_MAX,
    RATE_MAX,
    RATE_MIN,
    RATE_START,
    Pace,
    back_off_s,
)

Limit = Callable[[float], bool]  # asked with the time at which a call arrives; whether it is let through


def bucket(rate: float, size: float) -> Limit:
    """So many calls a second in the mean, and a burst of `size`."""
    tokens, at = size, 0.0

    def ask(now: float) -> bool:
        nonlocal tokens, at
        tokens, at = min(size, tokens + (now - at) * rate), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return ask


def window(calls: int, seconds: float) -> Limit:
    """So many calls in every window of the clock."""
    counts: dict[int, int] = {}

    def ask(now: float) -> bool:
        number = int(now / seconds)
        counts[number] = counts.get(number, 0) + 1
        return counts[number] <= calls

    return ask


def sliding(calls: int, seconds: float) -> Limit:
    """So many calls in the seconds before each call."""
    passed: deque[float] = deque()

    def ask(now: float) -> bool:
        while passed and passed[0] <= now - seconds:
            passed.popleft()
        if len(passed) >= calls:
            return False
        passed.append(now)
        return True

    return ask


def simulate(limit: Limit, calls: int, latency_s: tuple[float, float], seed: int = 1) -> tuple[float, float]:
    """(calls done a second, share answered 429 after the first minute) of `calls` that wait at the start."""
    rng = Random(seed)
    pace, now, waiting, done = Pace(rng), 0.0, calls, 0
    numbers = itertools.count()
    coming: list[tuple[float, int, str, float]] = []  # (when, number, what, sent at)
    refused_late = answered_late = 0
    while done < calls:
        wait = pace.admit(now) if waiting else math.inf
        if wait == 0:
            waiting -= 1
            heapq.heappush(coming, (now + rng.uniform(*latency_s) / 2, next(numbers), "arrives", now))
            continue
        if not coming or now + wait < coming[0][0]:
            now += wait + 1e-6
            continue
        now, _, what, sent_at = heapq.heappop(coming)
        if what == "arrives":
            passed = limit(now)
            answered_late += now > 60
            refused_late += now > 60 and not passed
            what = "done" if passed else "429"
            heapq.heappush(coming, (now + rng.uniform(*latency_s) / 2, next(numbers), what, sent_at))
        elif what == "done":
            pace.succeeded(sent_at)
            done += 1
        elif what == "429":
            pace.limited(sent_at, now, None)
            heapq.heappush(coming, (now + back_off_s(1, rng), next(numbers), "again", now))
        else:
            waiting += 1
    return done / now, refused_late / max(1, answered_late)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("latency_s", [(0.005, 0.01), (0.05, 0.3)])
@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(lambda: bucket(10, 10), id="bucket"),
        pytest.param(lambda: bucket(10, 3), id="small bucket"),
        pytest.param(lambda: window(10, 1), id="window of a second"),
        pytest.param(lambda: sliding(10, 1), id="sliding second"),
        pytest.param(lambda: window(600, 60), id="window of a minute"),
        pytest.param(lambda: sliding(600, 60), id="sliding minute"),
    ],
)
def test_a_hidden_limit_of_ten_a_second_is_found_and_kept(
    limit: Callable[[], Limit], latency_s: tuple[float, float], seed: int
) -> None:
    """2,000 calls wait: at least 80 % of the limit, and at most 5 % answered 429 after the first minute."""
    rate, refused = simulate(limit(), 2000, latency_s, seed)
    assert rate >= 8
    assert refused <= 0.05


@pytest.mark.parametrize("limit", [1, 3, 30, 100])
def test_other_limits_are_found_as_well(limit: float) -> None:
    rate, refused = simulate(bucket(limit, max(2, limit / 2)), int(200 * limit), (0.02, 0.1))
    assert rate >= 0.8 * limit
    assert refused <= 0.05


def test_without_a_limit_the_most_is_reached_in_seconds() -> None:
    rate, _ = simulate(lambda _: True, 20_000, (0.02, 0.04))
    assert rate >= 0.8 * RATE_MAX


def test_a_429_halves_the_rate_once_for_all_calls_sent_before_it() -> None:
    pace = Pace(Random(1))
    for _ in range(4):
        pace.in_flight += 1
    for sent_at in (0.0, 0.1, 0.2):
        pace.limited(sent_at, 1.0, None)
    assert pace.rate == RATE_START / 2
    pace.limited(1.5, 2.0, None)
    assert pace.rate == RATE_START / 4


def test_after_a_429_nothing_is_sent_until_the_calls_in_flight_are_answered() -> None:
    pace = Pace(Random(1))
    now = admitted(pace, admitted(pace, admitted(pace, 0.0)))
    pace.limited(now, now + 0.1, None)
    for _ in range(2):
        assert pace.admit(now + 0.5) > 0
        pace.succeeded(now)  # sent before: it says nothing of the rate since
    assert pace.rate == RATE_START / 2
    assert pace.admit(now + 0.5) == 0


def test_a_call_that_hangs_does_not_hold_back_the_others_for_long() -> None:
    pace = Pace(Random(1))
    now = admitted(pace, admitted(pace, 0.0))
    pace.limited(now, now + 0.1, None)
    assert pace.admit(now + 1.2) == 0


def test_a_limit_that_was_raised_is_noticed() -> None:
    """From 10 calls/s to 200: a hundred times as many waiting calls do not take a hundred times as long."""
    low, high = bucket(10, 10), bucket(200, 50)
    rate, _ = simulate(lambda now: (low if now < 60 else high)(now), 20_000, (0.02, 0.1))
    assert 20_000 / rate < 300  # of which the first 600 calls take a minute


def test_the_rate_never_falls_to_nothing() -> None:
    pace = Pace(Random(1))
    for second in range(100):
        pace.in_flight += 1
        pace.limited(second, second + 0.5, None)
    assert pace.rate == RATE_MIN


def test_retry_after_is_honoured_to_the_second() -> None:
    pace = Pace(Random(1))
    assert pace.admit(0.0) == 0
    pace.limited(0.0, 1.0, 30.0)
    assert pace.admit(1.0) == 30.0
    assert pace.admit(30.9) > 0
    assert pace.admit(31.0) == 0


def test_a_rate_that_is_not_used_up_does_not_grow() -> None:
    pace = Pace(Random(1))
    for second in range(1000):
        assert pace.admit(float(second)) == 0
        pace.succeeded(float(second))
    assert pace.rate == RATE_START


def admitted(pace: Pace, now: float) -> float:
    """When one more call is let in."""
    while (wait := pace.admit(now)) > 0:
        now += wait + 1e-9
    return now


def test_calls_in_flight_are_bounded() -> None:
    pace, now = Pace(Random(1)), 0.0
    while pace.in_flight < IN_FLIGHT_MAX:
        now = admitted(pace, now)
    assert pace.admit(now + 60) == math.inf
    pace.left()
    assert pace.admit(now + 60) == 0


def opened(rng: Random) -> Pace:
    """A pace after so many failures at time 0 that its circuit opened."""
    pace = Pace(rng)
    for _ in range(FAILURES_TO_OPEN):
        pace.in_flight += 1
        pace.failed(0.0, None)
    assert pace.open
    return pace


def test_a_few_failures_do_not_open_the_circuit_and_a_success_forgets_them() -> None:
    pace = Pace(Random(1))
    for _ in range(100):
        for _ in range(FAILURES_TO_OPEN - 1):
            pace.in_flight += 1
            pace.failed(0.0, None)
        assert not pace.open
        pace.in_flight += 1
        pace.answered()


def test_an_open_circuit_lets_one_call_at_a_time_ask_and_ever_more_seldom() -> None:
    pace, now, probes = opened(Random(1)), 0.0, list[float]()
    while now < 600:
        wait = pace.admit(now)
        if wait == 0:
            assert pace.admit(now) == math.inf, "a second call while one asks"
            probes.append(now)
            pace.failed(now + 0.1, None)
        else:
            assert wait <= BACK_OFF_S_MAX + 0.1
            now += wait
    assert 80 <= len(probes) <= 200  # every 5 s in the mean
    assert len([at for at in probes if at < 60]) < 40


def test_every_outage_begins_with_quick_probes() -> None:
    pace = opened(Random(1))
    for second in range(20):
        now = admitted(pace, 20.0 * second)
        pace.failed(now, None)
    pace.succeeded(admitted(pace, 1000.0))
    for _ in range(FAILURES_TO_OPEN):
        pace.in_flight += 1
        pace.failed(2000.0, None)
    assert pace.admit(2000.0) <= 0.5


def test_a_probe_that_is_cancelled_leaves_the_next_to_ask() -> None:
    pace = opened(Random(1))
    assert pace.admit(100.0) == 0
    pace.left()
    assert pace.admit(100.0) == 0


def test_after_an_outage_the_rate_begins_low_and_no_storm_follows() -> None:
    rng = Random(1)
    pace, now = Pace(rng), 0.0
    while pace.rate < RATE_MAX:  # a fast, healthy organization
        now = admitted(pace, now)
        pace.succeeded(now)
    for _ in range(FAILURES_TO_OPEN):
        pace.in_flight += 1
        pace.failed(now, None)
    now = admitted(pace, now + BACK_OFF_S_MAX)
    pace.succeeded(now)
    went, until = 0, now + 1
    while (now := admitted(pace, now)) < until:
        pace.left()  # no answer yet: nothing is proved in the first second
        went += 1
    assert went <= RATE_START + 1


def test_failures_of_calls_sent_before_the_circuit_opened_do_not_prolong_it() -> None:
    pace = opened(Random(1))
    pace.in_flight += IN_FLIGHT_MAX
    for _ in range(IN_FLIGHT_MAX):
        pace.failed(5.0, None)
    assert pace.admit(5.0) == 0


@pytest.mark.parametrize("failures", [0, 1, 2, 5, 10, 10_000])
def test_back_off_is_anything_up_to_its_most(failures: int) -> None:
    rng = Random(1)
    waits = [back_off_s(failures, rng) for _ in range(2000)]
    most = min(BACK_OFF_S_MAX, 0.25 * 2 ** min(failures, 20))
    assert max(waits) <= most
    assert min(waits) < 0.05 * most
    assert max(waits) > 0.95 * most
