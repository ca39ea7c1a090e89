"""A chat is told in a sentence first, and no more is said of a tag than is known."""

from collections.abc import Mapping
from typing import Any

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider, Reason
from tagger.core.review.difference import rules_by_id
from tagger.core.review.past_chat import Correction, PastChat, PastDecision
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.history.stored_sets import StoredSet
from tagger.web.chat.decided import decide
from tagger.web.chat.told import Sets, Told, told
from tagger.web.keywords.ages import Word
from tagger.web.times import DAY_MS

HEAD = "version: 1\nrules:\n"
THEN = HEAD + "  - {id: refund, tag: Refund, any: [refund]}\n  - {id: late, tag: Delay, any: [late]}\n"
NOW = (
    HEAD
    + "  - {id: refund, tag: Refund, any: [refund, money back]}\n  - {id: churn, tag: Churn, any: [leave], dry_run: true}\n"
)
THREAD = ThreadKey("org", "C", "T")


def set_of(text: str) -> RuleSet:
    rules = parse({"a.yaml": text.encode()})
    assert isinstance(rules, RuleSet)
    return rules


def shown(
    text: str,
    *,
    today: bool = True,
    outcome: str = "tagged",
    corrections: tuple[Correction, ...] = (),
    there: frozenset[str] | None = None,
    hears: bool = True,
    since: Mapping[Word, int] = {},
) -> Told:
    """What is told of a chat with one message, decided then by THEN and today by NOW."""
    said = Conversation(THREAD, (Said("E1", "customer", (text,)),))
    before = Decider.compile(set_of(THEN)).decide(said, 0)
    made = PastDecision(before.tags, before.because, outcome, "h", 1, 0, 100, None)
    chat = PastChat(THREAD, 0, None, (made,), corrections)
    then = StoredSet(set_of(THEN), {}, None)
    decided = decide(said, chat, then, Decider.compile(set_of(NOW))) if today else None
    sets = Sets(rules_by_id(then.rules.rules), rules_by_id(set_of(NOW).rules), since)
    return told(chat, sets, decided, there=there, hears_of_people=hears)


def sentence(made: Told) -> str:
    return "".join(f"*{part.text}*" if part.strong else part.text for part in made.sentence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "It got *no tag*. With today’s keywords it would get the same."),
        ("refund", "It got *Refund*. With today’s keywords it would get the same."),
        ("money back", "It got *no tag*. With today’s keywords it would get *Refund*."),
        ("late", "It got *Delay*. With today’s keywords it would no longer get *Delay*."),
        (
            "late, money back",
            "It got *Delay*. With today’s keywords it would also get *Refund* and no longer get *Delay*.",
        ),
        ("late refund", "It got *Delay* and *Refund*. With today’s keywords it would no longer get *Delay*."),
    ],
)
def test_the_answer_comes_first_in_a_sentence(text: str, expected: str) -> None:
    assert sentence(shown(text)) == expected


def test_without_today_only_then_is_told() -> None:
    made = shown("late refund", today=False)
    assert sentence(made) == "It got *Delay* and *Refund*."
    assert {row.today for row in made.tags} == {"unknown"}
    assert [row.decided for row in made.found] == ["then", "then"]


REMOVED = Correction("Refund", "removed", 0)
ADDED = Correction("Praise", "added", 0)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, {"Refund": "yes"}),
        ({"hears": False}, {"Refund": "unknown"}),
        ({"outcome": "parked"}, {"Refund": "unknown"}),
        ({"outcome": "dry_run"}, {"Refund": "no"}),
        ({"corrections": (REMOVED, ADDED)}, {"Refund": "no", "Praise": "yes"}),
        ({"there": frozenset({"Else"}), "hears": False}, {"Refund": "no", "Else": "yes"}),
    ],
)
def test_what_is_in_livechat_now_is_not_guessed(how: dict[str, Any], expected: dict[str, str]) -> None:
    assert {row.name: row.now for row in shown("refund", **how).tags} == expected


def test_what_people_did_is_told_with_its_time() -> None:
    (row,) = shown("refund", corrections=(REMOVED,)).tags
    assert row.happened == "A person removed it on Thu 1 Jan 00:00. It is not set again."


def test_what_retag_did_is_told_with_its_time() -> None:
    ended = PastDecision(("Delay",), (), "tagged", "h", 1, 0, 100, None)
    retagged = PastDecision(("Refund",), (), "retagged", "i", 1, 0, DAY_MS, None, untagged=("Delay",))
    chat = PastChat(THREAD, 0, None, (ended, retagged))
    made = told(chat, Sets({}, {}, {}), None, there=None, hears_of_people=False)
    assert sentence(made) == "It got *Refund*."
    assert made.remark == "Its tags are as `tagger retag` left them."
    assert [(row.name, row.then, row.now, row.happened) for row in made.tags] == [
        ("Delay", "no", "no", "`tagger retag` removed it on Fri 2 Jan 00:00."),
        ("Refund", "yes", "unknown", "Set."),
    ]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ({}, "Today by `money back` (new in rule refund)."),
        ({("refund", "money back"): 0}, "Today by `money back` (new in rule refund)."),
        (
            {("refund", "money back"): DAY_MS},
            "Today by `money back` (new in rule refund). In the files since Fri 2 Jan 00:00.",
        ),
    ],
)
def test_a_keyword_that_came_after_the_chat_says_when(since: Mapping[Word, int], expected: str) -> None:
    (row,) = shown("money back", since=since).tags
    assert row.happened == expected


def test_matches_of_then_and_today_are_one_list_with_their_lines() -> None:
    made = shown("late refund, money back, I leave")
    assert [(row.keyword, row.decided, row.said_in, row.trial) for row in made.found] == [
        ("late", "then only", "message 1, character 1", False),
        ("refund", "then and today", "message 1, character 6", False),
        ("money back", "today only", "message 1, character 14", False),
        ("leave", "today only", "message 1, character 28", True),
    ]
    assert [str(row.source and row.source.line) for row in made.found] == ["4", "3", "3", "4"]
    assert [row.is_in_force for row in made.found] == [False, True, True, True]  # lines to link to
    assert [row.today for row in made.tags if row.name == "Churn"] == ["trial"]


def test_a_match_in_the_second_text_of_an_event_is_one_row() -> None:
    """A decision on Kafka does not tell which of its texts."""
    said = Conversation(THREAD, (Said("E1", "customer", ("hello", "a refund", "a refund")),))
    then = PastDecision(
        ("Refund",), (Reason("refund", "Refund", "refund", "E1", 2, 8),), "tagged", "h", 1, 0, 9, None
    )
    chat, rules = PastChat(THREAD, 0, None, (then,)), rules_by_id(set_of(NOW).rules)
    today = decide(said, chat, None, Decider.compile(set_of(NOW)))
    found = told(chat, Sets(rules, rules, {}), today, there=None, hears_of_people=True).found
    assert [(row.keyword, row.decided) for row in found] == [("refund", "then and today")] * 2


def test_an_event_that_is_not_at_hand_is_named_by_its_id() -> None:
    reason = Reason("refund", "Refund", "refund", "E9", 4, 10)
    made = PastDecision(("Refund",), (reason,), "tagged", "h", 1, 0, 100, None)
    (row,) = told(
        PastChat(THREAD, 0, None, (made,)), Sets({}, {}, {}), None, there=None, hears_of_people=True
    ).found
    assert (row.said_in, row.source) == ("event E9, character 5", None)
