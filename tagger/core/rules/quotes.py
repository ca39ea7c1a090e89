"""Quotes in a line of a keyword file: where one is not closed, and what stands behind one that is.

YAML notices a quote that is not closed at the next quote, lines below; here the line itself is found.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from tagger.core.rules.problems import listed

# A legitimate text runs over fewer lines; looking further for each error would cost the square of the file.
LINES_BACK_MAX: Final = 100
# Splitting a longer value into texts could cost the square of its length, and nobody writes one by hand.
VALUE_CHARS_MAX: Final = 2_000

_DASHES: Final = re.compile(r"\s*(?:-[ ]+)*")
_KEY: Final = re.compile(r"[\w.-]+:[ ]+")
_COMMENT: Final = re.compile(r"(?<=\s)#(?=\s|$)")
_OPENS: Final = re.compile(r"(?<![^\s\[{,])[\"']")
_CLOSES: Final = {'"': re.compile(r'"(?:[^"\\]|\\.)*+"'), "'": re.compile(r"'(?:[^']|'')*+'")}
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|\'(?:[^\']|\'\')*+\'')
_SEVERAL: Final = re.compile("\0(?: ?(?:[,;|/]|or|and|OR|AND)? ?\0)+ ?[,;.]?")
_BEGINS: Final = re.compile(r"\s*(?:- |-$|[A-Za-z_]+:(?:\s|$)|#)")


_SIGNS: Final = {",": "a comma", ";": "a semicolon", ".": "a full stop", ":": "a colon", ",,": "a comma"}


class Parts(NamedTuple):
    """One line of a keyword file."""

    head: str  # indentation, dashes and key
    value: str
    comment: str  # with the space in front of it; "" where there is none


def parts_of(line: str) -> Parts | None:
    """The line in its parts; None where it has no value."""
    dashes = _DASHES.match(line)
    begin = dashes.end() if dashes else 0
    key = _KEY.match(line, begin)
    if key and line[key.end() :].strip():
        begin = key.end()
    comment = _COMMENT.search(line, begin)
    end = len(line[: comment.start()].rstrip()) if comment else len(line.rstrip())
    if end <= begin or line[begin].isspace():
        return None
    return Parts(line[:begin], line[begin:end], line[end:])


class Found(NamedTuple):
    """A mistake, and the line as it was probably meant."""

    line: int  # counts from 0, as the column does
    column: int
    text: str
    advice: str
    fixed: str


def quoted(text: str) -> str:
    """The text in quotes, so that YAML reads it as written."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def unclosed(lines: Sequence[str], number: int, *, at_end: bool) -> Found | None:
    """The quote that is not closed on its own line, at line `number` or above.

    at_end  YAML read to the end of the file in search of the closing quote
    """
    for at in range(min(number, len(lines) - 1), max(-1, number - LINES_BACK_MAX), -1):
        parts = parts_of(lines[at])
        if parts is None:
            continue
        if at < number or at_end or parts.value[0] in "[{":
            found = _open_in(parts)
            # A text may go on below; an item or a key below shows that it was meant to end here.
            below = next((line for line in lines[at + 1 : at + LINES_BACK_MAX] if line.strip()), "#")
            if found and _BEGINS.match(below):
                column, fixed, text = found
                advice = f"Close it at the end of the text: {text}"
                return Found(at, column, "this quote is never closed", advice, fixed)
        if at < number and parts.value[0] in "\"'":
            break
    return None


def _open_in(parts: Parts) -> tuple[int, str, str] | None:
    """The column of a quote that is not closed, the line with a closing one, and the text in its quotes."""
    head, value, comment = parts
    if value[0] in "\"'":
        if _CLOSES[value[0]].match(value) or len(value) == 1:
            return None
        text = quoted(value[1:].rstrip(" ,;"))
        return len(head), head + text + comment, text
    at = 0
    while value[0] in "[{" and (opens := _OPENS.search(value, at)):
        closes = _CLOSES[opens[0]].match(value, opens.start())
        if closes and value[closes.end() : closes.end() + 64].lstrip()[:1] in set(",]}:#\"'") | {""}:
            at = closes.end()
            continue
        end = re.compile(r"[,\]}]|$").search(value, opens.end())
        stop = end.start() if end else len(value)
        text = quoted(value[opens.end() : stop].rstrip("\"' "))
        fixed = head + value[: opens.start()] + text + value[stop:] + comment
        return len(head) + opens.start(), fixed, text
    return None


def text_behind(line: str, parts: Parts) -> tuple[str, str, str]:
    """What is wrong with a value that goes on behind its closing quote: text, advice, the line as meant."""
    head, value, comment = parts
    what = "there is text after the closing quote"
    closed = _CLOSES[value[0]].match(value)
    rest = value[closed.end() :].strip() if closed else ""
    if closed and (sign := _SIGNS.get(rest)):
        return f"there is {sign} after the closing quote", f"Write {closed[0]}", head + closed[0] + comment
    texts = _several(value)
    if texts and head.rstrip().endswith("-"):
        items = f"{', '.join(f'- {text}' for text in texts[:-1])} and - {texts[-1]}"
        return (
            "several texts are on one line",
            f"Write each on a line of its own: {items}",
            head + texts[0] + comment,
        )
    if texts:
        written = f"[{', '.join(texts)}]"
        return "several texts are on one line", f"Write {written}", head + written + comment
    is_inside = len(value) > 1 and value[-1] == value[0]
    text = quoted(value[1:-1] if is_inside else " ".join(value.replace(value[0], " ").split()))
    return what, f"Write {text}", head + text + comment


def _several(value: str) -> list[str]:
    """The quoted texts, if the value is nothing but some of them with signs or words in between."""
    if len(value) > VALUE_CHARS_MAX:
        return []
    shape = " ".join(_QUOTED.sub("\0", value).split())
    return _QUOTED.findall(value) if _SEVERAL.fullmatch(shape) else []


# In a double-quoted text YAML makes characters of these that nobody types. The others are used: \n, \t, \", \\ …
_SWALLOWED: Final = frozenset("0abvfreNLP_")


def escapes_of(raw: str) -> str:
    """The letters behind the backslashes of a double-quoted text, without those of Windows line ends."""
    return "".join(re.findall(r"\\(.)", raw.replace("\\r\\n", "\\n")))


def swallowed(raw: str) -> str | None:
    """The first escape in a double-quoted text that becomes a character nobody types."""
    return next((letter for letter in escapes_of(raw) if letter in _SWALLOWED), None)


def without_escapes(raw: str) -> str:
    r"""The text that was probably meant: no backslash, and none of the `\b` that are word edges elsewhere."""
    return raw.replace("\\b", "").replace("\\", "")


def escape_advice(raw: str) -> str:
    """What to write for a double-quoted text with backslashes in it."""
    single = "'" + raw.replace("'", "''") + "'"
    return f"Write {listed([quoted(without_escapes(raw)), f'{single} if the backslash is meant'])}."
