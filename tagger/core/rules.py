"""Keyword files → rules, or all problems with file:line:column."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from tagger.core.conversation import Author

MatchKind = Literal["word", "prefix", "suffix", "anywhere"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a keyword file; line and column count from 1."""

    file: str
    line: int
    column: int


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


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword, after its star shorthand was read."""

    written: str  # as it stands in the file: what people see in decisions and in `explain`
    text: str  # what is searched, before folding: `written` without an edge star
    match: MatchKind = "word"
    case_sensitive: bool = False
    accents_exact: bool = False
    place: Place = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Canned:
    """The text of one canned response, placeholders included."""

    text: str
    place: Place = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One line under `tests:`: a conversation, and whether the rule must fire on it."""

    expect: Literal["match", "absent"]
    said: tuple[tuple[Author, str], ...]
    place: Place = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    tag: str
    from_: Literal["customer", "agent", "any"] = "customer"
    any: tuple[Keyword, ...] = ()
    all: tuple[tuple[Keyword, ...], ...] = ()
    none: tuple[Keyword, ...] = ()
    ignore: tuple[Keyword, ...] = ()
    canned: tuple[Canned, ...] = ()
    min_matches: int = 1
    groups: frozenset[int] | None = None  # None: every group
    expires: date | None = None  # the last day in force, UTC
    owner: str | None = None
    dry_run: bool = False
    tests: tuple[RuleTest, ...] = ()
    place: Place = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of all files, valid as a whole."""

    rules: tuple[Rule, ...]
    hash: str  # of the files' names and bytes: 12 hex digits, shown in every decision
