"""A pasted list becomes rules that are valid where they are put; rules stay as they are."""

import pytest

from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.change.pasted import NO_TAG, Pasted, as_rules, is_list

LIST = "refund\nmoney back\nMoney Back\n* chargeback*\n/(a|b)+c/\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LIST, True),
        ("refund, money back", True),
        ("", False),
        ("version: 1\nrules:\n", False),
        ("  - id: refund\n    tag: Refund", False),
        ("- {id: refund, tag: Refund, any: [refund]}", False),
    ],
)
def test_a_list_is_told_from_rules(text: str, expected: bool) -> None:
    assert is_list(text) is expected


def test_a_list_becomes_a_file() -> None:
    made = as_rules(LIST, "Refund", None, ())
    assert isinstance(made, Pasted)
    assert (made.rules, made.keywords, made.duplicates, made.left) == (1, 3, 1, 1)
    assert "1 not taken over" in str(made)
    assert isinstance(parse({"a.yaml": made.text.encode()}), RuleSet)


@pytest.mark.parametrize("indent", [0, 2, 4])
def test_a_list_becomes_a_rule_among_others(indent: int) -> None:
    shift = " " * indent
    file = f"version: 1\nrules:\n{shift}- {{id: refund, tag: Refund, any: [refund]}}\n"
    made = as_rules(LIST, "Refund", indent, {"refund"})
    assert isinstance(made, Pasted)
    parsed = parse({"a.yaml": (file + made.text).encode()})
    assert isinstance(parsed, RuleSet)
    assert [rule.id for rule in parsed.rules] == ["refund", "refund-2"]


@pytest.mark.parametrize("text", [" " * 256_000, "\n" * 256_000, "- " * 128_000, "{ \t" * 64_000])
def test_blanks_are_looked_through_once(text: str) -> None:
    """Whoever tries every way to share them out among the parts of a pattern never ends."""
    assert is_list(f"{text}refund")


@pytest.mark.parametrize(
    ("text", "tag", "problem"),
    [
        (LIST, "", NO_TAG),
        (LIST, "x" * 300, "characters"),
        ("# nothing\n", "Refund", "there are no keywords in it"),
        ("<html>", "Refund", "cannot be read as a list"),
    ],
)
def test_what_cannot_become_rules_is_said(text: str, tag: str, problem: str) -> None:
    made = as_rules(text, tag, None, ())
    assert isinstance(made, str)
    assert problem in made
    assert "--tag" not in made
