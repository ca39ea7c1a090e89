"""Two decisions on one conversation, compared in words."""

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.review.difference import Change, changes, rules_by_id
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse

LONG = "Hi %name%, your refund is on its way and will reach you within five working days."


def decider_of(rules: str) -> Decider:
    parsed = parse({"rules.yaml": f"version: 1\nrules:\n{rules}".encode()})
    assert isinstance(parsed, RuleSet), parsed
    return Decider.compile(parsed)


def rule(name: str, words: str = "refund", tag: str = "Refund", more: str = "") -> str:
    return f"  - {{id: {name}, tag: {tag}, any: [{words}]{more}}}\n"


def decided(decider: Decider, text: str, *, author: str = "customer") -> Decision:
    said = Said("E", author, (text,))  # type: ignore[arg-type]
    return decider.decide(Conversation(ThreadKey("", "C", "T"), (said,)), 0, explain=True)


ROWS: list[tuple[str, str, str, str, list[Change]]] = [
    ("nothing changes", rule("a"), rule("a"), "refund", []),
    (
        "a new rule",
        rule("a"),
        rule("a") + rule("b", "late", "Late"),
        "late refund",
        [Change("Late", "gained", "`late` (rule b is new)")],
    ),
    (
        "a new keyword",
        rule("a"),
        rule("a", "refund, money*"),
        "my moneybags",
        [Change("Refund", "gained", "`money*` (new in rule a)")],
    ),
    (
        "a rule that held in vain",
        rule("a", more=", none: [late]"),
        rule("a"),
        "late refund",
        [Change("Refund", "gained", "`refund` (rule a)")],
    ),
    (
        "a new rule, and one on trial",
        rule("c", "thanks"),
        rule("a") + rule("b", "late", more=", dry_run: true"),
        "late refund",
        [Change("Refund", "gained", "`refund` (rule a is new)")],
    ),
    (
        "the rule is gone, and one on trial",
        rule("a") + rule("b", "late", more=", dry_run: true"),
        rule("c", "thanks"),
        "late refund",
        [Change("Refund", "lost", "there is no rule a any more")],
    ),
    (
        "the rule is gone",
        rule("a"),
        rule("b", "late", "Late"),
        "refund",
        [Change("Refund", "lost", "there is no rule a any more")],
    ),
    (
        "another tag",
        rule("a"),
        rule("a", tag="Money"),
        "refund",
        [
            Change("Money", "gained", "`refund` (rule a)"),
            Change("Refund", "lost", "rule a has another tag now, Money"),
        ],
    ),
    (
        "on trial",
        rule("a"),
        rule("a", more=", dry_run: true"),
        "refund",
        [Change("Refund", "lost", "rule a is on trial")],
    ),
    (
        "the keyword is gone",
        rule("a", "refund, late"),
        rule("a", "late"),
        "refund",
        [Change("Refund", "lost", "`refund` not in rule a any more")],
    ),
    (
        "a near miss",
        rule("a"),
        rule("a", more=", none: [late]"),
        "late refund",
        [Change("Refund", "lost", "rule a: a keyword of `none` was said: late")],
    ),
    (
        "a condition",
        rule("a"),
        rule("a", more=", min_matches: 2"),
        "refund",
        [Change("Refund", "lost", "rule a: min_matches 1 of 2")],
    ),
]


@pytest.mark.parametrize(("name", "before", "after", "text", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_each_change_is_told_by_rule_and_keyword(
    name: str, before: str, after: str, text: str, expected: list[Change]
) -> None:
    del name
    then, now = decider_of(before), decider_of(after)
    was, today = decided(then, text), decided(now, text)
    found = changes(was.tags, was.because, rules_by_id(then.rules), today, rules_by_id(now.rules))
    assert found == expected


def test_without_the_set_of_then_nothing_is_called_new() -> None:
    now = decider_of(rule("b", "late", "Late"))
    found = changes((), (), {}, decided(now, "late"), rules_by_id(now.rules))
    assert found == [Change("Late", "gained", "`late` (rule b)")]


def test_a_long_canned_response_is_shortened() -> None:
    then = decider_of(f'  - {{id: a, tag: Refund, canned: ["{LONG}"]}}\n')
    was = decided(then, LONG.replace("%name%", "Ann"), author="agent")
    now = decider_of("  - {id: a, tag: Refund, any: [late]}\n")
    (change,) = changes(
        was.tags, was.because, rules_by_id(then.rules), decided(now, "hello"), rules_by_id(now.rules)
    )
    assert change.why == "`Hi %name%, your refund is on its way an…` not in rule a any more"
