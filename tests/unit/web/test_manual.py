"""How keyword files work, on the page: every word of it is true."""

from datetime import date
from pathlib import Path

import pytest

from tagger.core.matching.automaton import Matcher
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.matching.decide import Decider
from tagger.core.review.lint import lint
from tagger.core.review.rule_tests import outcomes, uncovered
from tagger.core.rules.parse import RULE_KEYS, RuleSet, parse
from tagger.web.manual import KEYWORDS, REQUIRE, RULE, Example
from tests.unit.web.page import a_page


def test_the_rule_passes_its_tests_and_they_prove_all_of_it() -> None:
    read = parse({"example.yaml": RULE.encode()})
    assert isinstance(read, RuleSet), read
    assert list(lint(read, date(2026, 11, 23), DEFAULT_PLACEHOLDER)) == []
    tested = outcomes(Decider.compile(read), read.rules[0])
    assert all(outcome.passed for outcome in tested)
    assert list(uncovered(read.rules[0], tested)) == []


@pytest.mark.parametrize("keyword", KEYWORDS, ids=lambda keyword: keyword.written)
def test_a_keyword_matches_what_the_table_says(keyword: Example) -> None:
    content = f"version: 1\nrules:\n  - id: a\n    tag: A\n    any:\n      - {keyword.written}\n"
    read = parse({"example.yaml": content.encode()})
    assert isinstance(read, RuleSet), read
    matcher = Matcher(read.rules[0].any)
    assert (bool(matcher.find(keyword.found)), bool(matcher.find(keyword.missed))) == (True, False)


def test_every_key_of_a_rule_is_told() -> None:
    assert {key.name for key in REQUIRE} == set(RULE_KEYS) - {"id", "tag"}


async def test_every_screen_leads_to_it(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        assert '<a href="/manual">' in await (await client.get("/")).text()
        shown = await (await client.get("/manual")).text()
    assert "How keyword files work" in shown
    assert "my money back, please" in shown
