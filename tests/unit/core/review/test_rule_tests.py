"""The tests that stand beside rules."""

from textwrap import indent

import pytest

from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import Outcome, outcomes, run_tests, uncovered
from tagger.core.rules.parse import RuleSet, parse


def decider(*rules: str) -> Decider:
    """Each rule is the text of its fields; ids and tags are r0, r1, …"""
    content = "version: 1\nrules:\n"
    for at, fields in enumerate(rules):
        content += f"  - id: r{at}\n    tag: r{at}\n" + indent(fields + "\n", "    ")
    read = parse({"a.yaml": content.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    return Decider.compile(read)


def outcome(fields: str) -> Outcome:
    set_in_force = decider(fields)
    (only,) = outcomes(set_in_force, set_in_force.rules[0])
    return only


@pytest.mark.parametrize(
    ("fields", "passed"),
    [
        pytest.param("any: [refund]\ntests: [match: a refund]", True, id="it fires as it must"),
        pytest.param("any: [refund]\ntests: [match: a return]", False, id="it does not fire and must"),
        pytest.param("any: [refund]\ntests: [absent: a return]", True, id="it is silent as it must be"),
        pytest.param("any: [refund]\ntests: [absent: a refund]", False, id="it fires and must not"),
        pytest.param("any: [refund]\ntests: [match: {agent: a refund}]", False, id="said by another"),
        pytest.param(
            "any: [refund]\nfrom: agent\ntests: [match: a refund]", True, id="said by whom it looks at"
        ),
        pytest.param("any: [refund]\ndry_run: true\ntests: [match: a refund]", True, id="a dry run"),
        pytest.param(
            "any: [refund]\nexpires: 2001-01-01\ntests: [match: a refund]", True, id="an expired rule"
        ),
        pytest.param("any: [refund]\ngroups: [7]\ntests: [match: a refund]", True, id="a rule of a group"),
        pytest.param(
            "all: [[late], [parcel]]\ntests: [match: [late, {customer: parcel}]]", True, id="a talk"
        ),
        pytest.param("any: [refund]\nmin_matches: 2\ntests: [absent: refund]", True, id="too few"),
        pytest.param(
            'canned: ["We sent your refund today"]\ntests: [match: {agent: "We sent your refund today!"}]',
            True,
            id="canned",
        ),
    ],
)
def test_a_test_asks_whether_its_rule_fires(fields: str, passed: bool) -> None:
    assert outcome(fields).passed == passed


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("any: [refund]\ntests: [absent: a refund]", "fired on `refund`"),
        ("any: [refund, money]\ntests: [absent: 'refund money refund']", "fired on `refund`, `money`"),
        ("any: [refund]\ntests: [match: hello]", "did not fire: no keyword was found"),
        (
            "any: [refund]\ntests: [match: refundable]",
            "did not fire: `refund` (inside a word; refund* would find it)",
        ),
        (
            "any: [refund]\ntests: [match: {agent: refund}]",
            "did not fire: `refund` (said by the agent; from: any would count it)",
        ),
        (
            "any: [refund]\nmin_matches: 2\ntests: [match: refund]",
            "did not fire: `refund` (min_matches 1 of 2)",
        ),
        (
            "all: [[late], [parcel]]\ntests: [match: late]",
            "did not fire: `late` (group 2 of `all` was never said)",
        ),
    ],
)
def test_a_failure_says_which_hit_or_which_condition_it_was(fields: str, reason: str) -> None:
    failed = outcome(fields)
    assert not failed.passed
    assert failed.reason == reason


def test_a_failure_is_one_line_with_its_place_and_without_the_text() -> None:
    (failed,) = run_tests(decider("any: [refund]\ntests:\n  - absent: my secret refund"))
    assert str(failed) == "a.yaml:7:9: r0 should not fire, but it fired on `refund`"


def test_a_test_asks_about_its_own_rule_only() -> None:
    assert (
        run_tests(decider("any: [refund]\ntests: [match: refund]", "any: [card]\ntests: [absent: refund]"))
        == []
    )


def test_all_failures_of_all_rules_are_told() -> None:
    failed = run_tests(
        decider("any: [aaa]\ntests:\n  - match: x1\n  - absent: aaa", "any: [bbb]\ntests: [match: x2]")
    )
    assert [(each.rule.id, each.test.place.line) for each in failed] == [("r0", 7), ("r0", 8), ("r1", 12)]


@pytest.mark.parametrize(
    ("fields", "gaps"),
    [
        pytest.param("any: [aa, bb]\ntests: [match: aa]", ["5 no test fires on the keyword `bb`"], id="any"),
        pytest.param("any: [aa, bb]\ntests: [match: aa bb]", [], id="one test fires two"),
        pytest.param("any: [aa]\ntests: [absent: aa]", ["5 no test fires on the keyword `aa`"], id="absent"),
        pytest.param("any: [aa]", ["5 no test fires on the keyword `aa`"], id="no tests"),
        pytest.param(
            "all: [[aa, bb], [cc]]\ntests: [match: aa cc]",
            ["5 no test fires on the keyword `bb`"],
            id="all",
        ),
        pytest.param(
            "all: [[aa], [bb]]\ntests: [absent: aa]",
            ["5 no test fires on the keyword `aa`", "5 no test fires on the keyword `bb`"],
            id="a match alone fires nothing",
        ),
        pytest.param(
            "any: [aa]\nnone: [nn]\nignore: [no aa]\ntests: [match: aa]",
            ["6 no test contains `nn` of `none`", "7 no test contains `no aa` of `ignore`"],
            id="none and ignore",
        ),
        pytest.param(
            "any: [aa]\nnone: [nn]\nignore: [no aa]\ntests: [{match: aa}, {absent: no aa}, {absent: aa nn}]",
            [],
            id="none and ignore tested",
        ),
        pytest.param(
            'canned: ["we sent it today", "it is gone now"]\ntests: [match: {agent: we sent it today}]',
            ["5 no test fires on the canned response `it is gone now`"],
            id="canned",
        ),
    ],
)
def test_coverage_names_what_no_test_fires(fields: str, gaps: list[str]) -> None:
    set_in_force = decider(fields)
    (rule,) = set_in_force.rules
    found = list(uncovered(rule, outcomes(set_in_force, rule)))
    assert [f"{gap.place.line} {gap.text}" for gap in found] == gaps
    assert all(gap.code == "no-test" and "tests:" in gap.advice for gap in found)
