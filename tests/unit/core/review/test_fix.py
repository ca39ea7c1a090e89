"""What `tagger check --fix` changes in a file, and what it leaves."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.review.fix import fix
from tagger.core.rules.parse import RuleSet, parse
from tests.unit.core.review.test_odd_files import (
    FILE,
    FILES,
    HEAD,
    KEYWORDS,
    RULE,
    Odd,
    checked,
    fires,
    with_keywords,
)

# What can have been meant in more than one way is left for a person, with its message.
FILES_LEFT: Final = {
    "a quote that is open in a list", "a text and a comma in place of a list", "lines of text in place of a list",
    "a second list of rules", "case of a rule", "match of a rule", "a rule without its dash", "an id with a space",
    "half a sign as JSON writes it", "AND", "NOT", "a link in a rule that ignores links",
}  # fmt: skip
CODES_LEFT: Final = {
    "quote-inside", "several-keywords", "expression", "star", "comment", "wrong-type", "hangul-particle",
    "word-without-spaces",
}  # fmt: skip
WRITTEN_LEFT: Final = {'"money" back', '"\\bank"', '"50\\% off"'}


@pytest.mark.parametrize("odd", FILES.values(), ids=FILES)
def test_a_file_is_fixed_or_left_as_it_is(odd: Odd, request: pytest.FixtureRequest) -> None:
    fixed = fix(odd.content.encode()).decode()
    assert (fixed == odd.content) == (request.node.callspec.id in FILES_LEFT)
    assert fixed == odd.content or fires(fixed, odd.said)


@pytest.mark.parametrize(("written", "code", "typed", "said"), KEYWORDS)
def test_a_keyword_is_fixed_or_left_as_it_is(
    written: str, code: str | None, typed: list[str] | None, said: str
) -> None:
    content = with_keywords(written)
    fixed = fix(content.encode()).decode()
    assert (fixed == content) == (code in CODES_LEFT or code is None or written in WRITTEN_LEFT)
    assert fixed == content or checked(fixed.encode())[1] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("any: [refund, Refund, late]", "any: [refund, late]", id="in brackets"),
        pytest.param("any: [refund, late, 'REFUND']", "any: [refund, late]", id="the last in brackets"),
        pytest.param("any: [“refund”, late]", 'any: ["refund", late]', id="typographic in brackets"),
        pytest.param("any: [{keyword: “refund”, match: word}]", 'any: [{keyword: "refund", match: word}]', id="mapping"),
        pytest.param('any: "refund", "late"', 'any: ["refund", "late"]', id="texts in place of a list"),
        pytest.param("Any: [refund]", "any: [refund]", id="capital"),
        pytest.param("any: [*fund]", 'any: ["*fund"]', id="alias"),
        pytest.param("any: [money\u00a0back]", "any: [money back]", id="no-break space"),
        pytest.param("any: [re\u00adfund]", "any: [refund]", id="soft hyphen"),
        pytest.param("any: [refund]\x0c", "any: [refund]", id="form feed"),
        pytest.param('any:[refund]', "any: [refund]", id="no space"),
        pytest.param(
            '# "\\ud83d\\udc4d"\n    any: ["\\uD83D\\uDC69\\u200d\\ud83d\\udd27", \'\\ud83d\\udc4d\', "\\\\ud83d\\udc4d"]',
            '# "\\ud83d\\udc4d"\n    any: ["👩\\u200d🔧", \'\\ud83d\\udc4d\', "\\\\ud83d\\udc4d"]', id="as JSON writes it",
        ),
        pytest.param("any:\n      1. refund\n      2. late", "any:\n      - refund\n      - late", id="numbers"),
        pytest.param("any:\n    \t- refund\n    \t- late", "any:\n      - refund\n      - late", id="tabs"),
    ],
)  # fmt: skip
def test_it_changes_no_more_than_it_must(before: str, after: str) -> None:
    head = "version: 1  # mine\nrules:\n  - id: r\n    tag: T\n    tests: [absent: zzz]\n    "
    assert fix(f"{head}{before}\n".encode()).decode() == f"{head}{after}\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            with_keywords("refund", "Refund  # said in capitals"), id="a comment beside a repeated keyword"
        ),
        pytest.param(FILE.replace("tag: T", "tag: “T”"), id="typographic quotes in a tag"),
        pytest.param(FILE.replace("voucher", "“voucher"), id="half a pair of quotes"),
        pytest.param(FILE.replace("voucher", '"voucher,"'), id="a comma in quotes"),
        pytest.param(FILE + '    canned: ["• one two three four", “five”]\n', id="a bullet in a text"),
        pytest.param(
            FILE + "\t- refund\n    canned:\n      - |\n        Hi\n", id="a tab beside a text over lines"
        ),
        pytest.param("\ufeff\ufeff", id="nothing but marks"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_not_certain_stays(content: str) -> None:
    assert fix(content.encode()).decode() == content


def test_a_file_that_is_no_text_stays() -> None:
    for content in (b"\xff\xfev\0", b"PK\x03\x04", b"a: \xff\n", b"{\\rtf1}"):
        assert fix(content) == content


def test_what_is_wrong_and_certain_below_what_is_not_is_fixed() -> None:
    content = with_keywords('"money" back', '"late",', "re*fund", "– lost")
    assert fix(content.encode()).decode() == content.replace('"late",', '"late"')


# Each line by itself means what it says, and none is a keyword twice.
WORDS: Final = [
    "refund",
    "money back",
    "R&D",
    "'don''t'",
    '"late"',
    "{keyword: RMA, case: sensitive}",
    "返金",
    "c++",
]
TEXT: Final = (
    "    canned:\n      - |\n        • one two three – four\n        \u00a0- five,\n        “six”;\n"
)
Lines = list[str]
Damage = Callable[[Lines, int], Sequence[str]]


def _item(change: Callable[[str], Sequence[str]]) -> Damage:
    """A damage to one item of the list."""
    return lambda lines, at: [*lines[:at], *change(lines[at]), *lines[at + 1 :]]


DAMAGES: Final[dict[str, Damage]] = {
    "no-break spaces": _item(lambda line: [line.replace("      ", "\u00a0" * 6, 1)]),
    "en spaces": _item(lambda line: [line.replace("      ", "\u2002" * 6, 1)]),
    "a no-break space behind the dash": _item(lambda line: [line.replace("- ", "-\u00a0", 1)]),
    "a tab behind the dash": _item(lambda line: [line.replace("- ", "-\t", 1)]),
    "an en dash": _item(lambda line: [line.replace("-", "–", 1)]),
    "a bullet": _item(lambda line: [line.replace("-", "•", 1)]),
    "a control character": _item(lambda line: [line + "\x07"]),
    "a comma": lambda lines, at: [*lines[:at], '      - "lost",', *lines[at:]],
    "a semicolon": lambda lines, at: [*lines[:at], '      - "lost";', *lines[at:]],
    "an open quote": lambda lines, at: [*lines[:at], '      - "lost', *lines[at:]],
    "an escape": lambda lines, at: [*lines[:at], '      - "\\lost"', *lines[at:]],
    "typographic quotes": lambda lines, at: [*lines[:at], "      - “lost”", *lines[at:]],
    "an apostrophe": lambda lines, at: [*lines[:at], "      - 'lo'st'", *lines[at:]],
}
ADDED: Final = {
    "a comma": "lost", "a semicolon": "lost", "an open quote": "lost", "an escape": "lost",
    "typographic quotes": "lost", "an apostrophe": "lo'st",
}  # fmt: skip


def meaning(content: bytes) -> Any:
    """The rules, without their places."""
    read = parse({"a.yaml": content})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    return [_without_places(dataclasses.asdict(rule)) for rule in read.rules]


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_places(each) for key, each in value.items() if key != "place"}
    if isinstance(value, (list, tuple)):
        return [_without_places(each) for each in value]
    return value


def file_of(items: Sequence[str], end: str, *, with_text: bool, mark: str) -> bytes:
    text = TEXT if with_text else ""
    lines = [*(HEAD + RULE + text).splitlines()[:6], *items]
    lines += ["  # the last", *text.splitlines()]
    return (mark + end.join(lines) + end).encode()


@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, unique=True),
    damages=st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, 9)), max_size=3),
    end=st.sampled_from(["\n", "\r\n"]),
    with_text=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_a_damaged_file_means_again_what_it_meant(
    words: list[str], damages: list[tuple[str, int]], end: str, with_text: bool, mark: str
) -> None:
    right = [f"      - {word}" for word in words]
    assert fix(file_of(right, end, with_text=with_text, mark=mark)) == file_of(
        right, end, with_text=with_text, mark=mark
    )
    damaged, meant = list(right), list(right)
    kinds = dict(damages)
    for kind, at in kinds.items():
        if kind in ADDED:
            if any(f"      - {ADDED[kind]}" == line for line in meant):
                continue
            meant.append(f"      - {ADDED[kind]}")
        damaged = list(DAMAGES[kind](damaged, at % len(words)))
    fixed = fix(file_of(damaged, end, with_text=with_text, mark=mark))
    assert fixed.startswith(mark.encode() + b"version")
    assert fixed.count(b"\r\n") == (fixed.count(b"\n") if end == "\r\n" else 0)
    if len(kinds) > 1 and not isinstance(parse({"a.yaml": fixed}), RuleSet):
        return  # several damages together may be read in several ways; then they stay, with what is said of them
    one, other = meaning(fixed), meaning(file_of(meant, end, with_text=with_text, mark=mark))
    for rule in (*one, *other):
        rule["any"].sort(key=lambda keyword: keyword["written"])
    assert one == other
