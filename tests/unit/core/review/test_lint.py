"""Rules → warnings: what is allowed and is probably not what was meant."""

from datetime import date
from textwrap import indent

import pytest

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.review.lint import WARNINGS_MAX, lint
from tagger.core.rules.parse import RuleSet, parse

TODAY = date(2026, 11, 23)
ABSENT = "tests: [absent: nothing of the kind]\n"


def warnings(*rules: str, placeholder: str = DEFAULT_PLACEHOLDER) -> list[str]:
    """Each rule is the text of its fields; ids are r0, r1, …, and so are the tags where none is given."""
    content = "version: 1\nrules:\n"
    for at, fields in enumerate(rules):
        tag = "" if "tag:" in fields else f"tag: r{at}\n"
        tests = "" if "tests:" in fields else ABSENT
        content += f"  - id: r{at}\n" + indent(tag + tests + fields + "\n", "    ")
    read = parse({"a.yaml": content.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    found = lint(read, TODAY, placeholder)
    assert all(warning.severity == "warning" for warning in found)
    assert all(warning.text and warning.advice.endswith((".", "`", '…"')) for warning in found)
    return [f"{warning.code} {warning.text}" for warning in found]


def codes(*rules: str, placeholder: str = DEFAULT_PLACEHOLDER) -> list[str]:
    return [warning.partition(" ")[0] for warning in warnings(*rules, placeholder=placeholder)]


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ('"refund"', []),
        ('"“refund”"', ["smart-quotes"]),
        ('"refund”"', ["smart-quotes"]),
        ('"‘refund’"', ["smart-quotes"]),
        ('"«refund»"', ["smart-quotes"]),
        ('"don’t ship"', []),
        ('"customers’"', []),
        ('"money\u00a0back"', ["no-break-space"]),
        ('"money\u202fback"', ["no-break-space"]),
        ('"re\u00adfund"', ["invisible-character"]),
        ('"re\u200bfund"', ["invisible-character"]),
        ('"❤\ufe0f"', []),
        ('"👩\u200d🔧"', []),
        ('"r\u0435fund"', ["mixed-scripts"]),
        ('"\u03bfrder"', ["mixed-scripts"]),
        ('"возврат"', []),
        ('"возврат refund"', []),
        ('"返金リクエスト"', []),
        ("x", ["one-letter"]),
        ("7", ["one-letter"]),
        ("é", ["one-letter"]),
        ("退", []),
        ("€", []),
        ("😀", []),
        ('"re*"', ["short-open"]),
        ('"*s"', ["one-letter"]),
        ('"ref*"', []),
        ("the", ["stop-word"]),
        ("you are", ["stop-word"]),
        ("für", ["stop-word"]),
        ("się", ["stop-word"]),
        ("where is it now", ["stop-word"]),
        ("where is my parcel", []),
        ("{keyword: IT, case: sensitive}", []),
        ("{keyword: 返金, match: word}", ["word-without-spaces"]),
        ("返金", []),
        ("환불", ["hangul-particle"]),
        ('"환불*"', []),
        ("{keyword: 환불, match: word}", []),
    ],
)
def test_a_keyword_gives_a_doubt(keyword: str, expected: list[str]) -> None:
    assert codes(f"any: [{keyword}]") == expected
    assert codes(f"all: [[{keyword}], [zzz]]") == expected


def test_a_mixed_word_is_named_with_the_odd_letter() -> None:
    (warning,) = warnings('any: ["r\u0435fund please"]')
    assert "`r\u0435fund` mixes scripts: its \u0435 is cyrillic small letter ie" in warning


def test_a_common_word_under_ignore_harms_nothing() -> None:
    assert codes("any: [refund]\nignore: [no refund]") == []


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("Refund", []),
        ("“Refund”", ["smart-quotes"]),
        ('"Re\u00adfund"', ["bad"]),
        ("R\u0435fund", ["mixed-scripts"]),
        ("Money\u00a0back", ["bad"]),
    ],
)
def test_a_tag_gives_a_doubt(tag: str, expected: list[str]) -> None:
    if expected == ["bad"]:  # refused already by the parser
        with pytest.raises(AssertionError, match="invisible"):
            codes(f"tag: {tag}\nany: [refund]")
    else:
        assert codes(f"tag: {tag}\nany: [refund]") == expected


