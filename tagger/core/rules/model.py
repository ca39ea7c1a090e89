"""What a rule is, once its file was read. Plain data."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from tagger.core.conversation import Author
from tagger.core.rules.problems import Place

MatchKind = Literal["word", "prefix", "suffix", "anywhere"]
From = Literal["customer", "agent", "any"]

NOWHERE = Place("", 0, 0)


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword, after its star shorthand was read."""

    written: str  # as it stands in the file: what people see in decisions and in `explain`
    text: str  # what is searched, before folding: `written` without an edge star
    match: MatchKind = "word"
    case_sensitive: bool = False
    accents_exact: bool = False
    place: Place = NOWHERE
    match_given: bool = False  # whether the file names `match`, or that is the default or a star


@dataclass(frozen=True, slots=True)
class Canned:
    """The text of one canned response, placeholders included."""

    text: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One line under `tests:`: a conversation, and whether the rule must fire on it."""

    expect: Literal["match", "absent"]
    said: tuple[tuple[Author, str], ...]
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be said, and by whom, for a thread to carry a tag. The manual is `config/README.md`."""

    id: str
    tag: str
    from_: From = "customer"
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
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of all files, valid as a whole."""

    rules: tuple[Rule, ...]
    hash: str  # of the files' names and bytes: 12 hex digits, shown in every decision
