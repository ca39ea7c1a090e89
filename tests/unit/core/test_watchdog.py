"""Stuck is: records wait, nothing explains it, nothing moves."""

import pytest

from tagger.core.watchdog import Watchdog


@pytest.mark.parametrize(
    ("second", "stuck"),
    [
        ({"progress": 1, "waiting": 5, "in_flight": 0}, 200.0),
        ({"progress": 2, "waiting": 5, "in_flight": 0}, None),  # it moved
        ({"progress": 1, "waiting": 0, "in_flight": 0}, None),  # nothing to do
        ({"progress": 1, "waiting": 5, "in_flight": 3}, None),  # LiveChat may be away
    ],
)
def test_only_unexplained_standstill_counts_as_stuck(second: dict[str, int], stuck: float | None) -> None:
    dog = Watchdog(stuck_s_max=120)
    assert dog.stuck_s(1000.0, progress=1, waiting=5, in_flight=0) is None
    assert dog.stuck_s(1200.0, **second) == stuck


def test_standstill_is_counted_from_the_last_progress() -> None:
    dog = Watchdog(stuck_s_max=120)
    dog.stuck_s(0.0, progress=1, waiting=5, in_flight=0)
    dog.stuck_s(100.0, progress=2, waiting=5, in_flight=0)
    assert dog.stuck_s(200.0, progress=2, waiting=5, in_flight=0) is None
    assert dog.stuck_s(221.0, progress=2, waiting=5, in_flight=0) == 121.0
