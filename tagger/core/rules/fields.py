"""The values of a keyword file → the fields of a rule. Each function reads one kind of value.

A value that cannot be taken is noted, with what to do, and left out; reading goes on, so that all problems
are told together.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, Literal, cast

from tagger.core.conversation import Author
from tagger.core.folding.fold import fold
from tagger.core.rules.model import Canned, RuleTest
from tagger.core.rules.problems import SHOWN_CHARS_MAX, Findings, did_you_mean, listed, shown
from tagger.core.rules.yaml_document import Mapping, Node, Sequence, Text

TEXT_CHARS_MAX: Final = 16_384  # of a canned response and of a test: LiveChat's longest message
TAG_CHARS_MAX: Final = 256  # LiveChat states no limit; this keeps a paragraph from becoming a tag
ID_CHARS_MAX: Final = 64
OWNER_CHARS_MAX: Final = 200
COUNT_MAX: Final = 1_000_000_000  # of `min_matches`, and the largest group id; both fit in 32 bits

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def kind_of(node: Node) -> str:
    """What stands there, for a message."""
    if isinstance(node, Text):
        return f"the text {shown(node.value)}" if node.value else "nothing"
    return "a list" if isinstance(node, Sequence) else "a mapping (`key: value`)"


def text(found: Findings, node: Node, name: str, chars_max: int) -> str | None:
    """A text that says something."""
    if not isinstance(node, Text):
        advice = "Write one text; put it in quotes if it has a colon or brackets."
        found.add(node, "wrong-type", f"{name} must be a text, and here is {kind_of(node)}", advice)
        return None
    if not node.value.strip():
        advice = "Write a text, or delete the line. A text that begins with # needs quotes."
        found.add(node, "empty", f"{name} is empty", advice)
        return None
    if len(node.value) > chars_max:
        what = f"{name} has {len(node.value):,} characters; the limit is {chars_max:,}"
        found.add(node, "too-long", what, "Shorten it.")
        return None
    return node.value


def items(found: Findings, node: Node, name: str, example: str) -> Iterable[Node]:
    """The items of a list that has some; nothing where it is no list."""
    if isinstance(node, Sequence) and node.items:
        return node.items
    if isinstance(node, Sequence) or (isinstance(node, Text) and node.plain and not node.value):
        found.add(node, "empty-list", f"{name} is empty", f"Delete it, or write items: {example}")
    else:
        what = f"{name} must be a list, and here is {kind_of(node)}"
        if isinstance(node, Text) and 0 < len(node.value) <= SHOWN_CHARS_MAX and node.value.isprintable():
            example = f"[{node.value}]"
        found.add(node, "wrong-type", what, f"Write {example}, or one item a line with `- ` before it.")
    return ()


def pairs(found: Findings, node: Mapping, known: Iterable[str], what: str) -> dict[str, Node]:
    """The known keys of a mapping; each unknown one is noted."""
    known = tuple(known)
    read: dict[str, Node] = {}
    for key, value in node.pairs:
        if key.value in known:
            read[key.value] = value
        elif not found.is_full:
            found.add(key, "unknown-key", f"{what} has no {shown(key.value)}", _advice(key.value, known))
    return read


# What people of neighbouring products look for.
_ELSEWHERE: Final = {
    "keywords": "any", "words": "any", "phrases": "any", "or": "any", "and": "all", "not": "none",
    "exclude": "none", "unless": "ignore", "except": "ignore", "name": "id", "label": "tag", "tags": "tag",
    "author": "from", "until": "expires", "threshold": "min_matches", "template": "canned",
}  # fmt: skip


def meant_by(key: str, known: tuple[str, ...]) -> str | None:
    """The known key that an unknown one stands for, probably."""
    meant = did_you_mean(key, known) or _ELSEWHERE.get(key.lower())
    return meant if meant in known else None


def _advice(key: str, known: tuple[str, ...]) -> str:
    if ":" in key:
        return "Put a space after the colon, or quotes around the whole text."
    meant = meant_by(key, known)
    return f"Did you mean `{meant}`?" if meant else f"Known: {', '.join(known)}."


def one_of(found: Findings, node: Node, name: str, known: tuple[str, ...]) -> str | None:
    """One of some words."""
    if isinstance(node, Text) and node.value in known:
        return node.value
    meant = did_you_mean(node.value, known) if isinstance(node, Text) else None
    advice = f"Did you mean `{meant}`?" if meant else f"Write {listed(known)}."
    found.add(node, "wrong-value", f"{name} must be {listed(known)}, and here is {kind_of(node)}", advice)
    return None


def boolean(found: Findings, node: Node, name: str) -> bool:
    return one_of(found, node, name, ("true", "false")) == "true"


def whole_number(found: Findings, node: Node, name: str, least: int) -> int | None:
    if isinstance(node, Text) and re.fullmatch("[0-9]{1,10}", node.value):
        number = int(node.value)
        if least <= number <= COUNT_MAX:
            return number
    what = f"{name} must be a whole number from {least} on, and here is {kind_of(node)}"
    found.add(node, "wrong-value", what, "Write it in digits, like 3.")
    return None


def day(found: Findings, node: Node, name: str) -> date | None:
    if isinstance(node, Text) and _DATE.fullmatch(node.value):
        try:
            return date.fromisoformat(node.value)
        except ValueError:
            found.add(node, "bad-date", f"there is no day {shown(node.value)}", "Look at a calendar.")
            return None
    found.add(
        node, "bad-date", f"{name} must be a day, and here is {kind_of(node)}", "Write it like 2027-03-31."
    )
    return None


def identifier(found: Findings, node: Node) -> str | None:
    value = text(found, node, "`id`", ID_CHARS_MAX)
    if value is None or _ID.fullmatch(value):
        return value
    plain = re.sub(r"[^a-z0-9_.]+", "-", fold(value).text).strip("-._")
    what = f"{shown(value)} cannot be an id: only a to z, digits, - _ and . can"
    found.add(node, "bad-id", what, f"Write `{plain}`." if plain else "Write something like `refund`.")
    return None


def tag(found: Findings, node: Node) -> str | None:
    value = text(found, node, "`tag`", TAG_CHARS_MAX)
    if value is None:
        return None
    if value != value.strip() or not value.isprintable():
        what = "the tag has spaces at an end, a line break or invisible characters"
        found.add(node, "bad-tag", what, "Write it exactly as it is in LiveChat.")
        return None
    return value


def groups(found: Findings, node: Node) -> frozenset[int]:
    ids = (whole_number(found, item, "a group id", 0) for item in items(found, node, "`groups`", "[0, 3]"))
    return frozenset(number for number in ids if number is not None)


def canned(found: Findings, node: Node) -> tuple[Canned, ...]:
    example = '["Hi %name%, your refund is on its way."]'
    read: list[Canned] = []
    for item in items(found, node, "`canned`", example):
        value = text(found, item, "a canned response", TEXT_CHARS_MAX)
        if value is None:
            continue
        if any(char.isalnum() for char in fold(value).text):
            read.append(Canned(value, found.place(item)))
        else:
            found.add(item, "empty", "a canned response without a word", "Write its text as agents send it.")
    return tuple(read)


def tests(found: Findings, node: Node, default: Author) -> tuple[RuleTest, ...]:
    read = (
        _test(found, item, default) for item in items(found, node, "`tests`", '[match: "I want a refund"]')
    )
    return tuple(one for one in read if one is not None)


_TEST_ADVICE: Final = 'Write `- match: "I want a refund"` or `- absent: "no, thanks"`.'


def _test(found: Findings, node: Node, default: Author) -> RuleTest | None:
    if not isinstance(node, Mapping) or len(node.pairs) != 1:
        what = f"a test must say one thing, `match` or `absent`, and here is {kind_of(node)}"
        found.add(node, "bad-test", what, _TEST_ADVICE)
        return None
    read = pairs(found, node, ("match", "absent"), "a test")
    for expect, value in read.items():
        lines = value.items if isinstance(value, Sequence) else [value]
        said = tuple(_said(found, lines, default))
        if said:
            return RuleTest(cast(Literal["match", "absent"], expect), said, found.place(node))
        if not lines:
            found.add(value, "bad-test", "a test in which nobody says anything", _TEST_ADVICE)
    return None


def _said(found: Findings, lines: Iterable[Node], default: Author) -> Iterator[tuple[Author, str]]:
    for line in lines:
        author, node = default, line
        if isinstance(line, Mapping):
            read = pairs(found, line, ("customer", "agent"), "what is said in a test")
            if len(line.pairs) != 1:
                what = "each thing said in a test has one author"
                found.add(
                    line, "bad-test", what, "Write `- customer: …` and `- agent: …` on lines of their own."
                )
            if len(read) != 1:
                continue
            author, node = cast(tuple[Author, Node], next(iter(read.items())))
        value = text(found, node, "what is said in a test", TEXT_CHARS_MAX)
        if value is not None:
            yield author, value
