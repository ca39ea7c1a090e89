"""The tests of a rule as "Keywords" lists them: what each asks, and whether it passes. Pure."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import outcomes, uncovered
from tagger.core.rules.model import Rule, RuleTest

SHOWN_MAX: Final = 200


class Line(NamedTuple):
    """One test."""

    asks: str  # "fires", "does not"
    said: str
    problem: str  # why it fails; "" where it passes


@dataclass(frozen=True, slots=True)
class Tests:
    """All tests of a rule."""

    lines: tuple[Line, ...]
    count: int
    failing: int
    untested: int  # keywords and phrases that no test is about


def tests_of(decider: Decider, rule: Rule) -> Tests:
    """Run the tests of one of the decider's rules."""
    results = outcomes(decider, rule)
    lines = [
        Line(
            "fires" if one.test.expect == "match" else "does not",
            _said(rule, one.test),
            "" if one.passed else one.reason,
        )
        for one in results
    ]
    failing = sum(not one.passed for one in results)
    return Tests(tuple(lines[:SHOWN_MAX]), len(lines), failing, sum(1 for _ in uncovered(rule, results)))


def _said(rule: Rule, test: RuleTest) -> str:
    """What is said in it; by whom, where it is not whom the rule listens to."""
    usual = "agent" if rule.from_ == "agent" else "customer"
    lines = [
        text if author == usual and len(test.said) == 1 else f"{author}: {text}" for author, text in test.said
    ]
    return " / ".join(lines)
