"""Stuck is: records wait, nothing explains it, nothing moves."""

import pytest

from tagger.service.watchdog import Standing, Stuck, Watchdog

NOBODY = Stuck({}, whole=False)
WAITS = Standing(progress=1, waiting=5, in_flight=0)


@pytest.mark.parametrize(
    ("second", "stuck"),
    [
        (WAITS, Stuck({0: 200.0}, whole=True)),
        (WAITS._replace(progress=2), NOBODY),  # it moved
        (WAITS._replace(waiting=0), NOBODY),  # nothing to do
        (WAITS._replace(in_flight=3), NOBODY),  # LiveChat may be away
    ],
)
def test_only_unexplained_standstill_counts_as_stuck(second: Standing, stuck: Stuck) -> None:
    dog = Watchdog(stuck_s_max=120)
    assert dog.look(1000.0, {0: WAITS}) == NOBODY
    assert dog.look(1200.0, {0: second}) == stuck


def test_standstill_is_counted_from_the_last_progress() -> None:
    dog = Watchdog(stuck_s_max=120)
    dog.look(0.0, {0: WAITS})
    dog.look(100.0, {0: WAITS._replace(progress=2)})
    assert dog.look(200.0, {0: WAITS._replace(progress=2)}) == NOBODY
    assert dog.look(221.0, {0: WAITS._replace(progress=2)}).seconds == {0: 121.0}


def test_standstill_is_counted_from_when_records_began_to_wait() -> None:
    dog = Watchdog(stuck_s_max=120)
    dog.look(0.0, {0: WAITS._replace(waiting=0)})
    dog.look(500.0, {0: WAITS._replace(waiting=0)})
    assert dog.look(600.0, {0: WAITS}) == NOBODY
    assert dog.look(621.0, {0: WAITS}).seconds == {0: 121.0}


@pytest.mark.parametrize(
    ("other", "whole"),
    [
        (Standing(progress=1, waiting=0, in_flight=0), True),  # it has nothing to do, so it proves nothing
        (Standing(progress=1, waiting=5, in_flight=0), True),
        (Standing(progress=2, waiting=0, in_flight=0), False),
        (Standing(progress=2, waiting=5, in_flight=0), False),
        (Standing(progress=1, waiting=5, in_flight=1), False),
    ],
)
def test_a_partition_that_stands_still_is_told_though_others_move(other: Standing, whole: bool) -> None:
    dog = Watchdog(stuck_s_max=120)
    dog.look(0.0, {0: WAITS, 1: Standing(progress=1, waiting=other.waiting, in_flight=0)})
    stuck = dog.look(130.0, {0: WAITS, 1: other})
    assert stuck.seconds[0] == 130.0
    assert stuck.whole == whole


def test_a_partition_that_was_taken_away_is_forgotten() -> None:
    dog = Watchdog(stuck_s_max=120)
    dog.look(0.0, {0: WAITS})
    assert dog.look(130.0, {}) == NOBODY
    assert dog.look(131.0, {0: WAITS}) == NOBODY
