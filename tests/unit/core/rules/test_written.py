"""A keyword, written so that it is read again as it was."""

from dataclasses import replace
from typing import Final

import pytest

from tagger.core.rules.model import Keyword
from tagger.core.rules.parse import RuleSet, parse
from tagger.core.rules.problems import NOWHERE
from tagger.core.rules.written import written

ROWS: Final = [
    (Keyword("", "refund"), "refund"),
    (Keyword("", "refund", "prefix"), "refund*"),
    (Keyword("", "refund", "suffix"), '"*refund"'),
    (Keyword("", "refund", "anywhere"), '"*refund*"'),
    (Keyword("", "money back", "prefix"), "money back*"),
    (Keyword("", "can't"), "can't"),
    (Keyword("", "RMA", case_sensitive=True), "{keyword: RMA, case: sensitive}"),
    (
        Keyword("", "año", "prefix", True, True),
        "{keyword: año, case: sensitive, accents: exact, match: prefix}",
    ),
    (Keyword("", "5*"), "{keyword: 5*, match: word}"),
    (Keyword("", "#5: a, b"), '"#5: a, b"'),
    (Keyword("", 'say "hi"'), "'say \"hi\"'"),
    (Keyword("", "C:\\temp"), "'C:\\temp'"),
    (Keyword("", "$10", "prefix"), '"$10*"'),
    (Keyword("", "no"), "no"),
    (Keyword("", "404"), "404"),
    (Keyword("", "返金", "prefix"), "返金*"),
    (Keyword("", "@me"), '"@me"'),
    (Keyword("", "[x]", case_sensitive=True), '{keyword: "[x]", case: sensitive}'),
]


@pytest.mark.parametrize(("keyword", "yaml"), ROWS, ids=[yaml for _, yaml in ROWS])
def test_a_keyword_is_written_as_short_as_it_can_be_and_read_as_it_was(keyword: Keyword, yaml: str) -> None:
    assert written(keyword) == yaml
    for content in (f"any: [{yaml}]", f"any:\n      - {yaml}"):
        parsed = parse({"a": f"version: 1\nrules:\n  - id: a\n    tag: A\n    {content}\n".encode()})
        assert isinstance(parsed, RuleSet), parsed
        (read,) = parsed.rules[0].any
        assert replace(read, written="", place=NOWHERE, match_given=False) == keyword
