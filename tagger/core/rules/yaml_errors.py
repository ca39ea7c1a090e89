"""A syntax error of YAML in words for people who do not know YAML.

YAML names the place where it lost the thread, in terms of its grammar. Here the line is looked at again for
the mistake that a person probably made; where the fix is obvious, the fixed line comes with it.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import yaml

from tagger.core.rules.problems import shown
from tagger.core.rules.quotes import (
    HALVES,
    LINES_BACK_MAX,
    QUOTED,
    escape_advice,
    is_stray_backslash,
    of_json,
    parts_of,
    quoted,
    text_behind,
    unclosed,
    without_escapes,
)

# All of these are linear in the line, which is as long as its author likes: after a run of characters comes
# nothing that could also be one of them, and what is searched for has a fixed length.
_GLUED: Final = re.compile(r"\s*(?:-[ ]+)*([A-Za-z_]+)[:：](?=[^\s/])")
_BARE_KEY: Final = re.compile(r"\s*(?:-[ ]+)*([A-Za-z_]+)\s*(?:：\s*)?$")
_BRACKET: Final = re.compile(r"[\[{]")
_NO_COMMA: Final = re.compile(r"(?<=[\[,\s])(\"[^\",\\]{0,200}\")\s{1,20}(\"[^\",\\]{0,200}\")")
_HASH_IN_LIST: Final = re.compile(r"[\s\[,]#")

_MEANING: Final = {
    "%": "starts a directive",
    "@": "is reserved",
    "`": "is reserved",
    "*": "refers to another place in the file",
    "&": "names a place in the file",
    "!": "marks a type",
    "|": "starts multi-line text",
    ">": "starts multi-line text",
    ":": "ends a key",
    "?": "starts a key",
    "-": "starts a list item",
    "{": "opens a mapping",
    "}": "closes a mapping",
    "[": "opens a list",
    "]": "closes a list",
    ",": "separates items",
}
# Those with which people mean nothing but text; the others may be meant for YAML.
_TEXT_ONLY: Final = frozenset("%@")
# What libyaml and the pure reader say when text starts with one of these.
_STARTS: Final = ("start any token", "an alias", "an anchor", "a tag", "block scalar", "node content")

_LINE_UP: Final = "Indent it like the lines it belongs with."


class Syntax(NamedTuple):
    """What is wrong; line and column count from 1."""

    line: int
    column: int
    text: str
    advice: str
    fixed: str | None = None  # the line as it was probably meant
    certain: tuple[str, ...] | None = None  # the lines in place of this one; None where others may be meant


def explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Syntax:
    """What a person did wrong where YAML could not read on."""
    problem, context = error.problem or "", error.context or ""
    end, begin = error.problem_mark, error.context_mark
    at_end = "quoted scalar" in context and "end of stream" in problem
    if "invalid Unicode character" in problem and begin:
        return halves(begin, lines)
    if "escape" in problem:
        return _escape(begin, lines)
    last = begin if at_end else end or begin
    number = last.line if last else 0
    if found := unclosed(lines, number, at_end=at_end):
        certain = (found.fixed,) if found.is_certain else None
        return Syntax(found.line + 1, found.column + 1, found.text, found.advice, found.fixed, certain)
    if at_end:
        return _at(begin, "this quote is never closed", "Close it at the end of the text.")
    for mark in (begin, end):
        if mark is not None and (starts := _special_start(mark, problem + context, lines)):
            return starts
    if "could not find expected ':'" in problem:
        return _no_colon(begin, lines)
    if "mapping values are not allowed" in problem:
        return _second_colon(end, lines)
    if "flow" in context:
        return _unclosed(begin, lines)
    if "block" in context:
        return _misplaced(end, lines)
    return _at(end or begin, f"this is not valid YAML ({problem})", "Compare it with a line that works.")


def _at(
    mark: yaml.Mark | None,
    text: str,
    advice: str,
    fixed: str | None = None,
    certain: tuple[str, ...] | None = None,
) -> Syntax:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Syntax(line, column, text, advice, fixed, certain)


def _line(mark: yaml.Mark | None, lines: Sequence[str]) -> str:
    return lines[mark.line] if mark and mark.line < len(lines) else ""


def _special_start(mark: yaml.Mark, what: str, lines: Sequence[str]) -> Syntax | None:
    """Text that starts with a character that is special in YAML, or a tab."""
    line = _line(mark, lines)
    char = line[mark.column : mark.column + 1]
    begins = any(sign in what for sign in _STARTS) or (char == ":" and "block mapping" in what)
    if begins and char == "\t":
        return _at(mark, "a tab is used where only spaces are allowed", "Replace it with spaces.")
    if not begins or char not in _MEANING:
        return None
    text = f"text cannot start with {char}, which {_MEANING[char]} in YAML"
    parts = parts_of(line)
    if not parts or len(parts.head) != mark.column:
        return _at(mark, text, "Put it in quotes.")
    value = quoted(parts.value)
    fixed = parts.head + value + parts.comment
    certain = (fixed,) if char in _TEXT_ONLY and "\\" not in parts.value else None
    return _at(mark, text, f"Put it in quotes: {value}", fixed, certain)


def _escape(begin: yaml.Mark | None, lines: Sequence[str]) -> Syntax:
    text, line = "a backslash is special inside double quotes", _line(begin, lines)
    opens = begin.column if begin else 0
    closes = line.find('"', opens + 1)
    while closes > 0 and line[closes - 1] == "\\" and line[closes - 2] != "\\":
        closes = line.find('"', closes + 1)
    if closes < 0:
        return _at(begin, text, "Use 'single quotes' here.")
    raw = line[opens + 1 : closes]
    fixed = line[:opens] + quoted(without_escapes(raw)) + line[closes + 1 :]
    return _at(begin, text, escape_advice(raw), fixed, (fixed,) if is_stray_backslash(raw) else None)


def halves(begin: yaml.Mark, lines: Sequence[str]) -> Syntax:
    """A character in two halves, as JSON writes it, in the double-quoted text that begins there.

    libyaml refuses it, the pure reader takes each half for a character.
    """
    for number in range(begin.line, min(begin.line + LINES_BACK_MAX, len(lines))):
        line, column = lines[number], begin.column if number == begin.line else 0
        found = HALVES.search(line, column)
        if found is None:
            continue
        at, end = found.span(1)
        whole = of_json(found[1])
        if HALVES.search(whole):
            text = f"{shown(found[1])} is half of a character as JSON writes it; the other half is missing"
            fixed = line[:at] + HALVES.sub("\ufffd", whole) + line[end:]
            return Syntax(number + 1, at + 1, text, "Type the character itself.", fixed)
        text = f"{shown(found[1])} is how JSON writes {whole}, and YAML cannot read it"
        if closed := QUOTED.match(line, column):
            end = closed.end()
        fixed = line[:at] + of_json(line[at:end]) + line[end:]
        return Syntax(number + 1, at + 1, text, f"Type {whole} itself.", fixed, (fixed,))
    return _escape(begin, lines)


def _no_colon(mark: yaml.Mark | None, lines: Sequence[str]) -> Syntax:
    line = _line(mark, lines)
    if glued := _no_space(line, mark.line + 1 if mark else 1):
        return glued
    text = f"{shown(line.strip())} is neither a list item nor a key with a value"
    return _at(mark, text, "Start an item with `- `; put a colon and a space after a key.")


def _no_space(line: str, number: int) -> Syntax | None:
    glued = _GLUED.match(line)
    if not glued:
        return None
    fixed = f"{line[: glued.end() - 1]}: {line[glued.end() :]}"
    text = f"`{glued[1]}` needs a colon and a space after it"
    return Syntax(number, glued.end() + 1, text, f"Write {shown(fixed.strip())}", fixed, (fixed,))


def _second_colon(mark: yaml.Mark | None, lines: Sequence[str]) -> Syntax:
    line = _line(mark, lines)
    if mark and mark.line:
        above = lines[mark.line - 1]
        if glued := _no_space(above, mark.line):
            return glued
        if key := _BARE_KEY.match(above):
            text, fixed = f"`{key[1]}` needs a colon after it", f"{above[: key.end(1)]}:"
            return Syntax(mark.line, key.end(1) + 1, text, f"Write `{key[1]}:`", fixed)
    parts = parts_of(line)
    # Where quotes do not help, the line goes on with a text that begins above it.
    is_new = parts is not None and parts.value[0] not in "\"'"
    if (
        parts
        and is_new
        and mark
        and len(parts.head) < mark.column
        and ": " in parts.value
        and parts.head.strip()
    ):
        value = quoted(parts.value)
        text = "a colon followed by a space makes this a key in YAML"
        return _at(mark, text, f"Put it in quotes: {value}", parts.head + value + parts.comment)
    return _at(mark, "this line is indented too far", _LINE_UP)


def _unclosed(mark: yaml.Mark | None, lines: Sequence[str]) -> Syntax:
    number = min(mark.line, len(lines) - 1) if mark else 0
    bracket = _BRACKET.search(lines[number])
    if bracket and (cut := _HASH_IN_LIST.search(lines[number], bracket.end())):
        text = "the # starts a comment, which hides the rest of the line"
        return Syntax(number + 1, cut.end(), text, "Put the text with the # in quotes.")
    if texts := _NO_COMMA.search(lines[number]):
        fixed = f"{lines[number][: texts.end(1)]}, {lines[number][texts.start(2) :]}"
        text = f"there is no comma between {texts[1]} and {texts[2]}"
        advice = f"Write {texts[1]}, {texts[2]}"
        return Syntax(number + 1, texts.end(1) + 1, text, advice, fixed, (fixed,))
    text = "this list or mapping is not closed, or a comma or a quote is missing in it"
    return _at(mark, text, "Write one item per line, each starting with `- `; then you need neither.")


def _misplaced(mark: yaml.Mark | None, lines: Sequence[str]) -> Syntax:
    line = _line(mark, lines)
    before = line[: mark.column].rstrip() if mark else ""
    if before.endswith(('"', "'")) and (parts := parts_of(line)) and parts.value[0] in "\"'":
        return _at(mark, *text_behind(parts))
    if before.endswith(("]", "}")):
        return _at(mark, "there is text after the closing bracket", "Put the text in quotes.")
    return _at(mark, "this line does not line up with the lines above", _LINE_UP)
