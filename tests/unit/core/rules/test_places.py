"""From a reason to the line of its keyword."""

from typing import Final

import pytest

from tagger.core.rules.parse import RuleSet, parse
from tagger.core.rules.places import places_of
from tagger.core.rules.problems import Place

FILE: Final = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, "money back*"]
    all:
      - [late,
         delayed]
      - - refund
    none:
      - late
      - no refund
    canned:
      - "Hi %name%, it is on its way."
"""


@pytest.mark.parametrize(
    ("keyword", "place"),
    [
        pytest.param("refund", (5, 11), id="the first of two"),
        pytest.param("money back*", (5, 19), id="as written, star and all"),
        pytest.param("late", (7, 10), id="of all, though of none, too"),
        pytest.param("delayed", (8, 10), id="on a line of its own"),
        pytest.param("no refund", (12, 9), id="of none"),
        pytest.param("Hi %name%, it is on its way.", (14, 9), id="a canned response"),
    ],
)
def test_every_keyword_of_a_rule_has_its_own_place(keyword: str, place: tuple[int, int]) -> None:
    parsed = parse({"config/a.yaml": FILE.encode()})
    assert isinstance(parsed, RuleSet), parsed
    assert places_of(parsed.rules)["refund", keyword] == Place("config/a.yaml", *place)
