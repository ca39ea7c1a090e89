"""Is the consumer still moving? Pure; `now` is an argument.

aiokafka has been seen to stop reading without an error (its issues 1037, 1154, 625). Lag alone is no
reason to restart: LiveChat may be away. Stuck is: records are waiting, nothing is being worked on that
would explain it, and the position has not moved.
"""

from typing import Final

# Longer than a rebalance with a broker restart in it; shorter than the patience of people at night.
STUCK_S_MAX: Final = 120.0


class Watchdog:
    """Remembers when progress was last seen."""

    def __init__(self, stuck_s_max: float = STUCK_S_MAX) -> None:
        self._limit_s = stuck_s_max
        self._progress: object = None
        self._since: float | None = None

    def stuck_s(self, now: float, *, progress: object, waiting: int, in_flight: int) -> float | None:
        """Seconds without progress, once they pass the limit; else None.

        progress   anything that changes when the consumer moves: positions, assignments
        waiting    records on the log that were not read yet
        in_flight  pieces of work under way, which explain why nothing more is read
        """
        if self._since is None or progress != self._progress or not waiting or in_flight:
            self._progress, self._since = progress, now
            return None
        still = now - self._since
        return still if still > self._limit_s else None
