"""Of two sets, only the lines of the rules that matter are compared, with their numbers of today."""

import pytest

from tagger.core.review.difference import rules_by_id
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.chat import changed as changed_module
from tagger.web.chat.changed import changed

THEN = """\
version: 1
rules:
  - id: a
    tag: A
    any:
      - one
      - two
      - three
  - id: b
    tag: B
    any: [b]
"""


def shown(now: str, *rules: str, folder: str = "config/") -> list[tuple[str, list[str]]]:
    before, after = parse({"x.yaml": THEN.encode()}), parse({f"{folder}x.yaml": now.encode()})
    assert isinstance(before, RuleSet)
    assert isinstance(after, RuleSet)
    found = changed(
        rules,
        rules_by_id(before.rules),
        {"x.yaml": THEN.encode()},
        rules_by_id(after.rules),
        {f"{folder}x.yaml": now.encode()},
    )
    return [
        (
            f"{one.file}, rule {one.rule}",
            [f"{line.number or ''}{line.sign}{line.text.strip()}" for line in one.lines],
        )
        for one in found
    ]


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        (THEN.replace("      - two\n", '      - two\n      - "2*"\n'), ["7 - two", '8+- "2*"', "9 - three"]),
        (THEN.replace("      - two\n", ""), ["6 - one", "−- two", "7 - three"]),
        (
            THEN.replace("- one", "- uno").replace("- three", "- tres"),
            ["5 any:", "−- one", "6+- uno", "7 - two", "−- three", "8+- tres"],
        ),
    ],
)
def test_what_changed_has_a_line_of_context_on_either_side(now: str, lines: list[str]) -> None:
    assert shown(now, "a") == [("x.yaml, rule a", lines)]


def test_other_rules_do_not_matter() -> None:
    assert shown(THEN.replace("[b]", "[b, c]"), "a") == []
    assert [title for title, _ in shown(THEN.replace("[b]", "[b, c]"), "a", "b")] == ["x.yaml, rule b"]


def test_a_rule_that_came_or_went_is_shown_whole() -> None:
    without = THEN[: THEN.index("  - id: b")]
    ((title, lines),) = shown(without, "b")
    assert (title, [line[:1] for line in lines]) == ("x.yaml, rule b", ["−"] * 3)
    ((_, lines),) = shown(THEN + "  - {id: c, tag: C, any: [c]}\n", "c")
    assert lines == ["12+- {id: c, tag: C, any: [c]}"]


def test_of_a_long_rule_what_is_only_in_one_of_both_is_shown() -> None:
    now = THEN.replace("      - one\n", "".join(f"      - w{number}\n" for number in range(1_500)))
    ((_, lines),) = shown(now, "a")
    assert lines[:3] == ["−- one", "6+- w0", "7+- w1"]


def test_what_is_shown_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changed_module, "LINES_MAX", 3)
    now = THEN.replace("      - one\n", "".join(f"      - w{number}\n" for number in range(50)))
    assert [len(lines) for _, lines in shown(now, "a", "b")] == [3]
