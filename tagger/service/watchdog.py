"""Is every partition still moving? Pure; `now` is an argument.

aiokafka has been seen to stop reading without an error (its issues 1037, 1154, 625), all partitions or one of
them. Lag alone is no reason to restart: LiveChat may be away. Stuck means: records are waiting, no job in flight
explains it, and the position has not moved.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

# Longer than a rebalance with a broker restart in it; shorter than the patience of people at night.
STUCK_S_MAX: Final = 120.0


class Standing(NamedTuple):
    """One partition, as seen once."""

    progress: object  # anything that changes when it moves: its position, the assignment
    waiting: int  # records on the log that could be read and were not
    in_flight: int  # jobs, which explain why nothing more is read


class Stuck(NamedTuple):
    """What is stuck now."""

    seconds: dict[int, float]  # by partition, once without progress for longer than the limit
    whole: bool  # nothing else moves either: restarting helps, and interrupts nothing


class _Seen(NamedTuple):
    progress: object
    moved_at: float  # or had jobs in flight
    since: float  # records have been waiting without progress


class Watchdog:
    """Remembers of each partition when it was last seen to move; as many as are assigned."""

    def __init__(self, stuck_s_max: float = STUCK_S_MAX) -> None:
        self._limit_s = stuck_s_max
        self._seen: dict[int, _Seen] = {}

    def look(self, now: float, partitions: Mapping[int, Standing]) -> Stuck:
        """`now` in monotonic seconds; all partitions that are assigned, by number."""
        self._seen = {
            number: self._look_at(now, standing, self._seen.get(number))
            for number, standing in partitions.items()
        }
        still = {number: now - seen.since for number, seen in self._seen.items()}
        stuck = {number: seconds for number, seconds in still.items() if seconds > self._limit_s}
        rest = all(now - seen.moved_at > self._limit_s for seen in self._seen.values())
        return Stuck(stuck, whole=bool(stuck) and rest)

    @staticmethod
    def _look_at(now: float, standing: Standing, before: _Seen | None) -> _Seen:
        if before is None or standing.in_flight or standing.progress != before.progress:
            return _Seen(standing.progress, now, now)
        return _Seen(standing.progress, before.moved_at, before.since if standing.waiting else now)
