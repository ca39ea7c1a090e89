"""Folding: what a keyword and a message have in common, and the way back to the original characters.

The steps and their order are those of the keyword manual. Text in which neighbours touch each other
(combining marks, Hangul jamo, kana voicing marks, joiners) is folded in segments, with the same result as
folding it whole. Never knows what a keyword is.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final
from unicodedata import category

from tagger.core.folding.characters import INVISIBLE, JOINERS, SIGNS, is_mark, is_space
from tagger.core.folding.tables import (
    ACCENTS_EXACT,
    CASE_SENSITIVE,
    IRREGULAR,
    LOOSE,
    STARTS,
    TABLES,
    fold_regular,
    is_even,
    normalised,
)

# Unicode's stream-safe format allows 30 marks on a letter. Normalising a longer run costs the square of its
# length, and no language has one: it is folded in pieces of this many code points.
SEGMENT_CHARS_MAX: Final = 32
# A longer segment is one unit for positions, because finding the cuts inside costs the square, too.
UNIT_CHARS_MAX: Final = 8
# Segments remembered: a few thousand serve any language.
_SEGMENTS_MAX: Final = 8_192

_SIGNS: Final = str.maketrans(SIGNS)
_ODD: Final = INVISIBLE.union(SIGNS, JOINERS)
_JOINER_RUN: Final = re.compile(f"[{JOINERS}]+")


class Folded:
    """A folded text, and the original characters that each of its code points came from."""

    __slots__ = ("_at", "_ends", "_first", "_last", "_starts", "shown", "text")

    text: str
    shown: str  # the original without what is invisible: edges are judged on these characters
    _first: list[int] | None  # per code point of `text`: the unit it came from; None: all at their places
    _last: list[int]  # the same, but for a run of white space, which came from several
    _at: Sequence[int]  # per unit: where in `shown` it begins, and one more for the end
    _starts: Sequence[int]  # per character of `shown`: where in the original it begins
    _ends: Sequence[int]  # ... and ends, with the variation selector on it

    def __init__(self, original: str, variant: int = LOOSE) -> None:
        folded = fold_regular(original, variant)
        if folded is not None and is_even(original, folded, variant):
            self.text, self.shown, self._first = folded, original, None
            return
        self.shown, self._starts, self._ends = _shown(original)
        by_table = list(map(TABLES[variant].__getitem__, map(ord, self.shown)))
        if folded is not None:
            units, self._at = by_table, range(len(by_table) + 1)
        else:
            units, self._at = _units(self.shown, variant, by_table)
        self._first = self._last = [at for at, unit in enumerate(units) for _ in unit]
        self.text = "".join(units)
        if "  " in self.text:
            self._collapse_spaces()

    def _collapse_spaces(self) -> None:
        """Step 5. One space stands for a run, and comes from all of it."""
        text, units = self.text, self._last
        kept = [at for at, ch in enumerate(text) if ch != " " or text[at - 1 : at] != " "]
        self.text = "".join(text[at] for at in kept)
        self._first = [units[at] for at in kept]
        self._last = [units[at - 1] for at in kept[1:]] + units[-1:]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Folded positions → code points of the original, covering dropped marks. `start < end`."""
        if self._first is None:
            return start, end
        return self._starts[self._at[self._first[start]]], self._ends[self._at[self._last[end - 1] + 1] - 1]

    def before(self, start: int) -> str | None:
        """The original character in front of a folded position; "" at the start, None inside a character."""
        if self._first is None:
            return self.shown[start - 1 : start]
        unit = self._first[start]
        at = self._at[unit]
        return None if start and unit == self._last[start - 1] else self.shown[at - 1 : at]

    def after(self, end: int) -> str | None:
        """The original character behind a folded position; "" at the end, None inside one character."""
        if self._first is None:
            return self.shown[end : end + 1]
        unit = self._last[end - 1]
        at = self._at[unit + 1]
        return None if end < len(self._first) and unit == self._first[end] else self.shown[at : at + 1]


