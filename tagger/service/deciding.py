"""Decides conversations many at a time, so that none of them holds the event loop for long.

All that are due are decided in one turn of the loop, one after the other, which costs less than deciding each of them
between other work. A turn ends after some milliseconds, and a large conversation is decided in pieces. What is left
of a very large one is decided outside of the loop, so that no other waits behind it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.rulebook import PIECE_COST_MAX
from tagger.metrics import Metrics

# What one decision may cost on the loop, in pieces of 20 ms at most; nearly all are a single one of less than 1 ms.
# 80,000 characters in ASCII cost as much. A decision that costs more, or has a larger piece, is moved to a thread.
LOOP_COST_MAX: Final = 4 * PIECE_COST_MAX
TURN_S: Final = 0.005  # of the loop, for the pieces that fit; then heartbeats go out

_Pieces = Generator[int, None, Decision]


@dataclass(eq=False, slots=True)
class _Waiting:
    pieces: _Pieces
    decided: asyncio.Future[Decision | None]  # None: what is left costs too much for the loop
    spent: int = 0


class Deciding:
    """Decides many conversations at once, one piece at a time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()  # as many as jobs in flight
        self._turn_comes = False
        # One thread: Python code of several threads only takes turns anyway.
        self._pool = ThreadPoolExecutor(1, "deciding")

    async def decide(self, decider: Decider, conversation: Conversation, ended_at_ms: int) -> Decision:
        """What `decider.decide` returns. Uses this decider throughout, even if another comes into force."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(decider.pieces(conversation, ended_at_ms), loop.create_future())
        self._waiting.append(waiting)
        if not self._turn_comes:  # after whatever else is due now, which may bring more
            self._turn_comes = True
            loop.call_soon(self._turn, loop)
        decided = await waiting.decided
        if decided is not None:
            return decided
        self._metrics.large_decisions.inc()
        while True:
            done = await loop.run_in_executor(self._pool, _next, waiting.pieces)
            if isinstance(done, Decision):
                return done

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what is due, as far as this turn of the loop allows."""
        until = time.perf_counter() + TURN_S
        while self._waiting:
            self._do_a_piece(self._waiting.popleft())
            if time.perf_counter() > until:
                break
        self._turn_comes = bool(self._waiting)
        if self._turn_comes:
            loop.call_soon(self._turn, loop)

    def _do_a_piece(self, waiting: _Waiting) -> None:
        if waiting.decided.done():  # whoever asked was cancelled
            return
        try:
            done = _next(waiting.pieces)
        except Exception as error:  # noqa: BLE001 - a fault is that of the job that asked
            waiting.decided.set_exception(error)
            return
        if isinstance(done, Decision):
            waiting.decided.set_result(done)
            return
        waiting.spent += PIECE_COST_MAX
        if done > PIECE_COST_MAX or waiting.spent >= LOOP_COST_MAX:
            waiting.decided.set_result(None)
        else:
            self._waiting.append(waiting)


def _next(pieces: _Pieces) -> int | Decision:
    """Do one piece: what the next one costs, or the decision."""
    try:
        return next(pieces)
    except StopIteration as end:
        decision: Decision = end.value
        return decision
