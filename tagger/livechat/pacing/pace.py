"""How fast one lane may be called: a rate that adapts, a bound on calls in flight, a circuit. Pure.

LiveChat publishes no rate limit ("after some time, the request will be unblocked"), so it is found by trying.
A 429 caused by the rate lowers it and marks a ceiling; time alone brings the rate back to the ceiling, along
a cubic curve that is flat there, and then beyond. A 429 that comes at any rate (see `refusals`) leaves the rate
alone. Several refusals in a row mean that everything is blocked: then one call at a time asks whether it still
is. `now` is in seconds of any steady clock.
"""

import math
from random import Random
from typing import Final

from tagger.livechat.pacing.circuit import BACK_OFF_S_MAX, Circuit
from tagger.livechat.pacing.refusals import SHARE_MAX, Refusals

IN_FLIGHT_MAX: Final = 32  # calls of one lane; at 100 ms each that is 320 a second
RATE_START: Final = 10.0  # calls/s before anything is known, and again after an outage
RATE_MAX: Final = 500.0  # calls/s; the design load is 250 decisions a second of all organizations together
RATE_MIN: Final = 0.25  # calls/s
# Above this rate a single refusal lowers it. Below, where too few calls go to learn anything soon, it takes as many
# refusals as a limit would cause: by chance alone a lane would starve before it knew better.
RATE_UNSURE: Final = 10.0  # calls/s
LOWERED: Final = 0.7  # to this part of the rate at which a limit was met
RETURN_S: Final = 5.0  # from there back to the ceiling
RETURN_S_MAX: Final = 10.0  # of a low ceiling: in RETURN_CALLS calls
RETURN_CALLS: Final = 20.0
CLOSER: Final = 0.85  # of a rate below the ceiling at which a limit was met: there the ceiling was too high
BEYOND_S: Final = 10.0  # and so long again to one and a half times it, if the rate is needed
BEYOND_CALLS: Final = 40.0  # but in no fewer calls than these: per call, a low limit is met no more often
HIGHEST_S: Final = 30.0  # after so long, 37 % of the rate before a limit was met is still aimed at
PAST: Final = 1.3  # of the ceiling: a rate above it shows that the limit was raised, and is forgotten
USED_S_MAX: Final = 1.0  # two calls further apart do not show that the rate between them was needed
DRAIN_S: Final = 1.0  # for so long nothing is sent after a limit was met while older calls are in flight
SENT_SHARE: Final = 0.1  # of the last interval between two calls in their mean
SENT_S_MAX: Final = 10.0  # a longer pause shows no more than this
BURST_S: Final = 0.05  # calls missed for so long may be made up: timers of the event loop are late
REFUSED_TO_BLOCK: Final = 3  # in a row, if none is refused at any rate
# Shares of refused calls that are usual, and that mean a limit: if nothing is known, and if the rate is low.
REFUSED_AT_ALL: Final = (0.01, 0.5)
REFUSED_OF: Final = 0.05  # weight of the last answer in the share that is refused, so about twenty count
REFUSED_MOST: Final = 0.6  # more than this is a limit, or everything is blocked
UNSURE: Final = (0.3, 0.65)
MORE: Final = 0.15  # of calls refused, in addition to those refused at any rate: that is a limit
BY_CHANCE: Final = 0.02  # a run of refusals likelier than this may be chance
ASK_S: Final = 0.5  # after so long a blocked lane asks whether it still is; doubled each time
ASK_S_MAX: Final = 4.0  # so that after a storm of any length the full rate is back within ten seconds


