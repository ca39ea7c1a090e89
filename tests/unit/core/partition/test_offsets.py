"""The hint stored with a commit, and the unsettled offsets."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.partition.offsets import Hint, Unsettled, Void, decode, encode

GOOD: Final = "lt1;r=17;t=1700000000000;u=5;c=" + encode(Hint(17, 1_700_000_000_000, 5))[-8:]
NUMBERS: Final = st.integers(0, 10**15)


@given(NUMBERS, st.none() | NUMBERS | st.just(-1), NUMBERS)
def test_a_hint_comes_back_as_it_was_written(
    replay_from: int, record_ms: int | None, complete_since_ms: int
) -> None:
    hint = Hint(replay_from, record_ms, complete_since_ms)
    assert decode(encode(hint)) == hint


def test_a_hint_is_short() -> None:
    assert len(encode(Hint(10**19 - 1, 10**15 - 1, 10**15 - 1))) <= 80


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ("", "absent"),
        ("AAAAAAAAAAA=", "foreign"),  # Kafka Streams
        ("hello", "foreign"),
        ("lt", "foreign"),
        ("lt2;r=17;x=1", "version"),
        ("lt10;anything", "version"),
        ("lt1;", "garbled"),
        (GOOD[:-1] + "x", "garbled"),
        (GOOD.replace("r=17", "r=18"), "garbled"),
        (GOOD.replace("r=17", "r=-1"), "garbled"),
        (GOOD.replace("r=17", "r=٣"), "garbled"),
        (GOOD.replace("u=5", "u=" + "9" * 40), "garbled"),
        (GOOD + "\n", "garbled"),
        (" " + GOOD, "foreign"),
        (GOOD + GOOD, "garbled"),
    ],
)
def test_anything_else_is_void_and_says_why(metadata: str, reason: str) -> None:
    assert decode(metadata) == Void(reason)


@given(st.text(max_size=100), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_nothing_raises_and_no_damage_goes_unseen(junk: str, start: int, end: int) -> None:
    damaged = GOOD[:start] + junk + GOOD[end:]
    assert decode(damaged) == decode(GOOD) if damaged == GOOD else isinstance(decode(damaged), Void)


def test_the_lowest_offset_moves_as_work_is_done_in_any_order() -> None:
    unsettled = Unsettled()
    for offset in (3, 5, 9):
        unsettled.add(offset, offset * 10)
    assert unsettled.lowest() == (3, 30)
    unsettled.settle(5)
    assert (unsettled.lowest(), unsettled.tracked) == ((3, 30), 3)
    unsettled.settle(3)
    assert (unsettled.lowest(), unsettled.tracked) == ((9, 90), 1)
    unsettled.settle(9)
    assert (unsettled.lowest(), unsettled.tracked) == (None, 0)


def test_two_works_of_one_offset_are_both_waited_for() -> None:
    unsettled = Unsettled()
    unsettled.add(4, 0)
    unsettled.add(4, 0)
    unsettled.settle(4)
    assert unsettled.lowest() == (4, 0)
    unsettled.settle(4)
    assert unsettled.lowest() is None


def test_an_offset_that_was_done_may_come_again() -> None:
    unsettled = Unsettled()
    unsettled.add(4, 0)
    unsettled.settle(4)
    unsettled.add(4, 1)
    unsettled.add(6, 2)
    assert unsettled.lowest() is not None
    assert unsettled.lowest()[0] == 4  # type: ignore[index]  # said to be there one line above


def test_a_job_that_is_not_known_cannot_be_settled() -> None:
    with pytest.raises(KeyError):
        Unsettled().settle(4)
