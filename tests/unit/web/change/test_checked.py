"""A change is checked with the words of `tagger check` and `tagger test`, each at its line."""

from datetime import date

import pytest

from tagger.core.review.lint import lint
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.change.checked import Checked, check
from tagger.web.change.editor import editor
from tagger.web.change.part import opened

A = b"""\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund]
    tests: [match: "a refund", absent: "none"]
  - {id: late, tag: Late, any: [late], tests: [absent: "none"]}
"""
B = b"version: 1\nrules:\n  - {id: login, tag: Login, any: [login], tests: [absent: x]}\n"
TODAY = date(2026, 11, 30)


def checked(text: str, rule: str | None = "refund") -> Checked:
    files = {"config/a.yaml": A, "config/b.yaml": B}
    parsed = parse(files)
    assert isinstance(parsed, RuleSet)
    part = opened(A, rule, [each for each in parsed.rules if each.place.file == "config/a.yaml"])
    assert part is not None
    return check(files, "config/a.yaml", part, text, TODAY, "%[a-z]+%")


RULE = '  - id: refund\n    tag: Refund\n    any: [refund]\n    tests: [match: "a refund", absent: "none"]'


@pytest.mark.parametrize(
    ("text", "lines", "elsewhere"),
    [
        (RULE, [], 0),
        (RULE.replace("tag:", "tags:"), [4], 0),
        (RULE.replace("any: [refund]", "any: [chargeback]"), [6], 0),  # its test fails
        (RULE.replace("id: refund", "id: login"), [], 1),  # b.yaml has it, too
    ],
)
def test_mistakes_are_those_of_the_part_and_those_elsewhere(
    text: str, lines: list[int], elsewhere: int
) -> None:
    found = checked(text)
    assert [problem.place.line for problem in found.problems] == lines
    assert len(found.elsewhere) == elsewhere
    assert found.errors == len(lines) + elsewhere
    assert (found.rules is None) is bool(found.errors)


def test_warnings_are_in_the_words_of_check() -> None:
    found = checked(RULE.replace("[refund]", "[refund, refund]"))
    parsed = parse(found.files)
    assert isinstance(parsed, RuleSet)
    assert list(found.problems) == lint(parsed, TODAY, "%[a-z]+%")
    assert (found.errors, found.tests) == (0, 4)
    assert found.cured is not None
    assert "[refund, refund]" not in found.cured


def test_a_whole_file_may_be_deleted() -> None:
    assert list(checked("", None).files) == ["config/b.yaml"]


def test_what_is_wrong_is_marked_and_stands_beside_its_line() -> None:
    text = RULE.replace("tag:", "tags:")
    part = opened(A, None, ())
    assert part is not None
    drawn = editor(part, "version: 1\nrules:\n" + text, checked(text).problems)
    line = drawn.lines[3]
    assert (line.number, line.mistake, line.before, line.wrong, line.after) == (
        4,
        "bad",
        "    ",
        "tags",
        ": Refund",
    )
    assert [[each.line for each in row] for row in drawn.beside if row] == [[4]]
    assert drawn.mistakes[0].text[0].isupper()


def test_mistakes_without_room_beside_their_lines_are_only_listed() -> None:
    text = RULE.replace("tag:", "tags:").replace("any:", "anyy:")
    part = opened(A, "refund", ())
    assert part is None
    part = opened(A, None, ())
    assert part is not None
    drawn = editor(part, "version: 1\nrules:\n" + text, checked(text).problems * 3)
    assert drawn.mistakes
    assert drawn.beside == ()
