"""Indentation by tabs and wide blanks: how many spaces were meant, if only one reading of the file makes sense."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from tagger.core.rules import yaml_document
from tagger.core.rules.parse import RuleSet, parse
from tagger.core.rules.problems import Findings
from tagger.core.rules.yaml_document import Mapping, Node, Text

WIDTHS: Final = (2, 4, 8)  # of a tab, as editors show it

_WIDE: Final = re.compile("^ *[\t\u3000][ \t\u3000]*(?=\\S)")
_BLOCK: Final = re.compile(r"[:-][ ]+[|>][-+0-9]*\s*(?:#.*)?$")


def is_wide(line: str) -> bool:
    """Whether a line is indented by something that has no width in YAML."""
    return _WIDE.match(line) is not None


def with_spaces(lines: Sequence[str]) -> list[str] | None:
    """The file indented by spaces; None where that can be done in ways that mean different things."""
    if any(map(_BLOCK.search, lines)):
        return None  # in a text over several lines, blanks belong to the text
    best: dict[object, list[str]] = {}
    fewest: int | None = None
    for candidate in _candidates(lines):
        content = "\n".join(candidate).encode()
        found = Findings("")
        tree = yaml_document.read(content, found)
        if tree is None or any(problem.code == "yaml" for problem in found.problems):
            continue
        read = parse({"": content})
        wrong = 0 if isinstance(read, RuleSet) else len(read)
        if fewest is None or wrong < fewest:
            best, fewest = {}, wrong
        if wrong == fewest:
            best.setdefault(_meaning(tree), candidate)
    return next(iter(best.values())) if len(best) == 1 else None


def _candidates(lines: Sequence[str]) -> Iterator[list[str]]:
    yield _aligned(lines)
    for width in WIDTHS:
        yield [_WIDE.sub(lambda blanks: _spaces(blanks[0], width), line) for line in lines]  # noqa: B023 - used at once


def _spaces(blanks: str, width: int) -> str:
    return blanks.replace("\u3000", "  ").expandtabs(width)


def _aligned(lines: Sequence[str]) -> list[str]:
    """Each line below the one before it that begins alike: an item below an item, a key below a key."""
    columns: dict[bool, str] = {}
    aligned: list[str] = []
    for line in lines:
        text = line.lstrip(" \t\u3000")
        is_item = text.startswith("-")
        if is_wide(line):
            aligned.append(columns.get(is_item, "") + text)
            continue
        if text and not text.startswith("#"):
            columns[is_item] = line[: len(line) - len(text)]
            if is_item:  # a key may stand behind the dash
                columns[False] = columns[True] + " " * (len(text) - len(text[1:].lstrip(" ")))
        aligned.append(line)
    return aligned


def _meaning(node: Node) -> object:
    """The values of a file without their places."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Mapping):
        return tuple((key.value, _meaning(value)) for key, value in node.pairs)
    return ("list", *(_meaning(item) for item in node.items))
