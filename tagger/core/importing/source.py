"""What a file of another product holds: rules in the making, and what has no counterpart here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tagger.core.folding.fold import fold
from tagger.core.review.foreign import foreign, forms_of, is_word_like, parts_of
from tagger.core.rules.keyword_field import KEYWORD_CHARS_MAX, Keyword, MatchKind

_AT_ENDS: Final[dict[tuple[bool, bool], MatchKind]] = {
    (False, False): "word", (False, True): "prefix", (True, False): "suffix", (True, True): "anywhere",
}  # fmt: skip


class Word(NamedTuple):
    """One keyword to be."""

    text: str  # without stars that stand for anything
    match: MatchKind = "word"
    case_sensitive: bool = False


class Left(NamedTuple):
    """What was not taken over."""

    line: int  # of the source, counts from 1
    what: str  # as it stands there
    why: str


@dataclass(slots=True)
class Draft:
    """One rule to be."""

    tag: str | None  # None where the source names none
    any: list[Word] = field(default_factory=list)
    all: list[list[Word]] = field(default_factory=list)
    none: list[Word] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """Everything a file holds."""

    kind: str  # what it was taken for: "a column of keywords"
    drafts: list[Draft]
    left: list[Left]


def words_of(written: str, *, case_sensitive: bool = False, is_one: bool = False) -> list[Word] | str:
    """The keywords that a text stands for, or why it was not taken over.

    written  a word or a phrase with stars at its ends, several with signs between them, or a simple expression
    is_one   it was quoted, so signs in it belong to it
    """
    if not written.replace(",", " ").replace(";", " ").strip():
        return "there is no word"
    if is_one:
        return _word(written, written, case_sensitive)
    doubt = foreign(Keyword(written, written))
    code = doubt.code if doubt else ""
    if code == "expression":
        return expression(written.removeprefix("/").rstrip("i").removesuffix("/"), case_sensitive)
    if code == "condition":
        return "a keyword has no AND and no NOT; write the rule with `all` or `none`"
    parts = (
        [part for part in parts_of(written) if part]
        if code == "several-keywords"
        else [written.rstrip(",;，； ")]
    )
    words: list[Word] = []
    for part in parts:
        read = _word(part, written, case_sensitive)
        if isinstance(read, str):
            return read
        words += read
    return words


def _word(text: str, written: str, case_sensitive: bool) -> list[Word] | str:
    left, right = text.startswith("*"), text.endswith("*") and len(text) > 1
    bare = " ".join(text[left : len(text) - right].split())
    if "*" in bare:
        return "a star is allowed only at the ends of a keyword"
    return why_not(bare) or [Word(bare, _AT_ENDS[left, right], case_sensitive)]


def why_not(text: str) -> str | None:
    """Why a text cannot be a keyword."""
    if len(text) > KEYWORD_CHARS_MAX:
        return f"a keyword has at most {KEYWORD_CHARS_MAX} characters"
    if not fold(text).text.strip():
        return "it contains only characters that matching ignores"
    return None


def expression(pattern: str, case_sensitive: bool = False, match: MatchKind = "word") -> list[Word] | str:
    """The words that a regular expression stands for, or why that is not certain."""
    bare = pattern.removeprefix("\\b").removesuffix("\\b")
    left, right = bare.startswith((".*", "\\w*")), bare.endswith((".*", "\\w*"))
    bare = bare.removeprefix(".*").removeprefix("\\w*").removesuffix(".*").removesuffix("\\w*")
    forms = forms_of(bare)
    if not forms or not all(map(is_word_like, forms)) or any(map(why_not, forms)):
        return "a regular expression that stands for more than a few words"
    kind = _AT_ENDS[left, right] if match == "word" else match
    return [Word(form, kind, case_sensitive) for form in forms]


def unique(words: Iterable[Word]) -> tuple[list[Word], int]:
    """The words that differ after folding, in order, and how many were left out."""
    known: dict[tuple[str, MatchKind, bool], Word] = {}
    count = 0
    for word in words:
        count += 1
        known.setdefault(
            (fold(word.text, word.case_sensitive).text.strip(), word.match, word.case_sensitive), word
        )
    return list(known.values()), count - len(known)
