"""Keywords → automaton; text → hits. The only file that knows pyahocorasick.

One automaton over the beginnings of all keywords, without case and accents, finds where a keyword may be: it
finds too much and misses nothing. Every find is then judged exactly: the whole keyword, its case and accents,
its word edges. Time grows with the text and the finds in it, not with the number of keywords.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from typing import Final, NamedTuple

import ahocorasick

from tagger.core.characters import CONTINUES, INVISIBLE, is_space
from tagger.core.foldtable import (
    ACCENTS_EXACT,
    CASE_SENSITIVE,
    LOOSE,
    fold_regular,
    is_even,
    loosen,
    loosened_at,
)
from tagger.core.rule import Keyword
from tagger.core.text import Folded

# Code points of a keyword that go into the automaton: enough to tell most keywords apart. Building it
# and freeing it stop all threads of the process; few nodes keep both under 50 ms at 100,000 keywords.
PREFIX_CHARS: Final = 8
MANY_KEYWORDS: Final = 30_000
PREFIX_CHARS_OF_MANY: Final = 6
# Keywords that begin alike are judged one by one; where there are more than this, more of each goes in.
SHARED_PREFIX_MAX: Final = 4


class Hit(NamedTuple):
    """One keyword in a text. Positions are code points of the original, `end` exclusive."""

    keyword: int  # index in the matcher's keywords
    start: int
    end: int


class Candidate(NamedTuple):
    """Where a keyword is, or nearly is."""

    keyword: int
    start: int
    end: int
    reason: str | None  # for people: why it is no hit; None: it is one


# One keyword as it is judged: index, folded text, variant, whether it asks for an edge on the left, on the
# right. Plain tuples: the innermost loops take them apart.
_Entry = tuple[int, str, int, bool, bool]

# Keywords that the automaton cannot tell apart: how far in front of its last code point a find begins;
# whether the find is all of their text, as the loosest fold has it; whether all of them ask for an edge on
# its left; on its right; the keywords.
_Group = tuple[int, bool, bool, bool, tuple[_Entry, ...]]

_in_order = itemgetter(1, 2, 0)


class Matcher:
    """Finds keywords. The text of a keyword that folds to nothing is never found."""

    def __init__(self, keywords: Sequence[Keyword], words: Sequence[str] = ()) -> None:
        """`words` are folded already and found anywhere; they are numbered after the keywords."""
        self._keywords = keywords
        self._groups: list[_Group] = []
        self._variants: set[int] = {_variant(keyword) for keyword in keywords}
        if words:
            self._variants.add(LOOSE)
        entries = [_entry(at, keyword) for at, keyword in enumerate(keywords)]
        entries += [(at, word, LOOSE, False, False) for at, word in enumerate(words, start=len(keywords))]
        self._search = self._compile(entries)

    def _compile(self, entries: Sequence[_Entry]) -> Callable[[str], Iterable[tuple[int, int]]]:
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        for prefix, members in _by_prefix([loosen(entry[1]) for entry in entries]):
            alike = tuple(entries[at] for at in members)
            found = all(entry[2] == LOOSE and entry[1] == prefix for entry in alike)
            left, right = all(entry[3] for entry in alike), found and all(entry[4] for entry in alike)
            self._groups.append((len(prefix) - 1, found, left, right, alike))
            automaton.add_word(prefix, len(self._groups) - 1)
        if not self._groups:
            return lambda _text: ()
        automaton.make_automaton()
        search: Callable[[str], Iterable[tuple[int, int]]] = automaton.iter
        return search

    def find(self, text: str) -> list[Hit]:
        """All hits of all keywords, overlapping ones too, by position.

        Costs O(text + finds): a find is a place where the first code points of a keyword stand.
        """
        loose = fold_regular(text)
        if loose is None:
            return self._find_by_variant(text, self._variants)
        finds = list(self._search(loose))
        if not finds:
            return []
        if is_even(text, loose):
            return self._find_even(text, loose, finds)
        return self._find_by_variant(
            text, {entry[2] for _, group in finds for entry in self._groups[group][-1]}
        )

    def _find_even(self, text: str, loose: str, finds: list[tuple[int, int]]) -> list[Hit]:
        """The usual case: a position in the text is the same in each of its folds."""
        hits: list[Hit] = []
        folds = {LOOSE: loose}
        groups, continues = self._groups, CONTINUES
        beside = f" {text} "  # so that there is a character on either side of every find
        for last, group in finds:
            reach, found, left, right, entries = groups[group]
            start = last - reach
            if (left and continues[beside[start]]) or (right and continues[beside[last + 2]]):
                continue
            for keyword, word, variant, left, right in entries:
                end = start + len(word)
                if not found:
                    if variant not in folds:
                        folds[variant] = fold_regular(text, variant) or ""
                    if not folds[variant].startswith(word, start):
                        continue
                if (left and continues[beside[start]]) or (right and continues[beside[end + 1]]):
                    continue
                hits.append(Hit(keyword, start, end))
        if len(hits) > 1:
            hits.sort(key=_in_order)
        return hits

    def _find_by_variant(self, text: str, variants: Collection[int]) -> list[Hit]:
        """Whatever the text is made of: each variant of folding is searched by itself."""
        hits: set[Hit] = set()
        for variant in variants:
            folded = Folded(text, variant)
            for entry, start, end in self._places(folded, variant):
                if _has_edges(folded, entry, start, end):
                    hits.add(Hit(entry[0], *folded.span(start, end)))
        return sorted(hits, key=_in_order)

    def _places(self, folded: Folded, variant: int) -> Iterator[tuple[_Entry, int, int]]:
        """Where the keywords of a variant stand in a text folded likewise, whatever is beside them."""
        text = folded.text
        needs_loosening = variant != LOOSE or not folded.regular
        loose = loosen(text) if needs_loosening else text
        origin = None if len(loose) == len(text) else {at: i for i, at in enumerate(loosened_at(text))}
        for last, group in self._search(loose):
            reach, *_, entries = self._groups[group]
            start = last - reach if origin is None else origin.get(last - reach)
            if start is None:
                continue
            for entry in entries:
                if entry[2] == variant and text.startswith(entry[1], start):
                    yield entry, start, start + len(entry[1])

    def candidates(self, text: str) -> list[Candidate]:
        """All hits, and what nearly is one with the reason why it is not. For people who ask; slow."""
        found: dict[Hit, str | None] = {}
        for variant in self._variants:
            folded = Folded(text, variant)
            for entry, start, end in self._places(folded, variant):
                hit = Hit(entry[0], *folded.span(start, end))
                if _has_edges(folded, entry, start, end):
                    found[hit] = None
                else:
                    found.setdefault(hit, self._why_inside(text, hit))
        strict, relaxed = self._relaxed
        for alike in relaxed.find(text) if strict else ():
            hit = alike._replace(keyword=strict[alike.keyword])
            found.setdefault(hit, self._what_differs(text[hit.start : hit.end], hit.keyword))
        return [Candidate(*hit, found[hit]) for hit in sorted(found, key=_in_order)]

    @cached_property
    def _relaxed(self) -> tuple[list[int], "Matcher"]:
        """The keywords that ask for their case or accents, and a matcher of them that does not."""
        strict = [at for at, keyword in enumerate(self._keywords) if _variant(keyword) != LOOSE]
        keywords = [replace(self._keywords[at], case_sensitive=False, accents_exact=False) for at in strict]
        return strict, Matcher(keywords)

    def _why_inside(self, text: str, hit: Hit) -> str:
        end = hit.end
        while end < len(text) and (CONTINUES[text[end]] or text[end] in INVISIBLE):
            end += 1
        stands_open = hit.start == 0 or not CONTINUES[text[hit.start - 1]]
        if stands_open and text[hit.end : end].casefold() in {"s", "es"}:
            return f"plural: keyword {self._keywords[hit.keyword].written}, text {text[hit.start : end]}"
        return "inside a word"

    def _what_differs(self, said: str, keyword: int) -> str:
        wanted = self._keywords[keyword]
        if not wanted.accents_exact or _same(said, wanted.text, ACCENTS_EXACT):
            return "case differs"
        if not wanted.case_sensitive or _same(said, wanted.text, CASE_SENSITIVE):
            return "accents differ"
        return "case and accents differ"


def _same(said: str, wanted: str, variant: int) -> bool:
    return Folded(said, variant).text.strip(" ") == Folded(wanted, variant).text.strip(" ")


def _has_edges(folded: Folded, entry: _Entry, start: int, end: int) -> bool:
    """Whether the keyword stands free on the sides where it asks for that. No edge is inside a character."""
    before = folded.before(start) if entry[3] else ""
    after = folded.after(end) if entry[4] else ""
    return before is not None and after is not None and not CONTINUES[before] and not CONTINUES[after]


def _variant(keyword: Keyword) -> int:
    return CASE_SENSITIVE * keyword.case_sensitive | ACCENTS_EXACT * keyword.accents_exact


def _entry(at: int, keyword: Keyword) -> _Entry:
    """An edge is asked for where the keyword is closed and its own character is one of a word."""
    variant = _variant(keyword)
    folded = Folded(keyword.text, variant)
    shown = folded.shown
    first, last = 0, len(shown) - 1
    while first < last and is_space(shown[first]):
        first += 1
    while first < last and is_space(shown[last]):
        last -= 1
    left = keyword.match in {"word", "prefix"} and CONTINUES[shown[first : first + 1]]
    right = keyword.match in {"word", "suffix"} and CONTINUES[shown[last : last + 1]]
    return at, folded.text.strip(" "), variant, left, right


def _by_prefix(needles: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Group needles by their beginnings, taking more of them until few are alike; empty ones are left out."""
    undecided = [at for at, needle in enumerate(needles) if needle]
    size = PREFIX_CHARS if len(undecided) <= MANY_KEYWORDS else PREFIX_CHARS_OF_MANY
    while undecided:
        alike: dict[str, list[int]] = defaultdict(list)
        for at in undecided:
            alike[needles[at][:size]].append(at)
        undecided = []
        for prefix, members in alike.items():
            longer = [at for at in members if len(needles[at]) > size]
            if len(members) <= SHARED_PREFIX_MAX or not longer:
                yield prefix, members
                continue
            undecided += longer
            if ended := [at for at in members if len(needles[at]) == size]:
                yield prefix, ended
        size *= 2
