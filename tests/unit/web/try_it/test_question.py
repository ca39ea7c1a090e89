"""A form becomes a question, or a sentence that says what to do."""

from datetime import date

import pytest

from tagger.core.matching.decide import Decider
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.times import DAY_MS
from tagger.web.try_it.question import TEXT_BYTES_MAX, Question, conversation_of, examples, groups_of, read

RULES = """
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund]
    tests: [absent: thanks, match: "my refund", match: "a refund"]
  - {id: sale, tag: Sale, any: [sale], groups: [7, 3], expires: 2027-03-31, tests: [match: {agent: a sale}]}
  - id: late
    tag: Late
    any: [late]
    tests:
      - match: [{customer: it is late}, {agent: sorry}]
"""


def rules_of(text: str) -> RuleSet:
    parsed = parse({"a.yaml": text.encode()})
    assert isinstance(parsed, RuleSet)
    return parsed


@pytest.mark.parametrize(
    ("fields", "question"),
    [
        ({}, Question("")),
        ({"text": "a\r\nb\rc\0"}, Question("a\nb\nc\ufffd")),
        ({"text": "a", "by": "agent"}, Question("a", "agent")),
        ({"text": "a", "by": "nobody"}, Question("a")),
        ({"text": "a", "group": "3", "day": "2027-03-31"}, Question("a", "customer", 3, date(2027, 3, 31))),
        ({"text": "x" * TEXT_BYTES_MAX}, Question("x" * TEXT_BYTES_MAX)),
    ],
)
def test_a_form_is_a_question(fields: dict[str, str], question: Question) -> None:
    assert read(fields) == question


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"text": "ä" * TEXT_BYTES_MAX}, "The text has 512 KiB; the limit is 256. Try a part of it."),
        ({"group": "x"}, "The group is not a number: give its id in LiveChat, or choose any."),
        ({"group": "٣"}, "The group is not a number: give its id in LiveChat, or choose any."),
        ({"day": "tomorrow"}, "The day is not a date: write it as 2027-03-31."),
        ({"day": "0001-01-01"}, "The day is too far away: choose a year from 1970 to 9998."),
    ],
)
def test_a_wrong_form_says_what_to_do(fields: dict[str, str], problem: str) -> None:
    assert read(fields) == problem


@pytest.mark.parametrize(
    ("question", "tags"),
    [
        (Question("sale", day=date(2027, 3, 31)), ("Sale",)),
        (Question("sale", day=date(2027, 4, 1)), ()),
        (Question("sale", group=3, day=date(2027, 1, 1)), ("Sale",)),
        (Question("sale", group=4, day=date(2027, 1, 1)), ()),
    ],
)
def test_group_and_day_decide_as_they_do_for_chats(question: Question, tags: tuple[str, ...]) -> None:
    rules = rules_of(RULES)
    conversation, _ = conversation_of(question, rules.rules)
    assert Decider.compile(rules).decide(conversation, question.decided_at_ms(0)).tags == tags


def test_without_a_day_it_is_now() -> None:
    assert Question("").decided_at_ms(5 * DAY_MS + 1) == 5 * DAY_MS + 1


def test_the_groups_that_rules_name_are_to_choose_from() -> None:
    assert groups_of(rules_of(RULES).rules) == (3, 7)


def test_examples_are_what_the_rules_own_tests_say() -> None:
    assert examples(rules_of(RULES).rules) == (
        "my refund",
        "agent: a sale",
        "customer: it is late\nagent: sorry",
    )
