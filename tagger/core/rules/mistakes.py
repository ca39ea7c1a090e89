"""What YAML cannot read in a file: where, what to do about it, and the cure where there is only one."""

from collections.abc import Sequence
from typing import NamedTuple

import yaml

from tagger.core.rules import look_alikes
from tagger.core.rules.quotes import LINES_BACK_MAX
from tagger.core.rules.yaml_errors import Syntax, explain, halves


class Edit(NamedTuple):
    """Lines of a file, and what is written in their place."""

    begin: int  # counts from 0
    end: int  # the first line that stays
    lines: tuple[str, ...]


class Mistake(NamedTuple):
    """The first thing that YAML cannot read; line and column count from 1."""

    line: int
    column: int
    text: str
    advice: str
    probable: list[str] | None  # the file as it was probably meant, line by line: reading goes on with it
    certain: Edit | None  # the cure, where no other can be meant
    cause: tuple[object, ...]  # what YAML itself says: the same after a cure that was none


def of_error(error: yaml.MarkedYAMLError, lines: list[str]) -> Mistake:
    """The mistake behind an error of YAML's reader."""
    marks = (error.context_mark, error.problem_mark)
    cause = (error.problem, *((mark.line, mark.column) for mark in marks if mark))
    near = {mark.line for mark in marks if mark}
    if error.problem_mark and "mapping values" in (error.problem or ""):
        near.update(_lined_up(lines, error.problem_mark.line))
    if odd := look_alikes.near(lines, near):
        return of_look_alike(odd, lines)._replace(cause=cause)
    return _of_syntax(explain(error, lines), lines, cause)


def of_halves(begin: yaml.Mark, lines: list[str]) -> Mistake:
    """A character in two halves in the text that begins at this mark, which the pure reader lets pass."""
    wrong = halves(begin, lines)
    return _of_syntax(wrong, lines, (wrong.line, wrong.column, wrong.text))


def _of_syntax(wrong: Syntax, lines: list[str], cause: tuple[object, ...]) -> Mistake:
    at = wrong.line - 1
    probable = None if wrong.fixed is None else [*lines[:at], wrong.fixed, *lines[at + 1 :]]
    certain = None if wrong.certain is None else Edit(at, at + 1, wrong.certain)
    return Mistake(wrong.line, wrong.column, wrong.text, wrong.advice, probable, certain, cause)


def _lined_up(lines: Sequence[str], number: int) -> range:
    """The lines above that begin in the same column: an item with an odd dash, and those below it, are one text to YAML."""
    line = lines[number] if number < len(lines) else ""
    begin, indentation = number, line[: len(line) - len(line.lstrip())]
    while begin and number - begin < LINES_BACK_MAX and lines[begin - 1].startswith(indentation):
        if lines[begin - 1][len(indentation) :][:1].isspace():
            break
        begin -= 1
    return range(begin, number)


def of_look_alike(odd: look_alikes.LookAlike, lines: Sequence[str]) -> Mistake:
    """A character that only looks like a sign of YAML."""
    certain = None
    if odd.run is not None:
        begin, cured = odd.run
        end = begin + len(cured)
        kept = tuple(line for line in cured if line)  # a cured line that is empty is one to be deleted
        # Such a line in the middle of a file may belong to a text.
        if len(kept) == len(cured) or not "".join(lines[:begin]).strip() or not "".join(lines[end:]).strip():
            certain = Edit(begin, end, kept)
    return Mistake(odd.line, odd.column, odd.text, odd.advice, odd.lines, certain, (odd.line, odd.column))
