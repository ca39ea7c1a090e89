"""What goes wrong at LiveChat's API, as data that may change while the simulator runs. Waits for nothing itself."""

import asyncio
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

# Answers that are not one of LiveChat's errors.
#   html         a proxy's error page (503)
#   empty        an empty body (502)
#   not_json     text that is not JSON (200)
#   truncated    applied; half of the JSON answer (200)
#   cut          not applied, connection cut
#   lost         applied, connection cut before the answer
SHAPES: Final = frozenset({"html", "empty", "not_json", "truncated", "cut", "lost"})
CALL: Final = ("method", "organization", "chat_id", "tag")  # what a fault may be limited to
APPLIED: Final = frozenset({"truncated", "lost"})  # the call takes effect all the same


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong. Fields that are None match every call."""

    answer: str | None = (
        None  # a type of `errors.ERRORS`, one of `SHAPES`, or None: the usual one, after the delay
    )
    method: str | None = None
    organization: str | None = None  # Organization.id
    chat_id: str | None = None
    tag: str | None = None
    status: int | None = None  # instead of the usual one
    share: float = 1.0  # of the matching calls
    times: int | None = None  # then it is over; None: until removed
    delay_s: float = 0.0
    until: asyncio.Event | None = None  # no matching call goes on before that
    retry_after_s: float | None = None  # a Retry-After header


@dataclass(slots=True)
class RateLimit:
    """A token bucket for one second's calls. Callers cannot see it."""

    calls_per_s: float
    _tokens: float = field(default=math.inf, repr=False)
    _filled_at: float = field(default=0.0, repr=False)

    def allows(self, now: float) -> bool:
        """Whether one more call may be made now, in seconds."""
        tokens = self._tokens + (now - self._filled_at) * self.calls_per_s
        self._tokens, self._filled_at = min(max(1.0, self.calls_per_s), tokens), now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


def choose(faults: Iterable[Fault], rng: random.Random, **call: str | None) -> Fault | None:
    """The first fault that matches the call, as `CALL` describes it, and whose share it falls into."""
    for fault in faults:
        matches = all(getattr(fault, name) in (None, call.get(name)) for name in CALL)
        if fault.times != 0 and matches and rng.random() < fault.share:
            if fault.times is not None:
                fault.times -= 1
            return fault
    return None
