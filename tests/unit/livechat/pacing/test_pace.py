"""How fast calls go, over virtual time: against hidden limits, and from call to call."""

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from tagger.livechat.pacing.circuit import BACK_OFF_S_MAX, back_off_s
from tagger.livechat.pacing.pace import (
    IN_FLIGHT_MAX,
    LOWERED,
    RATE_MAX,
    RATE_MIN,
    RATE_START,
    REFUSED_TO_BLOCK,
    Pace,
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


@dataclass
class Answered:
    """What became of a simulated lane."""

    done: list[float] = field(default_factory=list)  # when calls were done
    refused: list[float] = field(default_factory=list)
    left: int = 0  # calls that still wait at the end

    def rate(self, begin: float, end: float) -> float:
        """Calls done a second."""
        return sum(begin <= at < end for at in self.done) / (end - begin)

    def share(self, begin: float) -> float:
        """Of the calls from then on, those refused."""
        done, refused = (sum(at >= begin for at in times) for times in (self.done, self.refused))
        return refused / max(1, done + refused)


def simulate(
    limit: Limit,
    seconds: float,
    *,
    offered: float = 0.0,
    latency_s: tuple[float, float] = (0.05, 0.3),
    retry_after_s: float | None = None,
    seed: int = 1,
) -> Answered:
    """A lane through so many seconds; `offered` calls come each second, or 0: there is always one that waits."""
    rng, pace, now, seen = Random(seed), Pace(Random(seed)), 0.0, Answered()
    numbers, coming = (
        itertools.count(),
        list[tuple[float, int, str, float]](),
    )  # (when, number, what, sent at)

    def later(after_s: float, what: str, sent_at: float) -> None:
        heapq.heappush(coming, (now + after_s, next(numbers), what, sent_at))

    waiting = 0 if offered else 1_000_000
    later(0.0 if offered else math.inf, "comes", 0.0)
    while now < seconds:
        wait = pace.admit(now) if waiting else math.inf
        if wait == 0:
            waiting -= 1
            later(rng.uniform(*latency_s) / 2, "arrives", now)
        elif now + wait < coming[0][0]:
            now += wait + 1e-6
        else:
            now, _, what, sent_at = heapq.heappop(coming)
            if what == "comes":
                waiting += 1
                later(1 / offered, "comes", 0.0)
            elif what == "arrives":
                later(rng.uniform(*latency_s) / 2, "done" if limit(now) else "429", sent_at)
            elif what == "done":
                pace.succeeded(sent_at, now)
                seen.done.append(now)
            elif what == "429":
                pace.limited(sent_at, now, retry_after_s, str(next(numbers)))
                seen.refused.append(now)
                later(max(back_off_s(1, rng), retry_after_s or 0.0), "again", now)
            else:
                waiting += 1
    seen.left = waiting
    return seen


def at_random(share: float, begin: float = 0.0, end: float = math.inf, seed: int = 1) -> Limit:
    """Refuses this share of calls, whatever their rate, between two times."""
    rng = Random(seed)
    return lambda now: not (begin <= now < end and rng.random() < share)


@pytest.mark.parametrize("latency_s", [(0.005, 0.01), (0.05, 0.3)])
@pytest.mark.parametrize(
    ("limit", "done", "refused"),
    [  # calls/s done of ten that are allowed, and the share refused after the first minute
        pytest.param(lambda: bucket(10, 10), 9.5, 0.12, id="bucket"),
        pytest.param(lambda: bucket(10, 3), 8.5, 0.03, id="small bucket"),
        pytest.param(lambda: window(10, 1), 8.5, 0.03, id="window of a second"),
        pytest.param(lambda: sliding(10, 1), 7.5, 0.03, id="sliding second"),
        pytest.param(lambda: window(100, 10), 9.5, 0.10, id="window of ten seconds"),
        pytest.param(lambda: sliding(100, 10), 7.5, 0.12, id="sliding ten seconds"),
        pytest.param(lambda: window(600, 60), 9.5, 0.08, id="window of a minute"),
        pytest.param(lambda: sliding(600, 60), 9.5, 0.08, id="sliding minute"),
    ],
)
def test_a_hidden_limit_of_ten_a_second_is_found_and_kept(
    limit: Callable[[], Limit], done: float, refused: float, latency_s: tuple[float, float]
) -> None:
    seen = simulate(limit(), 180, latency_s=latency_s)
    assert seen.rate(0, 180) >= done
    assert seen.share(60) <= refused


@pytest.mark.parametrize(("limit", "refused"), [(1, 0.3), (3, 0.12), (30, 0.05), (100, 0.05)])
def test_other_limits_are_found_as_well(limit: float, refused: float) -> None:
    seen = [simulate(bucket(limit, max(2, limit / 2)), 120, seed=seed) for seed in (1, 2, 3)]
    assert min(one.rate(0, 120) for one in seen) >= 0.85 * limit
    assert sorted(one.share(60) for one in seen)[1] <= refused


@pytest.mark.parametrize("retry_after_s", [None, 1.0, 30.0])
@pytest.mark.parametrize(
    ("share", "done"),
    [(0.01, 16.0), (0.05, 16.0), (0.2, 10.0)],  # calls/s done of twenty that are offered, over two minutes
)
def test_refusals_at_random_leave_most_of_the_rate(
    share: float, done: float, retry_after_s: float | None
) -> None:
    for seed in (1, 2):
        seen = simulate(at_random(share, seed=seed), 120, offered=20, retry_after_s=retry_after_s, seed=seed)
        assert seen.rate(0, 120) >= done


def test_from_its_first_call_on_a_lane_in_which_one_call_in_five_is_refused_keeps_going() -> None:
    """Before anything is known, too: too few calls would go ever to learn that it is not a limit."""
    for seed in range(1, 21):
        seen = simulate(at_random(0.2, seed=seed), 20, offered=20, latency_s=(0.001, 0.004), seed=seed)
        assert seen.rate(0, 20) >= 6


def test_even_where_every_other_call_is_refused_the_lane_does_not_collapse() -> None:
    for seed in (1, 2, 3):
        assert simulate(at_random(0.5, seed=seed), 120, offered=20, seed=seed).rate(0, 120) >= 5


@pytest.mark.parametrize(("share", "seconds"), [(0.2, 10), (0.2, 60), (1.0, 10), (1.0, 60), (1.0, 600)])
def test_ten_seconds_after_a_storm_of_any_length_the_full_rate_is_back(share: float, seconds: float) -> None:
    """Twenty calls come a second; of the backlog only so much is looked at."""
    end = 30 + seconds
    for seed in (1, 2):
        seen = simulate(at_random(share, 30, end, seed), end + 20, offered=20, seed=seed)
        assert seen.rate(end + 10, end + 20) >= 19


def test_the_backlog_of_a_storm_of_fifteen_seconds_is_gone_ten_seconds_after_it() -> None:
    seen = [simulate(at_random(0.2, 10, 25, seed), 35, offered=20, seed=seed) for seed in range(20)]
    assert sum(one.left <= 20 for one in seen) >= 17


def test_a_true_limit_that_says_when_to_come_again_is_obeyed() -> None:
    """A hundred calls in ten seconds, and then Retry-After: few are refused while it lasts."""
    seen = simulate(window(100, 10), 180, retry_after_s=3.0)
    assert seen.rate(0, 180) >= 8
    assert seen.share(60) <= 0.1


def test_without_a_limit_the_most_is_reached_in_seconds() -> None:
    assert simulate(lambda _: True, 20, latency_s=(0.02, 0.04)).rate(10, 20) >= 0.9 * RATE_MAX


def test_a_429_lowers_the_rate_once_for_all_calls_sent_before_it() -> None:
    pace = Pace(Random(1))
    pace._refusals._limit_until = math.inf  # a limit was met before
    pace.in_flight = 3
    pace.limited(0.0, 1.0, None, "chat")
    lowered = pace.rate
    assert lowered == LOWERED * RATE_START
    pace.limited(0.1, 1.0, None, "another")
    assert pace.rate == lowered
    pace.limited(1.5, 2.0, None, "a third")
    assert pace.rate < lowered


def test_a_call_that_hangs_does_not_hold_back_the_others_for_long() -> None:
    pace = Pace(Random(1))
    now = admitted(pace, admitted(pace, 0.0))
    pace.limited(now, now + 0.1, None, "chat")
    assert pace.admit(now + 1.2) == 0


def test_a_limit_that_was_raised_is_noticed() -> None:
    low, high = bucket(10, 10), bucket(200, 50)
    seen = simulate(lambda now: (low if now < 60 else high)(now), 120, latency_s=(0.02, 0.1))
    assert seen.rate(90, 120) >= 100


def test_the_rate_never_falls_to_nothing() -> None:
    pace = Pace(Random(1))
    for second in range(100):
        pace.in_flight += 1
        pace.limited(second, second + 0.5, None, "chat")
    assert pace.rate >= RATE_MIN
    assert pace.admit(1000.0) == 0


def test_one_retry_after_is_the_calls_own_and_several_in_a_row_are_the_lanes() -> None:
    """For ten seconds at most: then one call asks, or a lane would wait long after a storm is over."""
    pace = Pace(Random(1))
    pace.in_flight = REFUSED_TO_BLOCK - 1
    for _ in range(REFUSED_TO_BLOCK - 1):
        pace.limited(0.0, 1.0, 30.0, str(pace.in_flight))
    assert pace.admit(1.0) == 0
    pace.limited(0.0, 1.0, 30.0, "one more")
    assert pace.admit(1.0) == BACK_OFF_S_MAX
    assert pace.admit(0.9 + BACK_OFF_S_MAX) > 0
    assert pace.admit(1.0 + BACK_OFF_S_MAX) == 0


def test_a_rate_that_is_not_used_up_does_not_grow() -> None:
    pace = Pace(Random(1))
    for second in range(1000):
        assert pace.admit(float(second)) == 0
        pace.succeeded(float(second), float(second))
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
    pace.left(now)
    assert pace.admit(now + 60) == 0
