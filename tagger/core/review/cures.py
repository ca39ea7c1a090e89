"""The cures that are certain, by the code of what they cure: a problem and the lines around it → an edit. Pure.

A cure is certain if nothing else can have been meant. All others stay advice, for a person to follow.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tagger.core.folding.fold import fold
from tagger.core.review.lint_text import HIDDEN, NO_BREAK
from tagger.core.rules.look_alikes import ITEM
from tagger.core.rules.mistakes import Edit
from tagger.core.rules.problems import Problem
from tagger.core.rules.quotes import QUOTED, is_stray_backslash, parts_of, quoted, without_escapes

_IN_BRACKETS: Final = re.compile(r"[^,\[\]{}]+")
_TYPOGRAPHIC: Final = re.compile('(?:[“”„‟«»]([^“”„‟«»"\\\\]+)[“”„‟«»]|[‘’‚‛]([^‘’‚‛"\\\\]+)[‘’‚‛])')
_KEY: Final = re.compile(r"[A-Za-z_]+(?=:(?:\s|$))")
_VERSION: Final = re.compile(r"version:\s*[\"']?1[\"']?\s*")
_RULES: Final = re.compile(r"rules:\s*")


class _Scalar(NamedTuple):
    """A text on one line of a file."""

    before: str
    text: str  # with its quotes
    after: str

    def edit(self, row: int, text: str) -> Edit:
        return Edit(row, row + 1, (self.before + text + self.after,))


def cure(problem: Problem, lines: Sequence[str]) -> Edit | None:
    """The edit that does away with a problem, if it is certain."""
    known = _CURES.get(problem.code)
    row = problem.place.line - 1
    return known(lines, row, problem.place.column - 1) if known and row < len(lines) else None


def _scalar(line: str, column: int) -> _Scalar | None:
    """The text that begins there; None where it ends on another line, or is not text."""
    parts = parts_of(line)
    is_alone = parts is not None and len(parts.head) == column
    if found := QUOTED.match(line, column):
        end = found.end()
    elif parts is not None and is_alone:
        end = column + len(parts.value)
    elif found := _IN_BRACKETS.match(line, column):
        end = column + len(found[0].rstrip())
    else:
        return None
    text = line[column:end]
    if not text or (text[0] not in "\"'" and (": " in text or " #" in text)):
        return None
    return _Scalar(line[:column], text, line[end:])


def _smart_quotes(lines: Sequence[str], row: int, column: int) -> Edit | None:
    scalar = _scalar(lines[row], column)
    found = _TYPOGRAPHIC.fullmatch(scalar.text) if scalar else None
    inside = (found[1] or found[2]).strip() if found else ""
    return scalar.edit(row, f'"{inside}"') if scalar and inside else None


def _blanks(lines: Sequence[str], row: int, column: int) -> Edit | None:
    """No-break spaces become spaces, and what cannot be seen goes, where a keyword is found as before."""
    scalar = _scalar(lines[row], column)
    if scalar is None:
        return None
    plain = "".join(" " if char in NO_BREAK else char for char in scalar.text if char not in HIDDEN)
    return scalar.edit(row, plain) if fold(plain).text == fold(scalar.text).text else None


def _trailing_sign(lines: Sequence[str], row: int, column: int) -> Edit | None:
    scalar = _scalar(lines[row], column)
    if scalar is None or scalar.text[0] in "\"'":
        return None  # in quotes, the sign was put there on purpose
    return scalar.edit(row, scalar.text.rstrip(",;，； "))


def _repeated_keyword(lines: Sequence[str], row: int, column: int) -> Edit | None:
    scalar, parts = _scalar(lines[row], column), parts_of(lines[row])
    if scalar is None or parts is None:
        return None
    if scalar.before.strip() == "-":
        return Edit(row, row + 1, ()) if not scalar.after.strip() else None  # a comment is not ours to delete
    if scalar.before.rstrip().endswith(",") and scalar.after.lstrip()[:1] in {",", "]"}:
        return Edit(row, row + 1, (scalar.before.rstrip()[:-1] + scalar.after,))
    return None


def _capital(lines: Sequence[str], row: int, column: int) -> Edit | None:
    """A key that is known in small letters."""
    line = lines[row]
    key = _KEY.match(line, column)
    if key is None or key[0].islower():
        return None
    return Edit(row, row + 1, (line[:column] + key[0].lower() + line[key.end() :],))


def _alias(lines: Sequence[str], row: int, column: int) -> Edit | None:
    scalar = _scalar(lines[row], column)
    return scalar.edit(row, quoted(scalar.text)) if scalar and "\\" not in scalar.text else None


def _escape(lines: Sequence[str], row: int, column: int) -> Edit | None:
    scalar = _scalar(lines[row], column)
    raw = scalar.text[1:-1] if scalar else ""
    return scalar.edit(row, quoted(without_escapes(raw))) if scalar and is_stray_backslash(raw) else None


def _items(lines: Sequence[str], row: int, column: int) -> Edit | None:
    """A list in which every item begins with another dash, or with a number."""
    indentation = lines[row][:column]
    cured: list[str] = []
    for line in lines[row:]:
        item = ITEM.match(line, column)
        if item is None or line[:column] != indentation or indentation.strip(" "):
            break
        cured.append(f"{indentation}- {line[item.end() :]}")
    return Edit(row, row + len(cured), tuple(cured)) if cured else None


def _second_file(lines: Sequence[str], row: int, _column: int) -> Edit | None:
    """The first lines of a second keyword file in the same file."""
    end = row + (lines[row].strip() == "---")
    for head in (_VERSION, _RULES):
        while end < len(lines) and not lines[end].strip():
            end += 1
        if end == len(lines) or not head.fullmatch(lines[end]):
            return None
        end += 1
    return Edit(row, end, ())


_CURES: Final[dict[str, Callable[[Sequence[str], int, int], Edit | None]]] = {
    "smart-quotes": _smart_quotes,
    "no-break-space": _blanks,
    "invisible-character": _blanks,
    "trailing-sign": _trailing_sign,
    "repeated-keyword": _repeated_keyword,
    "unknown-key": _capital,
    "alias": _alias,
    "escape": _escape,
    "wrong-type": _items,
    "repeated-key": _second_file,
    "second-document": _second_file,
}
