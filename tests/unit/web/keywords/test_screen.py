"""What Keywords shows: never matched first, how old things are, and plots with their own height."""

import pytest

from tagger.core.review.daily import Day
from tagger.core.review.statistics import RuleUse, Use
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.keywords.ages import Ages, Aging
from tagger.web.keywords.asked import Asked, read
from tagger.web.keywords.data import HEADER, as_json, rows
from tagger.web.keywords.plots import days, spark
from tagger.web.keywords.screen import screen
from tagger.web.times import DAY_MS

RULES = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, money back, rebate]
    tests: [match: "a refund", absent: "hello"]
  - {id: spring, tag: Spring, any: [spring], expires: 2020-05-31, groups: [7, 3]}
  - {id: trial, tag: Trial, any: [trial], dry_run: true}
  - {id: late, tag: Late, any: [late]}
"""
TODAY = 20_000
NOW_MS = TODAY * DAY_MS + 5_000


def rules(text: str = RULES) -> RuleSet:
    parsed = parse({"config/a.yaml": text.encode()})
    assert isinstance(parsed, RuleSet)
    return parsed


def counted() -> dict[int, Day]:
    refund = RuleUse(10, 8, NOW_MS, removed=1, added=0, keywords={"refund": Use(9, 9, NOW_MS)})
    late = RuleUse(3, 3, NOW_MS - DAY_MS, keywords={"late": Use(3, 3, NOW_MS - DAY_MS)})
    return {
        TODAY: Day(10, 2, 1, 0, {("refund", "Refund"): refund}),
        TODAY - 1: Day(5, 1, 0, 0, {("late", "Late"): late}),
        TODAY - 10: Day(
            1, 0, 0, 0, {("refund", "Refund"): RuleUse(1, 1, 5, keywords={"rebate": Use(1, 1, 5)})}
        ),
    }


@pytest.mark.parametrize(
    ("days", "never", "matched"),
    [
        (7, ["", "", "money back", "rebate"], ["refund", "late"]),
        (30, ["", "", "money back"], ["refund", "late"]),
        (1, ["", "", "", "money back", "rebate"], ["refund"]),
    ],
)
def test_what_never_matched_comes_first_and_depends_on_the_time(
    days: int, never: list[str], matched: list[str]
) -> None:
    shown = screen(rules(), counted(), Ages(), Asked(days), NOW_MS)
    assert [each.keyword for each in shown.never] == never
    assert [row.id for row in shown.rows] == matched
    assert shown.size == "4 rules, 6 keywords and 2 tests in 1 file"


def test_a_whole_rule_says_why_it_may_be_silent() -> None:
    shown = screen(rules(), counted(), Ages(), Asked(7), NOW_MS)
    assert [(each.rule, each.trial, each.note) for each in shown.never[:2]] == [
        ("spring", False, "Expired on 2020-05-31; Only groups 3, 7"),
        ("trial", True, ""),
    ]
    assert shown.never[2].source == ("a.yaml", 5)


def test_many_corrections_are_marked_and_rows_can_be_ordered() -> None:
    shown = screen(rules(), counted(), Ages(), Asked(7), NOW_MS)
    assert [row.is_removed_often for row in shown.rows] == [True, False]
    for sort, first in (("last", "refund"), ("rule", "late"), ("alone", "refund"), ("removed", "refund")):
        assert screen(rules(), counted(), Ages(), Asked(7, sort=sort), NOW_MS).rows[0].id == first


def test_the_open_rule_lists_its_keywords_fewest_chats_first() -> None:
    shown = screen(rules(), counted(), Ages(), Asked(30, rule="refund"), NOW_MS)
    assert [(row.keyword, row.use.chats) for row in shown.keywords] == [
        ("money back", 0), ("rebate", 1), ("refund", 9),
    ]  # fmt: skip


def test_a_keyword_is_as_old_as_the_sets_that_have_it_without_a_break() -> None:
    first = rules(RULES.replace(", money back, rebate", ", rebate"))
    second = rules(RULES.replace(", rebate", ""))  # rebate was away for a while
    current = rules()
    aging = Aging(current)
    more = [aging.take(*each) for each in [(99, first), (30, current), (20, second), (10, first)]]
    assert more == [True, True, True, True]
    found = aging.ages()
    assert found.oldest_ms == 10
    assert {word: found.since_ms["refund", word] for word in ("", "refund", "money back", "rebate")} == {
        "": 10, "refund": 10, "money back": 20, "rebate": 30,
    }  # fmt: skip
    other = Aging(current)
    assert other.take(20, second)
    assert other.ages() == Ages()


def test_a_new_keyword_does_not_look_dead() -> None:
    since = {("refund", "money back"): NOW_MS - 3 * DAY_MS, ("refund", "rebate"): 5, ("late", ""): 5}
    shown = screen(rules(), counted(), Ages(since, 5), Asked(7), NOW_MS)
    by_word = {each.keyword: (each.since, each.note) for each in shown.never if each.keyword}
    assert by_word == {
        "money back": ("1 Oct", "In force for only 3 days"),
        "rebate": ("1 Jan or before", ""),
    }
    assert shown.never[0].note.endswith("Not in force yet")


def test_a_plot_fills_its_own_height() -> None:
    small = spark([0, 1, 50, 100])
    assert (small.width, small.label) == (16, "0 to 100 chats a day, the last day 100")
    assert small.bars == "M4 22v-2h3v2zM8 22v-10h3v10zM12 22v-20h3v20z"
    assert small.zeros == "M0 22v-1h3v1z"
    assert spark([]).label == "0 to 0 chats a day, the last day 0"
    (one, two) = days([1, 4], [2, 4], 20)
    assert (one.filled, one.rest, one.rest_y) == (18.0, 18.0, 36.0)
    assert (two.x, two.filled, two.rest) == (11.0, 72.0, 0.0)


def test_the_table_has_the_columns_of_stats_and_where_each_stands() -> None:
    listed = list(rows(rules(), counted()[TODAY], Ages({("refund", ""): 0})))
    assert dict(zip(HEADER, listed[0], strict=True)) == {
        **{"rule": "refund", "keyword": "", "tag": "Refund", "chats": 10, "only_this": 8, "removed": 1},
        **{"added": 0, "file": "a.yaml", "line": 3, "in_force_since": "1970-01-01T00:00:00.000Z"},
        "last_match": "2024-10-04T00:00:05.000Z",
    }
    assert listed[2][1:5] == ("money back", "Refund", 0, 0)
    assert as_json(rules(), counted()[TODAY], Ages())["rows"][2]["keyword"] == "money back"


@pytest.mark.parametrize(
    ("query", "href"),
    [
        ({}, "/keywords"),
        (
            {"days": "7", "sort": "last", "rule": "a b&c", "set": "0123456789ab"},
            "/keywords?days=7&set=0123456789ab&sort=last&rule=a+b%26c",
        ),
        ({"days": "8", "sort": "x", "set": "<", "never": "1"}, "/keywords"),
    ],
)
def test_filters_stand_in_the_address(query: dict[str, str], href: str) -> None:
    assert read(query).href() == href