@pytest.mark.parametrize(
    ("canned", "placeholder", "expected"),
    [
        ("Hi %name%, your refund is on its way.", DEFAULT_PLACEHOLDER, []),
        ("Hi %name%!", DEFAULT_PLACEHOLDER, ["short-canned"]),
        ("%name%", DEFAULT_PLACEHOLDER, ["short-canned"]),
        ("Hi {name}, your refund is on its way.", DEFAULT_PLACEHOLDER, ["odd-placeholder"]),
        ("Hi {{name}}, your refund is on its way.", DEFAULT_PLACEHOLDER, ["odd-placeholder"]),
        ("Hi [name], your refund is on its way.", DEFAULT_PLACEHOLDER, ["odd-placeholder"]),
        ("Hi {{name}}, your refund is on its way.", r"\{\{\w+\}\}", []),
    ],
)
def test_a_canned_response_gives_a_doubt(canned: str, placeholder: str, expected: list[str]) -> None:
    assert codes(f'canned: ["{canned}"]', placeholder=placeholder) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param("any: [refund]\nexpires: 2026-11-22", ["expired"], id="expired yesterday"),
        pytest.param("any: [refund]\nexpires: 2026-11-23", [], id="expires today"),
        pytest.param("any: [refund]\ntests: [match: refund]", ["no-absent-test"], id="no absent test"),
        pytest.param("any: [refund, Refund]", ["repeated-keyword"], id="same but for case"),
        pytest.param("any: [refund, réfund]", ["repeated-keyword"], id="same but for accents"),
        pytest.param(
            "any: [refund]\nnone: [refund card, refund card]", ["repeated-keyword"], id="twice in none"
        ),
        pytest.param(
            "any: [refund]\nignore: [no refund, no  refund]", ["repeated-keyword"], id="twice in ignore"
        ),
        pytest.param("all: [[refund], [refund]]", [], id="the same in two groups"),
        pytest.param("any: [refund, refund please]", ["covered-keyword"], id="covered by a shorter one"),
        pytest.param("any: [refund, please refund me]", ["covered-keyword"], id="covered in the middle"),
        pytest.param("any: [refund, refunds]", [], id="another word"),
        pytest.param('any: ["refund*", refunds]', ["covered-keyword"], id="covered by a prefix"),
        pytest.param('any: ["refund*", "refund"]', ["covered-keyword"], id="covered by the same with a star"),
        pytest.param('any: [refund, "my refund*"]', [], id="an open end is not covered"),
        pytest.param('any: ["*fund*", "refund*"]', ["covered-keyword"], id="covered by a part of a word"),
        pytest.param("any: [rma, {keyword: RMA, case: sensitive}]", ["covered-keyword"], id="stricter case"),
        pytest.param(
            "any: [{keyword: RMA, case: sensitive}, rma please]", [], id="looser case is not covered"
        ),
        pytest.param(
            "any: [{keyword: añó, accents: exact}, añó aaa]", [], id="looser accents are not covered"
        ),
        pytest.param("any: [refund, refund please]\nmin_matches: 2", [], id="counted keywords may overlap"),
        pytest.param(
            "all: [[late, late parcel], [where]]\nfrom: any", ["covered-keyword", "stop-word"], id="all"
        ),
        pytest.param("any: [refund]\nignore: [no refund]", [], id="an ignore that bites"),
        pytest.param(
            "any: [refund]\nignore: [refundable]", ["idle-ignore"], id="ignore without a match inside"
        ),
        pytest.param("any: [refund]\nignore: [no thanks]", ["idle-ignore"], id="ignore without the keyword"),
        pytest.param(
            "any: [{keyword: RMA, case: sensitive}]\nignore: [no rma]",
            [],
            id="ignore in another case may bite",
        ),
        pytest.param(
            'canned: ["we sent your refund"]\nignore: [refund]', ["idle-ignore"], id="nothing to ignore"
        ),
        pytest.param("any: [refund]\nnone: [refund]", ["never-fires"], id="none forbids any"),
        pytest.param("any: [refund me]\nnone: [refund]", ["never-fires"], id="none forbids by a part"),
        pytest.param("any: [refund, return]\nnone: [refund]", [], id="none forbids one of two"),
        pytest.param("all: [[refund], [late]]\nnone: [late]", ["never-fires"], id="none forbids a group"),
    ],
)
def test_a_rule_gives_a_doubt(fields: str, expected: list[str]) -> None:
    assert sorted(codes(fields)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param("any: [refund]", "any: [Refund]", ["two-tags"], id="two tags"),
        pytest.param("tag: T\nany: [refund]", "tag: T\nany: [refund]", [], id="one tag"),
        pytest.param("any: [refund]", "from: agent\nany: [refund]", [], id="two authors"),
        pytest.param("any: [refund]", "from: any\nany: [refund]", ["two-tags"], id="one of any author"),
        pytest.param("groups: [1]\nany: [refund]", "groups: [2]\nany: [refund]", [], id="two groups"),
        pytest.param("groups: [1]\nany: [refund]", "any: [refund]", ["two-tags"], id="every group and one"),
        pytest.param("any: [refund]", "any: [refund]\nall: [[late]]", [], id="more than the keyword"),
        pytest.param("tag: Refund\nany: [aaa]", "tag: refund\nany: [bbb]", ["tags-alike"], id="tags alike"),
        pytest.param("any: [aaa]", "any: [bbb]", [], id="nothing in common"),
    ],
)
def test_two_rules_give_a_doubt(one: str, other: str, expected: list[str]) -> None:
    assert codes(one, other) == expected


def test_a_keyword_that_is_in_the_tests_of_other_tags_fires_often() -> None:
    others = "tests:\n" + "".join(
        f"  - match: my order {number} came broken\n  - absent: my order {number}\n" for number in range(3)
    )
    (warning,) = warnings("tag: Broken\nany: [broken]\n" + others, "any: [order]")
    assert warning == "fires-often the keyword `order` is in 6 of the 6 texts that test other tags"
    assert codes("tag: Broken\nany: [broken]\n" + others, "any: [order]\nfrom: agent") == []
    assert codes("tag: Broken\nany: [broken]\n" + others, "any: [order]\ntag: Broken") == []
    assert codes("tag: Broken\nany: [broken]\n" + others, "all: [[order], [late]]") == []


def test_warnings_come_in_the_order_of_the_file_and_are_limited() -> None:
    content = "version: 1\nrules:\n  - id: a\n    tag: A\n    any:\n" + "      - x\n" * (WARNINGS_MAX + 1)
    read = parse({"a.yaml": content.encode()})
    assert isinstance(read, RuleSet)
    found = lint(read, TODAY, DEFAULT_PLACEHOLDER)
    assert len(found) == WARNINGS_MAX
    assert [w.place.line for w in found] == sorted(w.place.line for w in found)
