"""Why something does not count: a stable kind, a sentence, and a cure that works."""

from typing import Final, get_args

import pytest

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.matching.why_not import SENTENCES, Kind, WhyNot, worded
from tagger.core.rules.parse import RuleSet, parse

RULE: Final = "version: 1\nrules:\n  - {{id: r, tag: R, {}}}\n"

# Rule, text, who says it, kind of its near miss, and the rule as the cure has it.
CURES: Final = [
    ("any: [refund]", "refundable", "customer", "inside_a_word", "any: [refund*]"),
    ("any: [refund]", "prerefund", "customer", "inside_a_word", 'any: ["*refund"]'),
    ("any: [refund]", "prerefunded", "customer", "inside_a_word", 'any: ["*refund*"]'),
    ("any: [refund*]", "prerefund", "customer", "inside_a_word", 'any: ["*refund*"]'),
    ("any: [c++]", "xc++y", "customer", "inside_a_word", 'any: ["*c++"]'),
    ("any: [환불]", "환불은", "customer", "inside_a_word", "any: [환불*]"),
    (
        "any: [{keyword: RMA, case: sensitive}]",
        "RMA12",
        "customer",
        "inside_a_word",
        "any: [{keyword: RMA, case: sensitive, match: prefix}]",
    ),
    ("any: [refund]", "REFUNDS", "customer", "plural", "any: [refunds]"),
    ("any: [box]", "boxes", "customer", "plural", "any: [boxes]"),
    ("any: [refund]", "refund\u00ads", "customer", "plural", "any: [refunds]"),
    (
        "any: [{keyword: RMA, case: sensitive}]",
        "RMAs",
        "customer",
        "plural",
        "any: [{keyword: RMAs, case: sensitive}]",
    ),
    (
        "any: [{keyword: RMA, case: sensitive}]",
        "rma",
        "customer",
        "case_differs",
        "any: [{keyword: RMA, case: insensitive}]",
    ),
    (
        "any: [{keyword: año, accents: exact}]",
        "ano",
        "customer",
        "accents_differ",
        "any: [{keyword: año, accents: fold}]",
    ),
    (
        "any: [{keyword: Año, case: sensitive, accents: exact}]",
        "ano",
        "customer",
        "case_and_accents_differ",
        "any: [{keyword: Año, case: insensitive, accents: fold}]",
    ),
    ("any: [refund]", "refund", "agent", "other_author", "any: [refund], from: any"),
    (
        "any: [sam], links: ignore",
        "https://shop.example/sam",
        "customer",
        "inside_a_link",
        "any: [sam], links: count",
    ),
]


def decided(rule: str, text: str, author: Author) -> tuple[bool, tuple[WhyNot, ...]]:
    parsed = parse({"a.yaml": RULE.format(rule).encode()})
    assert isinstance(parsed, RuleSet), parsed
    conversation = Conversation(ThreadKey("", "", ""), (Said("1", author, (text,)),))
    decision = Decider.compile(parsed).decide(conversation, 0, explain=True)
    return bool(decision.tags), tuple(no.why_not for no in decision.near_misses)


@pytest.mark.parametrize(
    ("rule", "text", "author", "kind", "cured"), CURES, ids=[row[0] + row[1] for row in CURES]
)
def test_a_cure_that_is_typed_in_cures(rule: str, text: str, author: Author, kind: Kind, cured: str) -> None:
    fires, (why_not,) = decided(rule, text, author)
    assert (fires, why_not.kind) == (False, kind)
    assert why_not.cure in cured
    assert f"; {why_not.cure} would " in worded(why_not)
    assert decided(cured, text, author) == (True, ())


def test_every_kind_has_a_sentence() -> None:
    assert SENTENCES.keys() == set(get_args(Kind))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_no_kind_without_a_cure_promises_one(kind: Kind) -> None:
    assert "would" not in worded(WhyNot(kind))
