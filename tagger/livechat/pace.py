"""How fast one organization may be called: a rate that adapts, a bound on calls in flight, a circuit. Pure.

LiveChat publishes no rate limit ("after some time, the request will be unblocked"), so it is found by trying:
a 429 halves the rate and marks a ceiling; the rate comes back to just below the ceiling quickly and past it
slowly. When everything fails the circuit opens and one call at a time asks whether it is over. After that the
rate starts low again, so an outage is not followed by a storm. `now` is in seconds of any steady clock.
"""

import math
from random import Random
from typing import Final

IN_FLIGHT_MAX: Final = 32  # calls of one organization; at 100 ms each that is 320 a second
RATE_START: Final = 10.0  # calls/s before anything is known, and again after an outage
RATE_MAX: Final = 500.0  # calls/s; the design load is 250 decisions a second of all organizations together
RATE_MIN: Final = 0.1  # calls/s; a blocked organization asks every 10 s whether it is unblocked
DRAIN_S: Final = 1.0  # for so long nothing is sent after a 429 while older calls are in flight
NEAR: Final = 0.9  # of the ceiling: up to here the rate returns within RETURN_S, from here on it creeps
RETURN_S: Final = 1.5
CREEP: Final = 0.01  # of the ceiling, gained each second near it: 10 s to the limit, one or two 429 there
CREEP_CALL: Final = 0.0025  # of the ceiling, gained with each call at most: a low limit is met as seldom
PAST: Final = 1.2  # of the ceiling: a rate above it shows that the limit was raised, and is forgotten
BURST_S: Final = 0.05  # calls not made for so long may be made up for: timers of the event loop are late
FAILURES_TO_OPEN: Final = 8  # in a row, without a success between
BACK_OFF_S: Final = 0.25  # before the second try at most; doubled for each further one
BACK_OFF_S_MAX: Final = 10.0  # design: after an outage nobody waits longer


def back_off_s(failures: int, rng: Random) -> float:
    """Seconds to wait after so many failures in a row; full jitter, so that nobody marches in step."""
    return rng.uniform(0.0, min(BACK_OFF_S_MAX, BACK_OFF_S * 2.0 ** min(failures, 16)))


class Pace:
    """One organization's.

    Every call that `admit` lets in ends with exactly one of succeeded, limited, failed, answered, left.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.rate = RATE_START  # calls/s
        self.in_flight = 0
        self._ceiling: float | None = None  # calls/s at which the last limit was met
        self._next_at = -math.inf  # when the rate allows the next call
        self._not_before = -math.inf  # Retry-After
        self._slowed_at = -math.inf
        self._blocked = False  # limited, and no success of a call sent since
        self._failures = 0
        self._probe_at: float | None = None  # a time: the circuit is open
        self._probing = False
        self._probes_failed = 0
        self._used_up = False  # whether it was the rate that held the last call back

    @property
    def open(self) -> bool:
        """Whether everything failed of late, so that one call at a time asks whether it is over."""
        return self._probe_at is not None

    def admit(self, now: float) -> float:
        """0: go, the call is in flight. Else seconds after which to ask again; infinite: when one ended."""
        if self.in_flight and self.open:
            return math.inf
        if self.in_flight and self._blocked and now < self._slowed_at + DRAIN_S:
            return self._slowed_at + DRAIN_S - now
        wait = max(self._not_before, self._next_at if self._probe_at is None else self._probe_at) - now
        if wait > 0:
            return wait
        if self.in_flight >= IN_FLIGHT_MAX:
            return math.inf
        self._used_up = now - self._next_at < BURST_S
        self._next_at = max(self._next_at, now - BURST_S) + 1 / self.rate
        self._probing = self.open
        self.in_flight += 1
        return 0.0

    def may_probe(self, now: float) -> bool:
        """Whether a call that comes now would go out, be it to ask if an outage is over."""
        return not self.open or (self.in_flight == 0 and now >= max(self._probe_at or now, self._not_before))

    def succeeded(self, sent_at: float) -> None:
        """The call did what it should."""
        self.answered()
        if sent_at >= self._slowed_at:
            self._blocked = False
            self._grow()

    def answered(self) -> None:
        """The call was refused: LiveChat works, though not for this call."""
        self._ended()
        if self.open:
            self.rate = min(self.rate, RATE_START)
        self._probe_at = None
        self._failures = self._probes_failed = 0

    def limited(self, sent_at: float, now: float, retry_after_s: float | None) -> None:
        """The call was answered 429."""
        self.answered()
        self._hold(now, retry_after_s)
        if sent_at < self._slowed_at:
            return  # sent at the former rate: paid for already
        if not self._blocked:
            # Only a limit met while calls succeed tells where it lies. While an organization is blocked,
            # the rate at which it asks says nothing.
            self._ceiling = self.rate
        self._blocked = True
        self._slowed_at = now
        self.rate = max(RATE_MIN, self.rate / 2)
        self._next_at = max(self._next_at, now + 1 / self.rate)

    def failed(self, now: float, retry_after_s: float | None) -> None:
        """The call failed for a reason that is not its own."""
        probed = self._ended()
        self._hold(now, retry_after_s)
        self._failures += 1
        if probed:
            self._probes_failed += 1
        elif self.open or self._failures < FAILURES_TO_OPEN:
            return
        self._probe_at = now + back_off_s(self._probes_failed + 1, self._rng)

    def left(self) -> None:
        """The call was cancelled, and nothing is known of it."""
        self._ended()

    def _ended(self) -> bool:
        """One call fewer in flight; whether it was the one that asked if it is over."""
        probed, self._probing = self._probing, False
        self.in_flight -= 1
        return probed

    def _hold(self, now: float, retry_after_s: float | None) -> None:
        if retry_after_s is not None:
            self._not_before = max(self._not_before, now + retry_after_s)

    def _grow(self) -> None:
        """Add what one success earns. A rate that is not used up is not raised: nothing was proved."""
        if not self._used_up or self.in_flight > IN_FLIGHT_MAX // 2:
            return
        if self._ceiling is None:
            self.rate += 1.0  # doubles each second: the first limit is found within seconds
        elif self.rate < NEAR * self._ceiling:
            gain = (NEAR - 0.5) * self._ceiling / RETURN_S
            self.rate = min(NEAR * self._ceiling, self.rate + gain / self.rate)
        else:
            self.rate += self._ceiling * min(CREEP / self.rate, CREEP_CALL)
            if self.rate > PAST * self._ceiling:
                self._ceiling = None
        self.rate = min(RATE_MAX, self.rate)
