"""Whether calls are answered 429 because they come too fast, or at any rate. Pure.

A limit L refuses nothing below it and the share 1 - L/rate above it; a LiveChat in trouble refuses some share at
any rate. Recent answers at different rates show which is likelier.
"""

import math
from typing import Final

MEMORY: Final = 150.0  # after so many more answers, one counts for 37 %
FADED: Final = math.exp(-1 / MEMORY)
CALM: Final = 60  # answers without a refusal: what follows has another cause
CALM_KEPT: Final = 20.0  # of these answers, to compare it with
LEVELS_AN_OCTAVE: Final = 2  # rates a factor of 1.4 apart: at most 26 levels from 0.1 to 500 calls/s
LIMITS_A_LEVEL: Final = 4  # considered as explanations
SLIP: Final = 0.005  # the share refused even below a limit, because calls arrive in bunches
SHARE_MAX: Final = 0.65  # of calls refused at any rate; more is a block, not a nuisance
SURE: Final = 3.0  # logarithm of how much likelier one explanation must be: 20 times
LIKELY: Final = 2.0  # likewise, before there is a verdict: 7 times
UNDECIDED_MAX: Final = 25  # refusals; those that come at any rate show within fewer
LIMIT_S: Final = 600.0  # for so long a limit that was met is assumed, unless the opposite shows
BELIEVED_S: Final = 60.0  # for so long a verdict holds without news; then refusals mean a limit again


class Refusals:
    """Answers of one lane, by the rate at which the calls were sent."""

    def __init__(self) -> None:
        self._levels: dict[int, list[float]] = {}  # level → [answers, refusals], faded
        self._calm = 0  # answers since the last refusal
        self._share, self._until = 0.0, -math.inf
        self._limit_until = -math.inf  # until then a limit is taken to be the reason
        self._undecided = 0  # refusals whose reason is open

    def add(self, rate: float, refused: bool, now: float) -> None:
        """Take in an answer to a call that was sent at this rate (calls/s).

        Of several refusals in a row add only the first: they may all be one block.
        """
        if refused and self._calm > CALM:
            self._fade(CALM_KEPT / max(CALM_KEPT, sum(n for n, _ in self._levels.values())))
        self._calm = 0 if refused else self._calm + 1
        self._fade(FADED)
        level = self._levels.setdefault(round(LEVELS_AN_OCTAVE * math.log2(rate)), [0.0, 0.0])
        level[0] += 1
        level[1] += refused
        if refused:
            self._weigh(now)

    def share(self, now: float) -> float:
        """The share of calls that is refused at any rate; 0 as long as a limit may be the reason."""
        return self._share if now < self._until else 0.0

    def limit_likely(self, now: float) -> bool:
        """Whether the rate is the likelier cause of refusals, as far as is known."""
        return now < self._limit_until

    def _fade(self, left: float) -> None:
        for name, level in list(self._levels.items()):
            level[0], level[1] = level[0] * left, level[1] * left
            if level[0] < 0.1:
                del self._levels[name]

    def _weigh(self, now: float) -> None:
        seen = [(2.0 ** (name / LEVELS_AN_OCTAVE), n, k) for name, (n, k) in self._levels.items()]
        share = sum(k for _, _, k in seen) / sum(n for _, n, _ in seen)
        at_any_rate = sum(_likelihood(n, k, share) for _, n, k in seen)
        numbers = range(LIMITS_A_LEVEL * (min(self._levels) - 2), LIMITS_A_LEVEL * max(self._levels) + 1)
        limits = (2.0 ** (number / LIMITS_A_LEVEL / LEVELS_AN_OCTAVE) for number in numbers)
        by_rate = max(sum(_likelihood(n, k, 1 - limit / rate) for rate, n, k in seen) for limit in limits)
        self._undecided += 1
        if by_rate - at_any_rate > LIKELY or self._undecided > UNDECIDED_MAX:
            self._limit_until, self._undecided = now + LIMIT_S, 0
        if at_any_rate - by_rate > SURE and share <= SHARE_MAX:
            self._share, self._until = share, now + BELIEVED_S
            self._limit_until, self._undecided = now, 0
        elif by_rate - at_any_rate > SURE:
            self._share = 0.0


def _likelihood(answers: float, refusals: float, share: float) -> float:
    """Logarithm of how likely so many refusals are if this share is refused."""
    share = min(max(share, SLIP), 1 - SLIP)
    return refusals * math.log(share) + (answers - refusals) * math.log(1 - share)
