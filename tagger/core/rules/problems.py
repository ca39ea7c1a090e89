"""What is wrong in a keyword file, where, and what to do about it.

All problems of all files are reported together, in words for people who do not program.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

# More than anybody fixes at once; a binary file would otherwise yield one problem a byte.
PROBLEMS_MAX: Final = 1_000

# A longer word is not a misspelt known one, and comparing takes time.
MISSPELT_CHARS_MAX: Final = 64

# Of a value that is quoted in a message, so that it stays on one line of a terminal.
SHOWN_CHARS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a keyword file; line and column count from 1."""

    file: str
    line: int
    column: int


NOWHERE: Final = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong (or doubtful) in a keyword file, for the person who wrote it."""

    place: Place
    code: str  # stable, kebab-case: "unknown-key", "empty-keyword"
    text: str  # what is wrong
    advice: str  # what to do
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        at = self.place
        return f"{at.file}:{at.line}:{at.column}: {self.text}. {self.advice}"


class Placed(Protocol):
    """Anything that knows where it stands in its file."""

    @property
    def line(self) -> int:
        """Counts from 1."""

    @property
    def column(self) -> int:
        """In characters, counts from 1."""


class Findings:
    """The problems of one file, as they are found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def place(self, at: Placed) -> Place:
        """The place of something in this file."""
        return Place(self.file, at.line, at.column)

    @property
    def is_full(self) -> bool:
        """Whether further problems are dropped; then there is no need to word them."""
        return len(self.problems) >= PROBLEMS_MAX

    def add(self, at: Placed, code: str, text: str, advice: str) -> None:
        """Report an error, unless the report is full."""
        if not self.is_full:
            self.problems.append(Problem(self.place(at), code, text, advice))


def shown(text: str) -> str:
    """A value of the file as a message quotes it: one line, not long, in backticks."""
    line = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return f"`{line}`" if len(line) <= SHOWN_CHARS_MAX else f"`{line[: SHOWN_CHARS_MAX - 1]}…`"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only those who made a mistake wait for the import

    lowered = word.strip().lower()
    if len(lowered) > MISSPELT_CHARS_MAX:
        return None
    close = get_close_matches(lowered, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def listed(words: Iterable[str]) -> str:
    """`a, b or c`"""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
