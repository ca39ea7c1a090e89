"""The figures at the end of a play."""

import pytest

from tagger.simulator.play.player import Comparison
from tagger.simulator.play.summary import Summary, percentile, seconds_to_tag

RIGHT = Comparison(chats=2, expected=3, set=3, missing=(), wrong=())


@pytest.mark.parametrize(
    ("values", "percent", "found"),
    [([3.0], 50, 3.0), ([1.0, 2.0], 50, 1.0), ([2.0, 1.0, 3.0], 50, 2.0), (list(range(1, 101)), 99, 99)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: int, found: float) -> None:
    assert percentile(values, percent) == found


def test_seconds_count_from_the_answered_end_and_only_for_threads_of_this_play() -> None:
    ended_at = {"A": 10.0, "B": 20.0, "OLD": 1.0}
    tagged_at = {("A", "x"): 10.5, ("A", "y"): 9.9, ("B", "x"): 21.0, ("OLD", "x"): 2.0, ("OPEN", "x"): 3.0}
    assert seconds_to_tag(ended_at, tagged_at, ["A", "B", "OPEN"]) == [0.5, 0.0, 1.0]


def test_a_right_play_says_so_line_by_line() -> None:
    summary = Summary(19, 18, RIGHT, [0.1, 0.2, 0.9], lag=0, took_s=12.4)
    assert summary.right
    assert dict(summary.lines()) == {
        "webhooks": "19 sent, 18 stored",
        "chats": "2 played in 12 s",
        "tags": "3 set, 3 expected, 0 missing, 0 wrong",
        "end to tag": "median 0.20 s, p99 0.90 s",
        "consumer lag": "0 records",
    }


@pytest.mark.parametrize(
    "tags",
    [Comparison(1, 1, 0, (("T", "Refund"),), ()), Comparison(1, 0, 1, (), (("T", "Refund"),))],
)
def test_a_missing_or_a_wrong_tag_makes_it_wrong(tags: Comparison) -> None:
    summary = Summary(1, 1, tags, [], lag=None, took_s=1.0)
    assert not summary.right
    assert dict(summary.lines())["end to tag"] == "no tag was set"
    assert dict(summary.lines())["consumer lag"] == "not known"