def fold(text: str, case_sensitive: bool = False, accents_exact: bool = False) -> Folded:
    """Fold a text as the manual states; a keyword's outer white space is the caller's to strip."""
    return Folded(text, CASE_SENSITIVE * case_sensitive | ACCENTS_EXACT * accents_exact)


def _shown(original: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Steps 1 and 2: the characters that are left, and where in the original each begins and ends."""
    starts: Sequence[int] = range(len(original))
    ends: Sequence[int] = range(1, len(original) + 1)
    if _ODD.isdisjoint(original):
        return original, starts, ends
    text = original.translate(_SIGNS)
    if not INVISIBLE.isdisjoint(text):
        starts = [at for at, ch in enumerate(text) if ch not in INVISIBLE]
        ends = [_end_of(text, at) for at in starts]
        text = "".join(text[at] for at in starts)
    dropped = {at for run in _joiners_beside_letters(text) for at in run}
    if not dropped:
        return text, starts, ends
    kept = [at for at in range(len(text)) if at not in dropped]
    return "".join(text[at] for at in kept), [starts[at] for at in kept], [ends[at] for at in kept]


def _end_of(text: str, at: int) -> int:
    """Where a character ends with the variation selectors on it."""
    end = at + 1
    while end < len(text) and text[end] in INVISIBLE and is_mark(text[end]):
        end += 1
    return end


def _joiners_beside_letters(text: str) -> Iterator[range]:
    """Runs of joiners with a letter, or a mark on one, on either side; between emoji and digits they stay."""
    for run in _JOINER_RUN.finditer(text):
        beside = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        if any(category(ch)[0] == "L" or category(ch) in {"Mn", "Mc"} for ch in beside):
            yield range(run.start(), run.end())


def _units(shown: str, variant: int, by_table: list[str]) -> tuple[list[str], list[int]]:
    """Steps 3 and 4: what the characters fold to, cut wherever possible, and where each unit begins."""
    units: list[str] = []
    sizes: list[int] = []
    done = 0
    for at in [at for at, folded in enumerate(by_table) if folded == IRREGULAR]:
        if at < done:
            continue
        begin = at if STARTS[shown[at]] or at == done else at - 1
        end = at + 1
        while end < len(shown) and not STARTS[shown[end]] and end - begin < SEGMENT_CHARS_MAX:
            end += 1
        units += by_table[done:begin]
        sizes += [1] * (begin - done)
        for size, folded in _segment_units(shown[begin:end], variant):
            units.append(folded)
            sizes.append(size)
        done = end
    units += by_table[done:]
    sizes += [1] * (len(shown) - done)
    return units, list(accumulate(sizes, initial=0))


@lru_cache(_SEGMENTS_MAX)
def _segment_units(segment: str, variant: int) -> tuple[tuple[int, str], ...]:
    """Cut a segment wherever its two sides, folded apart, give the same as folded together.

    Dropped marks go with what they stand on.
    """
    units: list[tuple[int, str]] = []
    for length, folded in _cut(segment, variant):
        if units and not folded:
            units[-1] = (units[-1][0] + length, units[-1][1])
        else:
            units.append((length, folded))
    return tuple((length, "".join(" " if is_space(ch) else ch for ch in folded)) for length, folded in units)


def _cut(segment: str, variant: int) -> Iterator[tuple[int, str]]:
    whole = normalised(segment, variant)
    begin, done = 0, 0
    one_unit = len(segment) > UNIT_CHARS_MAX or whole == normalised(segment[0], variant)
    for at in range(1, 0 if one_unit else len(segment)):
        left = normalised(segment[:at], variant)
        if left + normalised(segment[at:], variant) == whole:
            yield at - begin, whole[done : len(left)]
            begin, done = at, len(left)
    yield len(segment) - begin, whole[done:]