class Pace:
    """The pace of one lane.

    Every call that `admit` lets in ends with exactly one of succeeded, limited, failed, answered, left.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.circuit = Circuit(rng)
        self.rate = RATE_START  # calls/s
        self.in_flight = 0
        self._ceiling: float | None = None  # calls/s at which the last limit was met
        self._grown_s = 0.0  # how far the rate has come back since
        self._grew_at = -math.inf
        self._highest, self._highest_at = 0.0, -math.inf  # calls/s before the rate was lowered, and when
        self._next_at = -math.inf  # when the rate allows the next call
        self._not_before = -math.inf  # Retry-After
        self._slowed_at = -math.inf
        self._refusals = Refusals()
        self._excess = 0.0  # evidence for more refusals than come at any rate; at 3 it is a limit
        self._refused = 0.0  # share of the last answers that were refusals
        self._run = 0  # refusals in a row, of different chats
        self._run_of: set[str] = set()  # those chats; no more than calls wait
        self._run_from = math.inf  # when the first of them was sent
        self._asked = 0  # how often a blocked lane was found still blocked
        self._probe_from = math.inf  # when the one call that asks if an outage is over was let in
        self._asks = 0  # calls in a row that asked if an outage or a block is over
        self._used_up = False  # whether it was the rate that held the last call back
        self._sent_s = 1 / RATE_START  # between two calls, on average
        self._sent_at = -math.inf  # the last call

    @property
    def open(self) -> bool:
        """Whether everything has failed recently, so that one call at a time asks whether it is over."""
        return self.circuit.open

    @property
    def asks(self) -> bool:
        """Whether one call at a time asks if an outage or a block is over."""
        return self._asks > 0

    @property
    def asks_witness(self) -> bool:
        """Whether the last call let in asks if it is over, and one known to be good should go first, as every
        other time: all that wait may be bad."""
        return self._asks % 2 == 1

    @property
    def asks_newest(self) -> bool:
        """Whether the newest call should ask, and not the oldest: twice in a row, because every other time a
        witness goes ahead, and if that fails the call itself does not go."""
        return self._asks % 4 in {1, 2}

    @property
    def _probed(self) -> bool:
        """Whether a call is in flight that asks if an outage is over."""
        return self._probe_from < math.inf

    def admit(self, now: float) -> float:
        """0: go, the call is in flight. Otherwise seconds until asking again; infinite: until a call ends."""
        if self._probed:  # a call from before the outage may hang: it holds back none that asks
            return math.inf
        if self.in_flight and self._run and now < self._slowed_at + DRAIN_S:
            return self._slowed_at + DRAIN_S - now
        self._grow(now)
        wait = max(self._not_before, self._next_at) - now
        if self.open:
            wait = max(self.circuit.wait_s(now), self._not_before - now)
        if wait > 0:
            return wait
        if self.in_flight >= IN_FLIGHT_MAX:
            return math.inf
        self._used_up = now - self._next_at < BURST_S
        self._sent_s += SENT_SHARE * (min(now - self._sent_at, SENT_S_MAX) - self._sent_s)
        self._sent_at = now
        self._next_at = max(self._next_at, now - BURST_S) + (self._ask_s() if self._asked else 1 / self.rate)
        self._probe_from = now if self.open else math.inf
        self._asks = self._asks + 1 if self.open or self._asked else 0
        self.in_flight += 1
        return 0.0

    def may_probe(self, now: float) -> bool:
        """Whether a call that comes now would go out, perhaps to ask if an outage is over."""
        return not self.open or (
            not self._probed and max(self.circuit.wait_s(now), self._not_before - now) <= 0
        )

    def succeeded(self, sent_at: float, now: float) -> None:
        """The call did what it should."""
        self.answered(sent_at)
        if sent_at >= self._run_from:
            self.unblocked(now)
        self._tell(sent_at, False, now, counts=True)
        if self._ceiling is None and self._needed:
            self.rate = min(RATE_MAX, self.rate + 1.0)  # doubles each second: the first limit is found soon

    def answered(self, sent_at: float) -> None:
        """The call was refused: LiveChat works, though not for this call."""
        self._ended(sent_at)
        self.worked()

    def worked(self) -> None:
        """LiveChat answered. The rate starts low after an outage, so that no storm follows it."""
        if self.circuit.worked():
            self.rate, self._ceiling = min(self.rate, RATE_START), None
        self._probe_from = math.inf

    def unblocked(self, now: float) -> None:
        """A call went through that was sent after the first of a run of refusals."""
        if self._asked:
            self._grown_s = 0.0
            self._next_at = min(self._next_at, now)
        self._run_of.clear()
        self._run, self._run_from, self._asked, self._not_before = 0, math.inf, 0, -math.inf

    def limited(self, sent_at: float, now: float, retry_after_s: float | None, chat: str) -> None:
        """The call, for this chat, was answered 429."""
        self.answered(sent_at)
        first = self._run == 0
        if not first and chat in self._run_of and not self._asked:
            return  # one chat refused again and again shows nothing about the others
        self._run_of.add(chat)
        self._run += 1
        self._run_from = min(self._run_from, sent_at)
        self._tell(sent_at, True, now, counts=first or not (self._asked or self._slowed_at >= self._run_from))
        if self._excess >= 3.0:
            self._excess = 0.0
            if sent_at >= self._slowed_at and not self._asked:
                self._lower(now, first)
        if self._run >= self._run_max(now):
            self._block(sent_at, now, retry_after_s)

    def failed(self, sent_at: float, now: float, retry_after_s: float | None, chat: str) -> None:
        """The call failed; judging by the type, for a reason not its own."""
        probe = self._ended(sent_at)
        self.circuit.failed(chat, now, probe=probe, retry_after_s=retry_after_s)

    def left(self, sent_at: float) -> None:
        """The call was cancelled; its outcome is unknown."""
        self._ended(sent_at)

    def not_the_rate(self, now: float) -> None:
        """What was taken for a limit was not one."""
        self.rate = self._ceiling = max(self.rate, self._highest_now(now))
        self._excess, self._grown_s = 0.0, RETURN_S_MAX

    @property
    def _needed(self) -> bool:
        """Whether a higher rate would be used; a rate that is not used up proves nothing."""
        return self._used_up and self.in_flight <= IN_FLIGHT_MAX // 2

    def _ended(self, sent_at: float) -> bool:
        """One call fewer in flight; whether it was the one that asked if it is over."""
        probe = sent_at >= self._probe_from
        if probe:
            self._probe_from = math.inf
        self.in_flight -= 1
        return probe

    def _sent_at_rate(self) -> float:
        """Calls/s that were really sent recently, as far as the rate allowed."""
        return self.rate if self._used_up else max(RATE_MIN, min(self.rate, 1 / max(self._sent_s, 1e-3)))

    def _tell(self, sent_at: float, refused: bool, now: float, *, counts: bool) -> None:
        """Take in an answer as evidence of what causes refusals."""
        before = self._refusals.share(now)
        self._refused += REFUSED_OF * (refused - self._refused)
        rate = self._sent_at_rate() if sent_at >= self._slowed_at else self.rate / LOWERED
        if counts:
            self._refusals.add(rate, refused, now)
        share = self._refusals.share(now)
        if share > before == 0.0:  # it was not the rate
            self.not_the_rate(now)
            return
        usual, more = (share, share + MORE) if share else UNSURE if self._unsure(now) else REFUSED_AT_ALL
        change = math.log(more / usual) if refused else math.log((1 - more) / (1 - usual))
        self._excess = max(0.0, self._excess + change)

    def _unsure(self, now: float) -> bool:
        """Whether the rate is low already, and a limit need not be the reason."""
        return LOWERED * self._sent_at_rate() < RATE_UNSURE and not (
            self._refusals.limit_likely(now) or self._refused > REFUSED_MOST
        )

    def _run_max(self, now: float) -> int:
        """So many refusals in a row are not chance."""
        share = max(self._refusals.share(now), min(SHARE_MAX, self._refused))
        return max(REFUSED_TO_BLOCK, math.ceil(math.log(BY_CHANCE) / math.log(share)) if share else 0)

    def _lower(self, now: float, alone: bool) -> None:
        """A limit was met."""
        sent = self._sent_at_rate()
        self._highest, self._highest_at = max(self._highest_now(now), self.rate), now
        if alone or self._ceiling is None:
            # While everything is blocked, the rate at which it asks shows nothing.
            self._ceiling = sent if self._ceiling is None or sent > self._ceiling else CLOSER * sent
        self.rate = max(RATE_MIN, LOWERED * sent)
        self._grown_s, self._slowed_at, self._grew_at = 0.0, now, now
        self._next_at = max(self._next_at, now + 1 / self.rate)

    def _highest_now(self, now: float) -> float:
        """Calls/s before the rate was lowered, fading over time."""
        return self._highest * math.exp((self._highest_at - now) / HIGHEST_S)

    def _block(self, sent_at: float, now: float, retry_after_s: float | None) -> None:
        """Everything is refused: ask later, one call at a time."""
        if retry_after_s is not None:
            self._not_before = max(self._not_before, now + min(retry_after_s, BACK_OFF_S_MAX))
        if self._asked and sent_at < self._slowed_at:
            return  # was on its way already
        self._next_at = max(self._next_at, now + self._ask_s())
        self._asked, self._slowed_at = self._asked + 1, now

    def _ask_s(self) -> float:
        """Seconds between two calls that ask whether everything is still blocked."""
        return min(ASK_S_MAX, ASK_S * 2.0 ** min(self._asked, 8)) * self._rng.uniform(0.75, 1.0)

    def _grow(self, now: float) -> None:
        """Let time bring the rate back to the ceiling; beyond it, only time in which it was needed counts."""
        passed, self._grew_at = now - self._grew_at, now
        if self._ceiling is None or self._asked:
            return
        back_s = max(RETURN_S, min(RETURN_S_MAX, RETURN_CALLS / self._ceiling))
        if self._grown_s < back_s:
            self._grown_s = min(back_s, self._grown_s + passed)
        elif self._needed:
            self._grown_s += min(passed, USED_S_MAX)
        left = self._grown_s / back_s - 1
        if left > 0:
            left = (self._grown_s - back_s) / max(BEYOND_S, BEYOND_CALLS / self._ceiling)
        self.rate = self._ceiling * (1 + (1 - LOWERED) * left**3)
        if self._grown_s >= back_s and self._highest_now(now) > self.rate:
            gained = min(1.0, (self._grown_s - back_s) / RETURN_S)
            self.rate += (self._highest_now(now) - self.rate) * gained**2
        self.rate = min(RATE_MAX, max(RATE_MIN, self.rate))
        if self.rate >= PAST * self._ceiling:
            self._ceiling = None
