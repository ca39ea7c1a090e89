"""Decides conversations in pieces, so that none of them holds the event loop for long.

The loop is free between two pieces of a decision, and a large conversation is decided outside of it, so that no
other one waits behind it.
"""

import asyncio
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.rulebook import PIECE_COST_MAX
from tagger.metrics import Metrics

# What one decision may cost on the loop, in pieces of 20 ms at most; nearly all are a single one of less than 1 ms.
# 80,000 characters in ASCII cost as much. A decision that costs more, or has a larger piece, is moved to a thread.
LOOP_COST_MAX: Final = 4 * PIECE_COST_MAX


class Deciding:
    """Decides many conversations at once, one piece at a time."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._turn = asyncio.Lock()
        # One thread: Python code of several threads only takes turns anyway.
        self._pool = ThreadPoolExecutor(1, "deciding")

    async def decide(self, decider: Decider, conversation: Conversation, ended_at_ms: int) -> Decision:
        """What `decider.decide` returns. Uses this decider throughout, even if another comes into force."""
        pieces = decider.pieces(conversation, ended_at_ms)
        spent, cost = 0, 0  # so far; of the next piece
        while cost <= PIECE_COST_MAX and spent < LOOP_COST_MAX:
            async with self._turn:  # many that end at once leave room for heartbeats in between
                await asyncio.sleep(0)
                done = _next(pieces)
            if isinstance(done, Decision):
                return done
            spent, cost = spent + PIECE_COST_MAX, done
        self._metrics.large_decisions.inc()
        loop = asyncio.get_running_loop()
        while True:
            done = await loop.run_in_executor(self._pool, _next, pieces)
            if isinstance(done, Decision):
                return done


def _next(pieces: Generator[int, None, Decision]) -> int | Decision:
    """Do one piece: what the next one costs, or the decision."""
    try:
        return next(pieces)
    except StopIteration as end:
        decision: Decision = end.value
        return decision
