"""A row says what a thread got, because of what, and only what is unusual about it."""

import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Reason
from tagger.core.review.past_chat import Correction, PastDecision
from tagger.history.ledger_view import Decided
from tagger.history.wanted import Key
from tagger.web.chats.rows import Row, by_day, row

NOW = 1_795_532_400_000  # Tue 24 Nov 2026 15:00 UTC
DAY = 86_400_000


def shown(
    tags: tuple[str, ...] = (),
    because: tuple[tuple[str, str, str], ...] = (),
    outcome: str = "tagged",
    corrections: tuple[Correction, ...] = (),
    ago: int = 0,
    chat: str = "C",
    untagged: tuple[str, ...] = (),
) -> Row:
    reasons = tuple(Reason(rule, tag, keyword, "E", 0, 1) for keyword, rule, tag in because)
    made = PastDecision(tags, reasons, outcome, "hash", 1_234, NOW - ago, NOW, None, untagged=untagged)
    return row(Decided(ThreadKey("org", chat, "T"), made, corrections, Key(NOW, 7)), tags, NOW)


def test_tags_are_told_from_those_that_people_changed_and_those_on_trial() -> None:
    made = shown(
        ("Refund", "Delay"),
        (("k", "r", "Refund"), ("k", "t", "Churn")),
        corrections=(Correction("Refund", "removed", 1), Correction("Praise", "added", 2)),
    )
    assert [tuple(tag) for tag in made.tags] == [
        ("Delay", "", ""),
        ("Refund", "off", "removed by a person"),
        ("Churn", "trial", "on trial, not set"),
        ("Praise", "", "added by a person"),
    ]


def test_a_tag_that_retag_removed_is_struck_out() -> None:
    made = shown(("Delay",), untagged=("Refund", "Delay"), outcome="retagged")
    assert [tuple(tag) for tag in made.tags] == [("Delay", "", ""), ("Refund", "off", "removed by retag")]


def test_two_reasons_are_shown_and_the_others_counted() -> None:
    made = shown(("T",), (("a", "r", "T"), ("a", "r", "T"), ("b", "r", "T"), ("c", "s", "T")))
    assert ([one.keyword for one in made.because], made.more) == (["a", "b"], 1)


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        ("tagged", ""),
        ("no_match", ""),
        ("late", "A message came after the end"),
        ("dry_run", "Not set: a dry run"),
        ("retagged", "Retagged later"),
        ("of_a_later_version", "of_a_later_version"),
    ],
)
def test_only_what_is_unusual_is_noted(outcome: str, note: str) -> None:
    assert shown(outcome=outcome).note == note


def test_days_are_named_as_people_name_them() -> None:
    ago = [0, DAY, 2 * DAY, 400 * DAY]
    assert [day for day, _ in by_day(shown(ago=each) for each in [0, *ago])] == [
        "Today, Tuesday 24 November",
        "Yesterday, Monday 23 November",
        "Sunday 22 November",
        "Monday 20 October 2025",
    ]


def test_a_long_id_is_cut_where_it_is_shown_and_whole_in_its_address() -> None:
    made = shown(chat="a\nb" + "x" * 200)
    assert len(made.chat_id) == 20
    assert made.href.endswith("x" * 200 + "&thread=T")
