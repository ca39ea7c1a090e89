"""Quotes in a line of a keyword file: where one is not closed, and what stands behind one that is.

YAML notices a quote that is not closed at the next quote, lines below; here the line itself is found.
"""

import json
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
QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|\'(?:[^\']|\'\')*+\'')
_SEVERAL: Final = re.compile("\0(?: ?(?:[,;|/]|or|and|OR|AND)? ?\0)+ ?[,;.]?")
_LONE_QUOTE: Final = re.compile(r"[\"'][^\"'\\#]+")
_APOSTROPHES: Final = re.compile(r"'(?:[^'\"\\]|(?<=[^\W\d_])'(?=[^\W\d_]))+'")
# What stands between texts that are alternatives; `and` may ask for all of them.
_AND: Final = re.compile("\0 ?(?:and|AND) ?\0")
# Keys under which a list of texts stands.
_LISTS: Final = re.compile(r"(?:any|none|ignore|canned):\s+$")
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
    is_certain: bool = False  # no other line can have been meant


class Behind(NamedTuple):
    """What stands behind a closing quote, and the line as it was probably meant."""

    text: str
    advice: str
    fixed: str
    certain: tuple[str, ...] | None = None  # the lines in place of this one; None where others may be meant


def quoted(text: str) -> str:
    """The text in quotes, so that YAML reads it as written."""
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def unclosed(lines: Sequence[str], number: int, *, at_end: bool) -> Found | None:
    """The quote that is not closed on its own line, at line `number` or above.

    at_end  YAML read to the end of the file in search of the closing quote
    """
    closed = set[str]()  # quotes that begin a text below: one of the same kind above would have ended there
    for at in range(min(number, len(lines) - 1), max(-1, number - LINES_BACK_MAX), -1):
        parts = parts_of(lines[at])
        if parts is None or parts.value[0] in closed:
            continue
        if at < number or at_end or parts.value[0] in "[{":
            found = _open_in(parts)
            # A text may go on below; an item or a key below shows that it was meant to end here.
            below = next((line for line in lines[at + 1 : at + LINES_BACK_MAX] if line.strip()), "#")
            if found and _BEGINS.match(below):
                column, fixed, text = found
                advice = f"Close it at the end of the text: {text}"
                is_certain = _LONE_QUOTE.fullmatch(parts.value) is not None and not parts.comment
                return Found(at, column, "this quote is never closed", advice, fixed, is_certain)
        if at < number and parts.value[0] in "\"'":
            closed.add(parts.value[0])
        if len(closed) == len("\"'"):
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


def text_behind(parts: Parts) -> Behind:
    """What is wrong with a value that goes on behind its closing quote."""
    head, value, comment = parts
    closed = _CLOSES[value[0]].match(value)
    rest = value[closed.end() :].strip() if closed else ""
    if closed and (sign := _SIGNS.get(rest)):
        fixed = head + closed[0] + comment
        certain = None if rest == ":" else (fixed,)
        return Behind(f"there is {sign} after the closing quote", f"Write {closed[0]}", fixed, certain)
    if texts := _several(value):
        return _several_behind(parts, texts)
    is_inside = len(value) > 1 and value[-1] == value[0]
    text = quoted(value[1:-1] if is_inside else " ".join(value.replace(value[0], " ").split()))
    fixed = head + text + comment
    certain = (fixed,) if _APOSTROPHES.fullmatch(value) else None
    return Behind("there is text after the closing quote", f"Write {text}", fixed, certain)


def _several_behind(parts: Parts, texts: Sequence[str]) -> Behind:
    head, value, comment = parts
    what = "several texts are on one line"
    are_alternatives = _AND.search(_shape(value)) is None
    if head.rstrip().endswith("-"):
        advice = f"Write each on a line of its own: {', '.join(f'- {text}' for text in texts[:-1])} and - {texts[-1]}"
        lines = (head + texts[0] + comment, *(head + text for text in texts[1:]))
        # A second dash in front belongs to a list in a list, and must not be repeated.
        is_item = are_alternatives and head.strip() == "-"
        return Behind(what, advice, lines[0], lines if is_item else None)
    written = f"[{', '.join(texts)}]"
    fixed = head + written + comment
    is_list = are_alternatives and _LISTS.search(head) is not None
    return Behind(what, f"Write {written}", fixed, (fixed,) if is_list else None)


def _several(value: str) -> list[str]:
    """The quoted texts, if the value is nothing but some of them with signs or words in between."""
    if len(value) > VALUE_CHARS_MAX:
        return []
    return QUOTED.findall(value) if _SEVERAL.fullmatch(_shape(value)) else []


def _shape(value: str) -> str:
    """What stands around the quoted texts, each of which is one NUL."""
    return " ".join(QUOTED.sub("\0", value).split())


# In a double-quoted text YAML makes characters of these that nobody types. The others are used: \n, \t, \", \\ …
_SWALLOWED: Final = frozenset("0abvfreNLP_")


# A character beyond U+FFFF as JSON writes it, in two halves (RFC 8259, section 7), and any run of such halves.
_PAIR: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
HALVES: Final = re.compile(r"(?<!\\)(?:\\\\)*((?:\\u[dD][89a-fA-F][0-9a-fA-F]{2})+)")


def of_json(raw: str) -> str:
    """A double-quoted text with the characters that JSON writes in two halves as themselves."""

    def joined(halves: re.Match[str]) -> str:
        before = halves[0].removesuffix(halves[1])
        return before + _PAIR.sub(lambda pair: json.loads(f'"{pair[0]}"'), halves[1])

    return HALVES.sub(joined, raw)


def escapes_of(raw: str) -> str:
    """The letters behind the backslashes of a double-quoted text, without those of Windows line ends."""
    return "".join(re.findall(r"\\(.)", raw.replace("\\r\\n", "\\n")))


def swallowed(raw: str) -> str | None:
    """The first escape in a double-quoted text that becomes a character nobody types."""
    return next((letter for letter in escapes_of(raw) if letter in _SWALLOWED), None)


def without_escapes(raw: str) -> str:
    r"""The text that was probably meant: no backslash, and none of the `\b` that are word edges elsewhere."""
    return of_json(raw).replace("\\b", "").replace("\\", "")


def is_stray_backslash(raw: str) -> bool:
    r"""Whether the backslashes of a double-quoted text can only be slips: `\refund`, and the edges of `\brefund\b`."""
    inside = raw.removeprefix("\\b").removesuffix("\\b") if len(raw) > len("\\b\\b") else raw
    if inside != raw:
        return "\\" not in inside and raw.startswith("\\b") and raw.endswith("\\b")
    return raw.count("\\") == 1 and re.match(r"\\[A-Za-z]{3}", raw) is not None and raw[1] != "b"


def escape_advice(raw: str) -> str:
    """What to write for a double-quoted text with backslashes in it."""
    single = "'" + raw.replace("'", "''") + "'"
    return f"Write {listed([quoted(without_escapes(raw)), f'{single} if the backslash is meant'])}."
