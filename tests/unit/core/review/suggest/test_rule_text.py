"""Suggestions as rules that can be pasted."""

import pytest

from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import outcomes, run_tests, uncovered
from tagger.core.review.suggest import rule_text
from tagger.core.review.suggest.proposals import Proposal, Suggestion
from tagger.core.review.suggest.topics import Topic
from tagger.core.rules.parse import RuleSet, parse


def suggestion(tag: str, *proposals: Proposal) -> Suggestion:
    return Suggestion(tag, 20, 100, proposals, None)


def proposal(*keywords: str, example: str = "") -> Proposal:
    return Proposal(keywords, 10, 0, example or " ".join(keyword.rstrip("*") for keyword in keywords))


def parsed(rules: str) -> RuleSet:
    read = parse({"a.yaml": f"version: 1\nrules:\n{rules}\n".encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    return read


def test_phrases_share_a_rule_and_each_pair_has_its_own() -> None:
    shown = rule_text.of_tag(
        suggestion(
            "Shipping delay",
            proposal("late", "parcel*", example="late parcels"),
            proposal("reimburs*", example="reimbursed"),
            proposal("send it back"),
        )
    )
    assert shown.splitlines() == [
        "- id: shipping-delay-suggested",
        "  tag: Shipping delay",
        "  any:",
        "    - reimburs*",
        "    - send it back",
        "  tests:",
        "    - match: reimbursed",
        "    - match: send it back",
        "- id: shipping-delay-suggested-2",
        "  tag: Shipping delay",
        "  all:",
        "    - [late]",
        "    - [parcel*]",
        "  tests:",
        "    - match: late parcels",
    ]


@pytest.mark.parametrize(
    "tag", ["Refund", "a: b", "#1", "*", 'say "it"', "退款", "- x", "[x]", "x" * 200, "no", "5 %", "it's \\"]
)
@pytest.mark.parametrize(
    "keywords", [("can't log in",), ("no",), ("2nd floor",), ("退款",), ("e-mail",), ("yes", "off")]
)
def test_whatever_it_says_it_can_be_pasted_and_its_tests_pass(tag: str, keywords: tuple[str, ...]) -> None:
    read = parsed(rule_text.of_tag(suggestion(tag, proposal(*keywords))))
    decider = Decider.compile(read)
    assert [rule.tag for rule in read.rules] == [tag]
    assert run_tests(decider) == []
    assert [str(gap) for rule in read.rules for gap in uncovered(rule, outcomes(decider, rule))] == []


def test_a_topic_is_a_rule_with_its_first_phrase_for_a_tag() -> None:
    read = parsed(rule_text.of_topics([Topic(("app", "crashes"), 9, 0), Topic(("voucher",), 5, 1)]))
    assert [(rule.tag, len(rule.any), len(rule.tests)) for rule in read.rules] == [
        ("app", 2, 2),
        ("voucher", 1, 1),
    ]
    assert run_tests(Decider.compile(read)) == []


def test_nothing_is_proposed_as_nothing() -> None:
    assert rule_text.of_tag(suggestion("Refund")) == ""
