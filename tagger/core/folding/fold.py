"""Folding: what a keyword and a message have in common, and the way back to the original characters.

The steps are those of the keyword manual, in its order. Text whose neighbours affect each other (combining marks,
Hangul jamo, kana voicing marks, joiners) is folded in segments, with the same result as folding it whole.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

from tagger.core.folding.characters import (
    CONTINUES,
    DROPPED,
    EMOJI,
    JOINER,
    REGIONAL,
    SIGNS,
    SKIN_TONES,
    ZERO_WIDTH_SPACE,
    is_mark,
    is_space,
    is_spaceless,
    is_word,
)
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
_UNSEEN: Final = DROPPED.union(JOINER, ZERO_WIDTH_SPACE)
_ODD: Final = _UNSEEN.union(SIGNS)
_JOINERS: Final = re.compile(f"{JOINER}+")
_IS_EMOJI: Final = re.compile(f"[{EMOJI}]").match
_ZERO_WIDTH_SPACES: Final = re.compile(f"{ZERO_WIDTH_SPACE}+")
_UNDERSCORES: Final = re.compile("_+")
_FLAG_OR_TONED: Final = re.compile(f"[{REGIONAL}]{{2}}|[{EMOJI}][{SKIN_TONES}]")


class Folded:
    """A folded text, and the original characters that each of its code points comes from."""

    __slots__ = ("_at", "_beside", "_ends", "_first", "_inside_emoji", "_last", "_starts", "shown", "text")

    text: str
    shown: str  # the original without what is dropped: these characters decide where edges are
    _beside: str  # `shown` without emphasis
    _inside_emoji: set[int]  # places in `shown` between two parts of one flag or emoji
    _first: list[int] | None  # per code point of `text`: the unit it came from; None: all at their places
    _last: list[int]  # the same, but for a run of white space, which came from several
    _at: Sequence[int]  # per unit: where in `shown` it begins, and one more for the end
    _starts: Sequence[int]  # per character of `shown`: where in the original it begins
    _ends: Sequence[int]  # ... and ends, with the variation selector on it

    def __init__(self, original: str, variant: int = LOOSE) -> None:
        folded = fold_regular(original, variant)
        if folded is not None and is_even(original, folded, variant):
            self.text, self.shown, self._first = folded, original, None
            self._beside = without_emphasis(original)
            return
        self.shown, self._starts, self._ends = _shown(original)
        self._beside = without_emphasis(self.shown)
        self._inside_emoji = _inside_emoji(self.shown)
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
        """Step 5: one space for a run of them. It comes from the whole run."""
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
        """The character in front of a folded position: "" at the start, " " for emphasis, None inside a character."""
        if self._first is None:
            return self._beside[start - 1 : start]
        unit = self._first[start]
        at = self._at[unit]
        return None if start and unit == self._last[start - 1] else self._beside[at - 1 : at]

    def after(self, end: int) -> str | None:
        """The character behind a folded position: "" at the end, " " for emphasis, None inside a character."""
        if self._first is None:
            return self._beside[end : end + 1]
        unit = self._last[end - 1]
        at = self._at[unit + 1]
        return None if end < len(self._first) and unit == self._first[end] else self._beside[at : at + 1]

    def cuts_emoji(self, start: int, end: int) -> bool:
        """Whether a folded part begins or ends inside a flag or a joined emoji. `start < end`."""
        if self._first is None or not self._inside_emoji:
            return False
        first, last = self._at[self._first[start]], self._at[self._last[end - 1] + 1]
        return first in self._inside_emoji or last in self._inside_emoji


def fold(text: str, case_sensitive: bool = False, accents_exact: bool = False) -> Folded:
    """Fold a text as the manual says, without trimming it."""
    return Folded(text, CASE_SENSITIVE * case_sensitive | ACCENTS_EXACT * accents_exact)


def without_emphasis(text: str) -> str:
    """The text with a space for each `_` that does not join two letters or digits, as around `_this_`."""
    return _UNDERSCORES.sub(_joined, text) if "_" in text else text


def _joined(run: re.Match[str]) -> str:
    return run[0] if all(CONTINUES[ch] for ch in _sides(run)) else " " * len(run[0])


def _inside_emoji(shown: str) -> set[int]:
    joiners = (at for joiner in re.finditer(JOINER, shown) for at in joiner.span())
    return {found.end() - 1 for found in _FLAG_OR_TONED.finditer(shown)}.union(joiners)


def _shown(original: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Steps 1 and 2: the characters that are left, and where in the original each begins and ends."""
    text = original if _ODD.isdisjoint(original) else original.translate(_SIGNS)
    if _UNSEEN.isdisjoint(text):
        return text, range(len(text)), range(1, len(text) + 1)
    starts = [at for at, ch in enumerate(text) if ch not in DROPPED]
    left = "".join([text[at] for at in starts])
    for runs, is_dropped in ((_JOINERS, _is_outside_emoji), (_ZERO_WIDTH_SPACES, _is_in_spaceless)):
        gone = {at for run in runs.finditer(left) if is_dropped(run) for at in range(*run.span())}
        if gone:
            starts = [start for at, start in enumerate(starts) if at not in gone]
            left = "".join([ch for at, ch in enumerate(left) if at not in gone])
    return left.replace(ZERO_WIDTH_SPACE, " "), starts, [_end_of(text, at) for at in starts]


def _end_of(text: str, at: int) -> int:
    """Where a character ends with the selectors and tags on it."""
    end = at + 1
    while end < len(text) and text[end] in DROPPED and (is_mark(text[end]) or text[end] > "\U000e0000"):
        end += 1
    return end


def _sides(run: re.Match[str]) -> tuple[str, str]:
    """The characters on both sides of a run; a space where the text ends."""
    text = run.string
    return text[run.start() - 1 : run.start()] or " ", text[run.end() : run.end() + 1] or " "


def _is_outside_emoji(joiners: re.Match[str]) -> bool:
    return not all(map(_IS_EMOJI, _sides(joiners)))


def _is_in_spaceless(spaces: re.Match[str]) -> bool:
    return all(is_spaceless(ch) and is_word(ch) for ch in _sides(spaces))


def _units(shown: str, variant: int, by_table: list[str]) -> tuple[list[str], list[int]]:
    """Steps 3 and 4: what the characters fold to, in the smallest possible units, and where each of them begins."""
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
    """Cut a segment at every place where its two sides, folded apart, give the same as folded together.

    Dropped marks go with what they are on.
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
