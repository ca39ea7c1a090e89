"""What goes wrong at LiveChat's API, as plain data: put in and taken out while the simulator runs. Pure."""

import random
from dataclasses import dataclass, field
from typing import Final

# Answers that are no error body of LiveChat's.
#   html         a proxy's error page (503)
#   empty        a body of no bytes (502)
#   not_json     text that is no JSON (200)
#   truncated    applied; half of the JSON answer (200)
#   cut          nothing applied, connection cut
#   lost         applied, connection cut before the answer
SHAPES: Final = frozenset({"html", "empty", "not_json", "truncated", "cut", "lost"})
APPLIED: Final = frozenset({"truncated", "lost"})  # what was asked for is done all the same


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. Fields that are None fit every call.

    `answer`: a type of `errors.ERRORS`, one of `SHAPES`, or None for the usual answer (after the delay).
    """

    answer: str | None = None
    method: str | None = None
    organization: str | None = None  # Organization.id
    chat_id: str | None = None
    tag: str | None = None
    status: int | None = None  # instead of the usual one
    share: float = 1.0  # of the calls that fit
    times: int | None = None  # then it is over; None: until taken out
    delay_s: float = 0.0
    retry_after_s: float | None = None  # a Retry-After header

    def fits(self, method: str, organization: str | None, chat_id: str | None, tag: str | None) -> bool:
        wanted = (
            (self.method, method),
            (self.organization, organization),
            (self.chat_id, chat_id),
            (self.tag, tag),
        )
        return self.times != 0 and all(mine is None or mine == theirs for mine, theirs in wanted)


@dataclass(slots=True)
class RateLimit:
    """A token bucket that holds one second's worth of calls; callers are told nothing about it."""

    calls_per_s: float
    _tokens: float | None = field(default=None, repr=False)
    _filled_at: float = field(default=0.0, repr=False)

    def allows(self, now: float) -> bool:
        burst = max(1.0, self.calls_per_s)
        if self._tokens is None:
            self._tokens = burst
        else:
            self._tokens = min(burst, self._tokens + (now - self._filled_at) * self.calls_per_s)
        self._filled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def choose(  # noqa: PLR0913, PLR0917 - the list, the chance, and what is known of a call
    faults: list[Fault],
    rng: random.Random,
    method: str,
    organization: str | None = None,
    chat_id: str | None = None,
    tag: str | None = None,
) -> Fault | None:
    """The first fault that fits this call and whose share it falls into; its `times` is counted down."""
    for fault in faults:
        if fault.fits(method, organization, chat_id, tag) and rng.random() < fault.share:
            if fault.times is not None:
                fault.times -= 1
            return fault
    return None
