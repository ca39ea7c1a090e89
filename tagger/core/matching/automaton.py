"""Keywords → automata; text → matches. The only file that knows pyahocorasick.

Each way of folding has an automaton of the keywords that ask for it. It finds their letters anywhere in a text that
was folded the same way; after that the original characters decide whether they have the edges they ask for. Time
grows with the text and with what is found in it, not with the number of keywords.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from typing import Any, Final, NamedTuple

import ahocorasick

from tagger.core.folding.characters import CONTINUES, DROPPED, is_space
from tagger.core.folding.fold import Folded, without_emphasis
from tagger.core.folding.tables import ACCENTS_EXACT, CASE_SENSITIVE, LOOSE, fold_regular, is_even
from tagger.core.matching.why_not import WhyNot
from tagger.core.rules.model import Keyword, MatchKind
from tagger.core.rules.written import written

# Building or freeing an automaton stops every thread of the process: for about 20 ms if its keywords have this many
# characters in all, as 20,000 keywords do. More keywords take more automata, each of which reads the text. Keywords
# that begin alike go into one automaton, where they share nodes: fewer nodes are freed sooner.
AUTOMATON_CHARS_MAX: Final = 300_000
# How far behind a keyword the letters of a plural are looked for, invisible characters included.
PLURAL_CHARS_MAX: Final = 8


class Match(NamedTuple):
    """One keyword in a text, or nearly. Positions are code points of the original, `end` exclusive."""

    start: int
    end: int
    keyword: int  # index in the matcher's keywords


# Half the time of `Match(...)`, which goes through a function in Python.
_match: Callable[[tuple[int, int, int]], Match] = partial(tuple.__new__, Match)


class _Blocked(NamedTuple):
    """What keeps the letters of a keyword from being a match."""

    left: bool  # the edge that is asked for there is missing
    right: bool
    in_emoji: bool = False


_LEFT: Final = _Blocked(True, False)
_RIGHT: Final = _Blocked(False, True)
_BOTH: Final = _Blocked(True, True)
_IN_EMOJI: Final = _Blocked(False, False, in_emoji=True)

# A keyword's number, and whether it asks for an edge on its left and on its right.
_Asking = tuple[int, bool, bool]
# Folded text → (last code point, row) of each find.
_Search = Callable[[str], Iterable[tuple[int, int]]]

_RIGHT_EDGE: Final = 1
_LEFT_EDGE: Final = 2
_LENGTH: Final = 2  # how many bits stand before it


class _Rows(NamedTuple):
    """By row, the keywords that fold to the same.

    With many keywords most finds are inside a word, and end with a look at `shapes`. That is small enough to stay in the
    processor's cache, and saves a fifth of the time with 100,000 keywords.
    """

    asking: list[tuple[_Asking, ...]]
    shapes: "array[int]"  # the length of what they fold to, and the edges for which each of them asks

    @classmethod
    def of(cls, by_folded: Mapping[str, Sequence[_Asking]]) -> "_Rows":
        asking = list(map(tuple, by_folded.values()))
        return cls(asking, array("i", map(_shape, by_folded, asking)))


def _shape(folded: str, asking: Sequence[_Asking]) -> int:
    left = _LEFT_EDGE if all(left for _, left, _ in asking) else 0
    right = _RIGHT_EDGE if all(right for _, _, right in asking) else 0
    return len(folded) << _LENGTH | left | right


class Matcher:
    """Finds keywords. A keyword that folds to nothing is never found."""

    def __init__(self, keywords: Sequence[Keyword], words: Sequence[str] = ()) -> None:
        """`words` are already folded, and found anywhere; their numbers follow those of the keywords."""
        self._keywords = keywords
        asking: dict[int, dict[str, list[_Asking]]] = defaultdict(lambda: defaultdict(list))
        for number, keyword in enumerate(keywords):
            folded, left, right = _wanted(keyword)
            if folded:
                asking[_variant(keyword)][folded].append((number, left, right))
        for number, word in enumerate(words, len(keywords)):
            asking[LOOSE][word].append((number, False, False))
        self._searches: list[tuple[int, _Search, _Rows]] = [
            (variant, _search(by_folded), _Rows.of(by_folded)) for variant, by_folded in asking.items()
        ]

    def find(self, text: str) -> list[Match]:
        """All matches of all keywords, overlapping ones too, by position.

        Costs O(text + finds). A find is a place with the letters of a keyword, inside a word or not.
        """
        matches: list[Match] = []
        continues = CONTINUES
        for variant, search, rows in self._searches:
            folded = fold_regular(text, variant)
            if folded is not None and not (finds := list(search(folded))):
                continue
            if folded is None or not is_even(text, folded, variant):
                matches += {match for match, blocked in _places(text, variant, search, rows) if not blocked}
                continue
            # The usual case: positions and edges of the folded text are those of the text.
            beside = without_emphasis(folded) if "_" in folded else folded
            asking, shapes = rows
            for last, row in finds:
                end, shape = last + 1, shapes[row]
                ends_inside = continues[beside[end : end + 1]]
                if ends_inside and shape & _RIGHT_EDGE:
                    continue
                start = end - (shape >> _LENGTH)
                begins_inside = continues[beside[start - 1 : start]]
                if begins_inside and shape & _LEFT_EDGE:
                    continue
                for number, left, right in asking[row]:
                    if not ((left and begins_inside) or (right and ends_inside)):
                        matches.append(_match((start, end, number)))
        if len(matches) > 1:
            matches.sort()
        return matches

    def near_misses(self, text: str) -> list[tuple[Match, WhyNot]]:
        """What is nearly a match, each with the reason why it is not. For people who ask; slow."""
        reasons: dict[Match, WhyNot] = {}
        for variant, search, rows in self._searches:
            for match, blocked in _places(text, variant, search, rows):
                if blocked and match.keyword < len(self._keywords):
                    keyword = self._keywords[match.keyword]
                    plural = None if blocked.in_emoji else _plural(text, match, keyword)
                    reasons[match] = plural or _cured(blocked, keyword)
        strict, relaxed = self._relaxed
        for start, end, number in relaxed.find(text) if strict else ():
            match = Match(start, end, strict[number])
            reasons.setdefault(match, _what_differs(text[start:end], self._keywords[match.keyword]))
        for match in self.find(text):
            reasons.pop(match, None)
        return sorted(reasons.items())

    @cached_property
    def _relaxed(self) -> tuple[list[int], "Matcher"]:
        """The keywords that ask for their case or accents, and a matcher of them that does not."""
        strict = [at for at, keyword in enumerate(self._keywords) if _variant(keyword) != LOOSE]
        keywords = [replace(self._keywords[at], case_sensitive=False, accents_exact=False) for at in strict]
        return strict, Matcher(keywords)


def _search(keywords: Iterable[str]) -> _Search:
    """A search for folded keywords; a row is a place in `keywords`."""
    rows = {folded: row for row, folded in enumerate(keywords)}
    # Sorted group by group, because sorting all at once would stop the process, too.
    alike: dict[str, list[str]] = defaultdict(list)
    for folded in rows:
        alike[folded[:2]].append(folded)
    automata: list[Any] = []
    room = 0
    for folded in chain.from_iterable(map(sorted, alike.values())):
        if len(folded) > room:
            automata.append(ahocorasick.Automaton(ahocorasick.STORE_INTS))
            room = AUTOMATON_CHARS_MAX
        room -= len(folded)
        automata[-1].add_word(folded, rows[folded])
    for automaton in automata:
        automaton.make_automaton()
    if len(automata) == 1:
        search: _Search = automata[0].iter
        return search
    return lambda text: chain.from_iterable(automaton.iter(text) for automaton in automata)


def _places(text: str, variant: int, search: _Search, rows: _Rows) -> Iterator[tuple[Match, _Blocked | None]]:
    """Where the letters of keywords are in any text, each with what keeps them from being a match, if anything does."""
    folded = Folded(text, variant)
    for last, row in search(folded.text):
        end = last + 1
        start = end - (rows.shapes[row] >> _LENGTH)
        for number, left, right in rows.asking[row]:
            before = folded.before(start) if left else ""
            after = folded.after(end) if right else ""
            right_blocked = after is None or CONTINUES[after]
            blocked = None
            if folded.cuts_emoji(start, end):
                blocked = _IN_EMOJI
            elif before is None or CONTINUES[before]:
                blocked = _BOTH if right_blocked else _LEFT
            elif right_blocked:
                blocked = _RIGHT
            yield Match(*folded.span(start, end), number), blocked


def _variant(keyword: Keyword) -> int:
    return CASE_SENSITIVE * keyword.case_sensitive | ACCENTS_EXACT * keyword.accents_exact


def _wanted(keyword: Keyword) -> tuple[str, bool, bool]:
    """The folded text; an edge is asked for where it is closed and its own character is one of a word."""
    folded = Folded(keyword.text, _variant(keyword))
    first, last = (
        next((ch for ch in side if not is_space(ch)), "") for side in (folded.shown, folded.shown[::-1])
    )
    left = keyword.match in {"word", "prefix"} and CONTINUES[first]
    right = keyword.match in {"word", "suffix"} and CONTINUES[last]
    return folded.text.strip(" "), left, right


def _cured(blocked: _Blocked, keyword: Keyword) -> WhyNot:
    """Why the letters of a keyword are no match, and the keyword that would find them there."""
    if blocked.in_emoji:
        return WhyNot("inside_an_emoji")
    left = blocked.left or keyword.match in {"suffix", "anywhere"}
    right = blocked.right or keyword.match in {"prefix", "anywhere"}
    open_to: MatchKind = "anywhere" if left and right else "suffix" if left else "prefix"
    return WhyNot("inside_a_word", cure=written(replace(keyword, match=open_to)))


def _plural(text: str, match: Match, keyword: Keyword) -> WhyNot | None:
    """The same for a plural, which is more often meant than all words that begin alike."""
    start, end, _ = match
    ends, far = end, min(len(text), end + PLURAL_CHARS_MAX)
    while ends < far and (CONTINUES[text[ends]] or text[ends] in DROPPED):
        ends += 1
    ending = "".join(ch for ch in text[end:ends] if ch not in DROPPED)
    lower = ending.casefold()
    if CONTINUES[text[start - 1 : start]] or lower not in {"s", "es"}:
        return None
    ending = ending if keyword.case_sensitive else lower
    return WhyNot("plural", cure=written(replace(keyword, text=keyword.text + ending)))


def _what_differs(said: str, keyword: Keyword) -> WhyNot:
    if not keyword.accents_exact or _is_same(said, keyword.text, ACCENTS_EXACT):
        return WhyNot("case_differs", cure="case: insensitive")
    if not keyword.case_sensitive or _is_same(said, keyword.text, CASE_SENSITIVE):
        return WhyNot("accents_differ", cure="accents: fold")
    return WhyNot("case_and_accents_differ", cure="case: insensitive, accents: fold")


def _is_same(said: str, wanted: str, variant: int) -> bool:
    return Folded(said, variant).text.strip(" ") == Folded(wanted, variant).text.strip(" ")
