"""The queue before one lane's Pace: who may call next, and when.

Calls never tried go before those that failed, in order of arrival; those that failed have every eighth turn, so that
neither kind waits indefinitely for the other. A call that only came too fast keeps its turn, but every other turn goes
to a call never tried or, if none waits, to one that failed. While one call at a time asks whether an outage or a block
is over, half of them are the newest never tried: those that wait longest may all be bad, and then it would take as
many to find a good one. Background calls go when no other waits. Promises that a cancelled caller leaves no place in
flight taken. It holds one entry per caller.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from tagger.livechat.pacing.pace import Pace

# Calls that failed have one turn in so many: while calls never tried wait, enough to find them hopeless; while only
# calls wait that came too fast, which may go on indefinitely if a chat is to blame, half.
FAILED_EVERY: Final = 8
FAILED_BESIDE_TRIED_EVERY: Final = 2

LASTS_S: Final = 15.0  # of failure without a success: a rate limit alone does not last that long


class Place(NamedTuple):
    """Lower goes first, except for the share of those that failed."""

    background: bool
    failed: bool  # before, and not because it came too fast
    number: int  # in order of arrival; no two are equal
    tried: bool = False  # before, with any answer


@dataclass(frozen=True, slots=True)
class Standing:
    """How one lane fares now."""

    organization: str  # "" where one credential serves all
    rate: float  # calls/s that it may be sent
    open: bool  # the circuit
    in_flight: int
    waiting: int
    error_type: str | None  # of the last failure, None after a success
    failing_s: float  # for how long

    @property
    def lasting(self) -> str | None:
        """The error type, if it is worth a person's attention."""
        return self.error_type if self.failing_s >= LASTS_S else None


def _newness(place: Place) -> tuple[bool, bool, int]:
    return not place.background, not place.tried, place.number


Waiting = list[tuple[Place, asyncio.Future[bool]]]  # a heap


def _untried_first(one: tuple[Place, object]) -> tuple[bool, Place]:
    return one[0].tried, one[0]


class Gate:
    """The queue of one lane."""

    def __init__(
        self, pace: Pace, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.pace = pace
        self._clock, self._sleep = clock, sleep
        self._fresh: Waiting = []
        self._failed: Waiting = []  # live ones; of background calls those that failed are among the others
        self._untried = False  # whether the last turn went to a call never tried, out of order
        self._passed_over = 0  # turns since one that failed had its turn, while some wait
        self._usher: asyncio.Task[None] | None = None
        self._news = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether no call waits or is in flight."""
        return not self.waiting and self.pace.in_flight == 0

    @property
    def waiting(self) -> int:
        """How many wait; a cancelled one counts until its turn."""
        return len(self._fresh) + len(self._failed)

    async def enter(self, place: Place) -> bool:
        """Wait for a turn. True: the call is in flight; end it on `pace`, then call `wake`. False: sent away."""
        if not self.waiting and self.pace.admit(self._clock()) == 0:
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        queue = self._failed if place.failed and not place.background else self._fresh
        heapq.heappush(queue, (place, turn))
        if self._usher is None or self._usher.done():
            self._usher = asyncio.create_task(self._admit())
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.pace.left(self._clock())
                self.wake()
            raise

    def wake(self) -> None:
        """Check again who may go: a call ended, or it has shown that an outage is over."""
        self._news.set()

    def send_away(self) -> None:
        """End the waiting of everybody who waits."""
        for _, turn in [*self._fresh, *self._failed]:
            if not turn.done():
                turn.set_result(False)

    def close(self) -> None:
        """Admit no more calls."""
        if self._usher is not None:
            self._usher.cancel()

    async def _admit(self) -> None:
        while (queue := self._next()) is not None:
            self._news.clear()
            wait = self.pace.admit(self._clock())
            if wait == 0:
                self._passed_over = self._passed_over + 1 if queue is self._fresh and self._failed else 0
                self._pop(queue).set_result(True)
            elif wait == math.inf:
                await self._news.wait()
            else:
                await self._sleep(wait)

    def _pop(self, queue: Waiting) -> asyncio.Future[bool]:
        """Remove from a queue the call that goes next."""
        asks = self.pace.asks
        due = self.pace.asks_newest if asks else queue[0][0].tried and not self._untried
        self._untried = queue is self._fresh and due
        if not self._untried:
            return heapq.heappop(queue)[1]
        waiting = (one for one in queue if not one[1].done())
        taken = max(waiting, key=lambda one: _newness(one[0])) if asks else min(waiting, key=_untried_first)
        queue.remove(taken)
        heapq.heapify(queue)
        return taken[1]

    def _next(self) -> Waiting | None:
        """The queue whose first goes next; None: nobody waits."""
        for queue in (self._fresh, self._failed):
            while queue and queue[0][1].done():  # cancelled, or sent away
                heapq.heappop(queue)
        if not self._failed:
            return self._fresh or None
        if not self._fresh or self._fresh[0][0].background:
            return self._failed
        if self.pace.open:
            return self._fresh
        untried = any(not (place.tried or place.background) for place, _ in self._fresh)
        every = FAILED_EVERY if untried else FAILED_BESIDE_TRIED_EVERY
        return self._failed if self._passed_over >= every - 1 else self._fresh
