"""Keywords → automaton; text → hits. The only file that knows pyahocorasick.

One automaton over the beginnings of all keywords, without case and accents, finds where a keyword may be: it
finds too much and misses nothing. Every find is then judged exactly: the whole keyword, its case and accents,
its word edges. Time grows with the text and the finds in it, not with the number of keywords.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Final, NamedTuple

import ahocorasick

from tagger.core.folding.characters import CONTINUES, INVISIBLE, is_space
from tagger.core.folding.fold import Folded
from tagger.core.folding.tables import (
    ACCENTS_EXACT,
    CASE_SENSITIVE,
    LOOSE,
    VARIANTS,
    fold_regular,
    inside_words,
    is_even,
    keeps_edges,
    loosen,
    loosened_at,
)
from tagger.core.rules.model import Keyword

# Code points of a keyword that go into the automaton: enough to tell most keywords apart. Building it
# and freeing it stop all threads of the process; few nodes keep both under 50 ms at 100,000 keywords.
PREFIX_CHARS: Final = 8
MANY_KEYWORDS: Final = 30_000
PREFIX_CHARS_OF_MANY: Final = 6
# Keywords that begin alike are judged one by one; where there are more than this, more of each goes in.
SHARED_PREFIX_MAX: Final = 4
# How far behind a keyword the letters of a plural are looked for, invisible characters included.
PLURAL_CHARS_MAX: Final = 8


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


# What a keyword asks for: the variant of folding, an edge on the left, an edge on the right.
_Asks = tuple[int, bool, bool]

# Keywords that the automaton cannot tell apart: how far in front of its last code point a find of them
# begins; whether all of them ask for an edge on its left; whether it is one keyword, found as a whole by its
# loosest fold, that asks for an edge on the right.
_Kind = tuple[int, bool, bool]

# Each once, so that keywords share them.
_ASKS: Final[dict[_Asks, _Asks]] = {asks: asks for asks in product(VARIANTS, (False, True), (False, True))}
_ASK_ON_THE_RIGHT: Final = _ASKS[LOOSE, False, True], _ASKS[LOOSE, True, True]
_ANYWHERE: Final = _ASKS[LOOSE, False, False]

# Start, end and keyword of a hit: in this order they sort.
_Spot = tuple[int, int, int]

_new: Callable[[type[Hit], _Spot], Hit] = tuple.__new__


class Matcher:
    """Finds keywords. The text of a keyword that folds to nothing is never found."""

    def __init__(self, keywords: Sequence[Keyword], words: Sequence[str] = ()) -> None:
        """`words` are folded already and found anywhere; they are numbered after the keywords."""
        self._keywords = keywords
        # Columns with a row for each keyword, those of one group together; few objects are quickly freed.
        self._numbers = array("L")
        self._words: list[str] = []
        self._asks: list[_Asks] = []
        # Columns with a row for each group, and `_firsts` with one more.
        self._kinds: list[_Kind] = []
        self._firsts = array("L", [0])
        self._search = self._compile(
            [_wanted(keyword) for keyword in keywords] + [(w, _ANYWHERE) for w in words]
        )
        self._variants: set[int] = {variant for variant, _, _ in self._asks}

    def _compile(self, wanted: Sequence[tuple[str, _Asks]]) -> Callable[[str], Iterable[tuple[int, int]]]:
        automaton = ahocorasick.Automaton(ahocorasick.STORE_INTS)
        kinds: dict[_Kind, _Kind] = {}
        for prefix, members in _by_prefix([loosen(word) for word, _ in wanted]):
            asks = [wanted[number][1] for number in members]
            right = len(members) == 1 and wanted[members[0]][0] == prefix and asks[0] in _ASK_ON_THE_RIGHT
            kind = len(prefix) - 1, all(left for _, left, _ in asks), right
            automaton.add_word(prefix, len(self._kinds))
            self._kinds.append(kinds.setdefault(kind, kind))
            self._numbers.extend(members)
            self._words += [wanted[number][0] for number in members]
            self._asks += asks
            self._firsts.append(len(self._words))
        if not self._kinds:
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
            return _hits(self._find_by_variant(text, self._variants))
        finds = list(self._search(loose))
        if not finds:
            return []
        is_same = is_even(text, loose)
        if is_same or keeps_edges(text):
            return _hits(self._find_in(text, loose, finds, is_same))
        variants = {self._asks[row][0] for _, group in finds for row in self._rows(group)}
        return _hits(self._find_by_variant(text, variants))

    def _rows(self, group: int) -> range:
        return range(self._firsts[group], self._firsts[group + 1])

    def _find_in(
        self, text: str, loose: str, finds: list[tuple[int, int]], is_same: bool
    ) -> Collection[_Spot]:
        """The usual case: edges may be judged on the folded text.

        `is_same`: positions, too, are the same in the text and in each of its folds.
        """
        spots: list[_Spot] = []
        kinds, firsts, numbers, words = self._kinds, self._firsts, self._numbers, self._words
        inside = inside_words(loose)
        folds = {LOOSE: loose}
        stricter: set[int] = set()
        for last, group in finds:
            reach, left, right = kinds[group]
            start = last - reach
            if (left and inside[start]) or (right and inside[last + 2]):
                continue
            if left and right:
                spots.append((start, last + 1, numbers[firsts[group]]))
                continue
            for row in range(firsts[group], firsts[group + 1]):
                variant, edge_left, edge_right = self._asks[row]
                if variant and not is_same:
                    stricter.add(variant)
                    continue
                if variant not in folds:
                    folds[variant] = fold_regular(text, variant) or ""
                word = words[row]
                if not folds[variant].startswith(word, start):
                    continue
                end = start + len(word)
                if not (edge_left and inside[start]) and not (edge_right and inside[end + 1]):
                    spots.append((start, end, numbers[row]))
        if spots and not is_same:
            folded = Folded(text)
            spots = [(*folded.span(start, end), number) for start, end, number in spots]
        return {*spots, *self._find_by_variant(text, stricter)} if not is_same else spots

    def _find_by_variant(self, text: str, variants: Iterable[int]) -> Collection[_Spot]:
        """Whatever the text is made of: each variant of folding is searched by itself."""
        spots: set[_Spot] = set()
        for variant in variants:
            folded = Folded(text, variant)
            for row, start, end in self._places(folded, variant):
                if _has_edges(folded, self._asks[row], start, end):
                    spots.add((*folded.span(start, end), self._numbers[row]))
        return spots

    def _places(self, folded: Folded, variant: int) -> Iterator[tuple[int, int, int]]:
        """Where the keywords of a variant stand in a text folded likewise, whatever is beside: row, place."""
        text = folded.text
        needs_loosening = variant != LOOSE or not folded.regular
        loose = loosen(text) if needs_loosening else text
        origin = None if len(loose) == len(text) else {at: i for i, at in enumerate(loosened_at(text))}
        for last, group in self._search(loose):
            begin = last - self._kinds[group][0]
            start = begin if origin is None else origin.get(begin)
            if start is None:
                continue
            for row in self._rows(group):
                if self._asks[row][0] == variant and text.startswith(self._words[row], start):
                    yield row, start, start + len(self._words[row])

    def candidates(self, text: str) -> list[Candidate]:
        """All hits, and what nearly is one with the reason why it is not. For people who ask; slow."""
        found: dict[_Spot, str | None] = {}
        for variant in self._variants:
            folded = Folded(text, variant)
            for row, start, end in self._places(folded, variant):
                spot = *folded.span(start, end), self._numbers[row]
                if _has_edges(folded, self._asks[row], start, end):
                    found[spot] = None
                else:
                    found.setdefault(spot, self._why_inside(text, *spot))
        strict, relaxed = self._relaxed
        for number, start, end in relaxed.find(text) if strict else ():
            keyword = strict[number]
            found.setdefault((start, end, keyword), self._what_differs(text[start:end], keyword))
        return [Candidate(*hit, found[hit.start, hit.end, hit.keyword]) for hit in _hits(found)]

    @cached_property
    def _relaxed(self) -> tuple[list[int], "Matcher"]:
        """The keywords that ask for their case or accents, and a matcher of them that does not."""
        strict = [at for at, keyword in enumerate(self._keywords) if _variant(keyword) != LOOSE]
        keywords = [replace(self._keywords[at], case_sensitive=False, accents_exact=False) for at in strict]
        return strict, Matcher(keywords)

    def _why_inside(self, text: str, start: int, end: int, keyword: int) -> str:
        ends, far = end, min(len(text), end + PLURAL_CHARS_MAX)
        while ends < far and (CONTINUES[text[ends]] or text[ends] in INVISIBLE):
            ends += 1
        stands_open = start == 0 or not CONTINUES[text[start - 1]]
        if stands_open and text[end:ends].casefold() in {"s", "es"}:
            return f"plural: keyword {self._keywords[keyword].written}, text {text[start:ends]}"
        return "inside a word"

    def _what_differs(self, said: str, keyword: int) -> str:
        wanted = self._keywords[keyword]
        if not wanted.accents_exact or _same(said, wanted.text, ACCENTS_EXACT):
            return "case differs"
        if not wanted.case_sensitive or _same(said, wanted.text, CASE_SENSITIVE):
            return "accents differ"
        return "case and accents differ"


def _hits(spots: Collection[_Spot]) -> list[Hit]:
    if not spots:
        return []
    # Half the time of `Hit(...)`, which goes through a function in Python.
    return [_new(Hit, (keyword, start, end)) for start, end, keyword in sorted(spots)]


def _same(said: str, wanted: str, variant: int) -> bool:
    return Folded(said, variant).text.strip(" ") == Folded(wanted, variant).text.strip(" ")


def _has_edges(folded: Folded, asks: _Asks, start: int, end: int) -> bool:
    """Whether the keyword stands free on the sides where it asks for that. No edge is inside a character."""
    _, left, right = asks
    before = folded.before(start) if left else ""
    after = folded.after(end) if right else ""
    return before is not None and after is not None and not CONTINUES[before] and not CONTINUES[after]


def _variant(keyword: Keyword) -> int:
    return CASE_SENSITIVE * keyword.case_sensitive | ACCENTS_EXACT * keyword.accents_exact


def _wanted(keyword: Keyword) -> tuple[str, _Asks]:
    """The folded text; an edge is asked for where it is closed and its own character is one of a word."""
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
    word = folded.text.strip(" ")
    return keyword.text if word == keyword.text else word, _ASKS[variant, left, right]


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
