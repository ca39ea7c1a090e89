"""What is drawn around the text that is edited: line numbers, what is new, mistakes and where they stand. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tagger.core.rules.problems import Problem
from tagger.web.change.checked import TEST_FAILED
from tagger.web.change.part import NOT_COMPARED, Part, differing
from tagger.web.source import file_name

MISTAKES_MAX: Final = 100  # listed; who has more mends these first
LINES_MAX: Final = 20_000  # that are numbered; a text of 256 KiB has about 8,000
LONG_LINES: Final = 120  # longer, the text scrolls inside its field, and mistakes are listed
ROWS_MIN: Final = 12
_BESIDE_CHARS: Final = 58  # of a mistake, on one line beside the text

_KEY: Final = re.compile(r"[\w-]+(?=:)")


class Line(NamedTuple):
    """A line of the text."""

    number: int  # in the file
    is_new: bool
    mistake: Literal["", "bad", "warn"]
    before: str
    wrong: str  # what is marked
    after: str


class Mistake(NamedTuple):
    """What is wrong in a line, or looks wrong."""

    line: int
    kind: Literal["bad", "warn"]
    text: str
    file: str = ""  # of another file


@dataclass(frozen=True, slots=True)
class Editor:
    """The text that is edited, with what is known of it."""

    text: str
    first: int
    lines: tuple[Line, ...]
    differing: int | None  # lines that differ from the file in force; None: not compared
    mistakes: tuple[Mistake, ...] = ()
    elsewhere: tuple[Mistake, ...] = ()
    left_out: int = 0  # mistakes beyond the limit
    beside: tuple[tuple[Mistake, ...], ...] = ()  # by line; empty where there is no room beside the text

    @property
    def last(self) -> int:
        """The number of the last line."""
        return self.first + len(self.lines) - 1

    @property
    def is_long(self) -> bool:
        """Whether the text scrolls inside its field."""
        return len(self.lines) > LONG_LINES

    @property
    def rows(self) -> int:
        """The height of the field at least, in lines."""
        return min(max(len(self.lines), ROWS_MIN), LONG_LINES)


def editor(
    part: Part,
    text: str,
    problems: Sequence[Problem] = (),
    elsewhere: Sequence[Problem] = (),
    *,
    compares: bool = True,
) -> Editor:
    """Draw a text in place of the part's own; `compares` them, which may take a while."""
    compared = differing(part.in_force, text) if compares else NOT_COMPARED
    by_line: dict[int, list[Problem]] = {}
    for problem in problems[:MISTAKES_MAX]:
        by_line.setdefault(problem.place.line, []).append(problem)
    mistakes = tuple(_mistake(problem) for problem in problems[:MISTAKES_MAX])
    written = text.removesuffix("\n").split("\n")[:LINES_MAX]
    lines = [
        _line(line, part.first + at, at in compared.new and bool(part.content), by_line)
        for at, line in enumerate(written)
    ]
    others = [_mistake(problem, named=True) for problem in elsewhere[:MISTAKES_MAX]]
    return Editor(
        text,
        part.first,
        tuple(lines),
        compared.lines if part.content or text.strip() or not compares else 0,
        mistakes,
        tuple(others),
        max(0, len(problems) - MISTAKES_MAX) + max(0, len(elsewhere) - MISTAKES_MAX),
        _beside(mistakes, part.first, len(lines)),
    )


def _line(line: str, number: int, is_new: bool, problems: Mapping[int, Sequence[Problem]]) -> Line:
    here = problems.get(number)
    if not here:
        return Line(number, is_new, "", line, "", "")
    worst = min(here, key=lambda problem: (problem.severity != "error", problem.place.column))
    start = min(max(0, worst.place.column - 1), len(line.rstrip()))
    key = _KEY.match(line, start)
    end = key.end() if key else len(line.rstrip())
    return Line(number, is_new, _kind(worst), line[:start], line[start:end], line[end:])


def _mistake(problem: Problem, *, named: bool = False) -> Mistake:
    """The words of `tagger check`, begun with a capital letter."""
    begins_with_id = problem.code == TEST_FAILED
    text = problem.text if begins_with_id else f"{problem.text[:1].upper()}{problem.text[1:]}"
    said = f"{text}. {problem.advice}"
    file = file_name(problem.place.file) if named else ""
    return Mistake(problem.place.line, _kind(problem), said, file)


def _kind(problem: Problem) -> Literal["bad", "warn"]:
    return "bad" if problem.severity == "error" else "warn"


def _beside(mistakes: Sequence[Mistake], first: int, count: int) -> tuple[tuple[Mistake, ...], ...]:
    """Mistakes by line, if each has room until the next one."""
    rows: dict[int, list[Mistake]] = {}
    for mistake in mistakes:
        rows.setdefault(mistake.line - first, []).append(mistake)
    free = 0
    for row in sorted(rows):
        needed = sum(math.ceil(len(each.text) / _BESIDE_CHARS) for each in rows[row])
        if row < free or row >= count or count > LONG_LINES:
            return ()
        free = row + needed
    return tuple(tuple(rows.get(row, ())) for row in range(count)) if rows else ()
