"""The queue before one organization's Pace: who may call next, and when.

First come first served; a call that is tried again keeps its place, and background calls go when no other
waits. Promises that a cancelled caller leaves no place in flight taken. It holds one entry for each caller.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from tagger.livechat.pace import Pace


class Place(NamedTuple):
    """Lower goes first."""

    background: bool
    number: int  # of the call, in the order of their coming; no two are equal


@dataclass(frozen=True, slots=True)
class Standing:
    """How one organization fares at present."""

    organization: str
    rate: float  # calls/s that it may be sent
    open: bool  # the circuit
    in_flight: int
    waiting: int
    trouble: str | None  # error type of the last failure, None after a success
    trouble_s: float  # for how long


class Gate:
    """Of one organization."""

    def __init__(
        self, pace: Pace, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self.pace = pace
        self._clock, self._sleep = clock, sleep
        self._waiting: list[tuple[Place, asyncio.Future[bool]]] = []
        self._usher: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def idle(self) -> bool:
        return not self._waiting and self.pace.in_flight == 0

    @property
    def waiting(self) -> int:
        """How many wait; those that left since they came are counted until their turn."""
        return len(self._waiting)

    async def enter(self, place: Place) -> bool:
        """Wait for one's turn. True: the call is in flight, and is ended on `pace`, then by `ended`.

        False: sent away.
        """
        if not self._waiting and self.pace.admit(self._clock()) == 0:
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (place, turn))
        if self._usher is None or self._usher.done():
            self._usher = asyncio.create_task(self._admit())
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.pace.left()
                self.ended()
            raise

    def ended(self) -> None:
        """A call is no longer in flight."""
        self._ended.set()

    def send_away(self) -> None:
        """End the waiting of everybody who waits."""
        for _, turn in self._waiting:
            if not turn.done():
                turn.set_result(False)

    def close(self) -> None:
        if self._usher is not None:
            self._usher.cancel()

    async def _admit(self) -> None:
        while self._waiting:
            turn = self._waiting[0][1]
            if turn.done():  # cancelled, or sent away
                heapq.heappop(self._waiting)
                continue
            self._ended.clear()
            wait = self.pace.admit(self._clock())
            if wait == 0:
                heapq.heappop(self._waiting)
                turn.set_result(True)
            elif wait == math.inf:
                await self._ended.wait()
            else:
                await self._sleep(wait)
