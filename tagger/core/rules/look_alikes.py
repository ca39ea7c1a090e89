"""Characters that only look like the spaces and dashes of YAML: from chats, web pages and word processors.

They are looked for near a syntax error only, because inside a text they are allowed.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_HIDDEN: Final = "\u00ad\u200b-\u200f\u2060\ufeff"
_DASHES: Final = "\u2010-\u2015\u2212\u2022\u25aa\u25cf\u00b7*"
_BLANK: Final = rf"[\s{_HIDDEN}]"
# Indentation, dashes and a key, with what is between them. Linear: no part can be read as the next one.
_HEAD: Final = re.compile(rf"{_BLANK}*+(?:-{_BLANK}++)*+(?:[A-Za-z_]++:(?:{_BLANK}++|$))?")
_ODD: Final = re.compile(f"[{_SPACES}{_HIDDEN}]")
_RETYPE: Final = "Delete the blanks here and type spaces."
_ODD_DASH: Final = re.compile(rf"\s*+([{_DASHES}])\s++(?=\S)")
# What people write in place of the dash that starts an item.
ITEM: Final = re.compile(rf"[{_DASHES}]\s++|-[{_SPACES}]++|[0-9]{{1,2}}[.)]\s++")
_GLUED_DASH: Final = re.compile(r"\s*+-(?=[^\W\d_])")
_FENCE: Final = re.compile(r"\s*+```\w*+\s*$")


class LookAlike(NamedTuple):
    """What stands in a file in place of a sign of YAML; line and column count from 1."""

    line: int
    column: int
    text: str
    advice: str
    lines: list[str] | None  # the file as it was probably meant; None where the width of a blank is not known
    run: (
        tuple[int, list[str]] | None
    )  # the cured lines that follow each other here, and the number of the first, from 0


class _Cured(NamedTuple):
    column: int
    text: str
    advice: str
    line: str | None


def near(lines: Sequence[str], numbers: set[int]) -> LookAlike | None:
    """The look-alike on one of these lines (counted from 0) or on the line above; all of its kind are replaced."""
    around = {number for each in numbers for number in (each - 1, each) if 0 <= number < len(lines)}
    for cure in (_fence, _tab, _space, _dash, _glued):
        for number in sorted(around):
            if cured := cure(lines[number]):
                return _everywhere(lines, number, cure, cured)
    return None


def _everywhere(
    lines: Sequence[str], number: int, cure: Callable[[str], _Cured | None], first: _Cured
) -> LookAlike:
    cured = [cure(line) for line in lines]
    others = sum(each is not None for each in cured) - 1
    text = first.text + (f" (also on {others:,} more line{'s' * (others > 1)})" if others else "")
    fixed = [line if each is None else each.line for line, each in zip(lines, cured, strict=True)]
    known = [line for line in fixed if line is not None]
    probable = known if len(known) == len(fixed) else None
    return LookAlike(number + 1, first.column, text, first.advice, probable, _run(cured, number))


def _run(cured: Sequence[_Cured | None], number: int) -> tuple[int, list[str]] | None:
    """Lines with the same mistake that follow each other. Those elsewhere may be part of a text."""
    begin, end = number, number + 1
    while begin and cured[begin - 1] is not None:
        begin -= 1
    while end < len(cured) and cured[end] is not None:
        end += 1
    lines = [each.line for each in cured[begin:end] if each is not None and each.line is not None]
    return (begin, lines) if len(lines) == end - begin else None


def item_of(text: str) -> tuple[str, str] | None:
    """What a text begins with that looks like the dash or the number of an item, and its first item."""
    found = ITEM.match(text)
    if found is None:
        return None
    first = text[found.end() :].split(f" {found[0].strip()} ", maxsplit=1)[0]
    return found[0].strip(), first.strip()


def is_odd(text: str) -> bool:
    """Whether a text begins with a blank that YAML takes for a letter."""
    return _ODD.match(text) is not None


def _space(line: str) -> _Cured | None:
    head = _HEAD.match(line)
    odd = _ODD.search(line, 0, head.end()) if head else None
    if head is None or odd is None:
        return None
    plain = re.sub(f"[{_HIDDEN}]", "", head[0])
    fixed = re.sub(f"[{_SPACES}]", " ", plain) + line[head.end() :]
    is_hidden = re.match(f"[{_HIDDEN}]", odd[0]) is not None
    what = "an invisible character" if is_hidden else "a character that only looks like a space"
    text = f"there is {what} (U+{ord(odd[0]):04X}) here"
    # How many columns a wide space is meant to fill is not certain.
    return _Cured(odd.start() + 1, text, _RETYPE, None if "\u3000" in head[0] else fixed)


def _tab(line: str) -> _Cured | None:
    head = _HEAD.match(line)
    at = head[0].find("\t") if head and line[head.end() :].strip() else -1
    if head is None or at < 0:
        return None
    text = "a tab is used where only spaces are allowed"
    fixed = None if not line[:at].strip() else head[0].replace("\t", " ") + line[head.end() :]
    return _Cured(at + 1, text, "Replace it with spaces.", fixed)


def _dash(line: str) -> _Cured | None:
    found = _ODD_DASH.match(line)
    if found is None:
        return None
    at, rest = found.start(1), line[found.end() :]
    text = f"{found[1]} is not the dash that starts an item"
    advice = f"Write an ordinary dash: - {rest.strip()[:40]}"
    return _Cured(at + 1, text, advice, f"{line[:at]}- {rest}")


def _glued(line: str) -> _Cured | None:
    found = _GLUED_DASH.match(line)
    if found is None:
        return None
    fixed = f"{found[0]} {line[found.end() :]}"
    return _Cured(found.end() + 1, "the dash needs a space after it", f"Write {fixed.strip()[:40]}", fixed)


def _fence(line: str) -> _Cured | None:
    if not _FENCE.match(line):
        return None
    text = "``` marks code in chats and on web pages, and does not belong to the file"
    return _Cured(line.index("`") + 1, text, "Delete this line.", "")
