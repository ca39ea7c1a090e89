"""Canned responses that are found in messages that are something else."""

import pytest

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.review.canned_warnings import alike, short
from tagger.core.rules.model import Canned, Rule
from tagger.core.rules.problems import Place


def found(*texts: str) -> list[tuple[int, int]]:
    """(line, line of the other), for responses with a tag each; the first is on line 1."""
    rules = [
        Rule(f"r{at}", f"T{at}", canned=(Canned(text, Place("a.yaml", at, 1)),))
        for at, text in enumerate(texts, 1)
    ]
    doubts = list(alike(rules, DEFAULT_PLACEHOLDER))
    assert {doubt.code for _, doubt in doubts} <= {"canned-alike"}
    return [
        (canned.place.line, int(doubt.text.rpartition("a.yaml:")[2].split()[0])) for canned, doubt in doubts
    ]


@pytest.mark.parametrize(
    ("text", "is_short"),
    [
        ("%name%", True),
        ("", True),
        ("Thank you, %name%!", True),
        ("Is that all?", True),
        ("It will be %n% minutes.", False),
        ("お問い合わせ", False),
    ],
)
def test_a_response_of_fewer_than_four_words_is_short(text: str, is_short: bool) -> None:
    assert (short(text, DEFAULT_PLACEHOLDER) is not None) is is_short


NINE = "one two three four five six seven eight nine"
TEN = f"{NINE} ten"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Your refund is on its way.", "Where do you live now?"], []),
        (["Your refund is on its way.", "your refund: is on its way!"], [(2, 1)]),
        (["Your refund is on its way.", "Hi %name%, your refund is on its way. Bye!"], [(1, 2)]),
        (["Hi %name%, your refund is on its way. Bye!", "Your refund is on its way."], [(2, 1)]),
        (["Your %item% is on its way.", "Your refund is on its way."], [(1, 2)]),
        (["Your %item% is on its way.", "Your %thing% is on its way."], [(2, 1)]),
        (["Your refund is on its way.", "Your parcel is on its way."], []),
        ([NINE, NINE.replace("five", "cinq")], []),
        ([TEN, TEN.replace("five", "cinq")], [(2, 1)]),
        ([TEN, NINE.replace("five", "cinq")], []),
        (["%name%", "%other%", ""], []),
        ([], []),
    ],
)
def test_a_response_that_is_found_wherever_another_is_sent(
    texts: list[str], expected: list[tuple[int, int]]
) -> None:
    assert found(*texts) == expected


@pytest.mark.parametrize(
    ("tag", "advice"),
    [
        ("A", "Delete one of the two."),
        ("B", "Both tags are set then. Add more of the text that differs."),
    ],
)
def test_the_advice_depends_on_whether_the_tags_differ(tag: str, advice: str) -> None:
    rules = [
        Rule("a", "A", canned=(Canned("I am so sorry", Place("a.yaml", 3, 1)),)),
        Rule("b", tag, canned=(Canned("I am so sorry!", Place("b.yaml", 5, 1)),)),
    ]
    ((canned, doubt),) = alike(rules, DEFAULT_PLACEHOLDER)
    assert canned.place.line == 5
    assert doubt == (
        "canned-alike",
        "the canned response `I am so sorry!` is found wherever `I am so sorry` at a.yaml:3 is sent",
        advice,
    )
