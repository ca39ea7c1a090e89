"""The part of a file that is edited goes back into its place, and nothing else in the file changes."""

import pytest

from tagger.core.rules.model import Rule, RuleSet
from tagger.core.rules.parse import parse
from tagger.web.change.part import NEW_RULE, Part, differing, opened, put_back, rule_at, sections, text_of

FILE = """\
# Money.
version: 1
rules:

  - id: refund
    tag: Refund
    # English
    any:
      - refund

  # Invoices are billing, too.
  - {id: invoice, tag: Billing, any: [invoice]}
  - id: last
    tag: Last
    any: [last]

# The end.
"""


def rules_of(text: str) -> tuple[Rule, ...]:
    parsed = parse({"a.yaml": text.encode()})
    assert isinstance(parsed, RuleSet)
    return parsed.rules


def part_of(text: str, rule: str | None) -> Part:
    part = opened(text.encode(), rule, rules_of(text))
    assert part is not None
    return part


@pytest.mark.parametrize(
    ("rule", "first", "text"),
    [
        ("refund", 5, "  - id: refund\n    tag: Refund\n    # English\n    any:\n      - refund"),
        ("invoice", 12, "  - {id: invoice, tag: Billing, any: [invoice]}"),
        ("last", 13, "  - id: last\n    tag: Last\n    any: [last]"),
        (NEW_RULE, 16, ""),
        (None, 1, FILE),
    ],
)
def test_a_rule_has_its_lines_without_what_stands_between_rules(
    rule: str | None, first: int, text: str
) -> None:
    part = part_of(FILE, rule)
    assert (part.first, part.text) == (first, text)
    if rule != NEW_RULE:
        assert put_back(part, text) == FILE.encode()


@pytest.mark.parametrize(
    ("rules", "known"),
    [
        ("rules: [{id: a, tag: A, any: [a]}, {id: b, tag: B, any: [b]}]", {}),
        (
            "rules:\n- id: a\n  tag: A\n  any:\n  - a\n- id: b\n  tag: B\n  any: [b]",
            {"a": (2, 5), "b": (6, 8)},
        ),
        ("rules:\n  -\n    id: a\n    tag: A\n    any: [a]", {}),
    ],
)
def test_rules_that_share_lines_cannot_be_edited_alone(rules: str, known: dict[str, tuple[int, int]]) -> None:
    text = f"{rules}\nversion: 1\n"
    found = sections(text, rules_of(text))
    assert {id: section[:2] for id, section in found.items()} == known


def test_a_line_leads_to_its_rule() -> None:
    assert [rule_at(FILE, line, rules_of(FILE)) for line in (1, 5, 9, 10, 12, 15, 99)] == [
        None, "refund", "refund", None, "invoice", "last", None,
    ]  # fmt: skip


def test_line_ends_and_byte_order_mark_stay() -> None:
    content = b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode()
    part = opened(content, "last", rules_of(text_of(content)))
    assert part is not None
    changed = put_back(part, part.text.replace("last]", "last, least]"))
    assert changed == content.replace(b"last]", b"last, least]")


def test_a_new_rule_stands_behind_the_last_one_and_an_empty_text_deletes_a_rule() -> None:
    added = put_back(part_of(FILE, NEW_RULE), "  - {id: more, tag: More, any: [more]}\n").decode()
    assert added == FILE.replace("any: [last]\n", "any: [last]\n  - {id: more, tag: More, any: [more]}\n")
    deleted = put_back(part_of(FILE, "invoice"), " \n").decode()
    assert deleted == FILE.replace("  - {id: invoice, tag: Billing, any: [invoice]}\n", "")


@pytest.mark.parametrize(
    ("before", "after", "new", "lines"),
    [
        ("a\nb\nc", "a\nb\nc", set(), 0),
        ("a\nb\nc\n", "a\nx\nb\nc", {1}, 1),
        ("a\nb\nc", "a\nc", set(), 1),
        ("a\nb\nc", "a\ny\nz\nc", {1, 2}, 2),
        ("a\na", "a", set(), 1),
        (
            "\n".join(map(str, range(3_000))),
            "\n".join(map(str, range(3_000, 6_000))),
            set(range(3_000)),
            3_000,
        ),
    ],
)
def test_what_is_new_is_told_line_by_line(before: str, after: str, new: set[int], lines: int) -> None:
    found = differing(before, after)
    assert (set(found.new), found.lines) == (new, lines)
