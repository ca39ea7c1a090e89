"""Folding: what a keyword and a message have in common, and the way back to the original characters.

The steps and their order are those of the keyword manual. Most text folds code point by code point, by a
table; text in which neighbours touch each other (combining marks, Hangul jamo, kana voicing marks, joiners)
is folded in segments, with the same result as folding it whole. Never knows what a keyword is.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, chain
from typing import Final
from unicodedata import category, combining, decomposition, normalize

from tagger.core.characters import BARE, INVISIBLE, JOINERS, SIGNS, TABLE_ENTRIES_MAX, is_mark, is_space

# The four ways to fold, as bits, so that a way is also an index.
LOOSE: Final = 0
CASE_SENSITIVE: Final = 1
ACCENTS_EXACT: Final = 2
VARIANTS: Final = (0, 1, 2, 3)

# Unicode's stream-safe format allows 30 marks on a letter. Normalising a longer run costs the square of its
# length, and no language has one: it is folded in pieces of this many code points.
SEGMENT_CHARS_MAX: Final = 32
# A longer segment is one unit for positions, because finding the cuts inside costs the square, too.
UNIT_CHARS_MAX: Final = 8
# Segments remembered: a few thousand serve any language.
_SEGMENTS_MAX: Final = 8_192

# Characters of combining class 0 that compose with one before them: the parts of Hangul syllables and some
# Indic vowel signs. A test compares the list with the Unicode data of the running Python.
_JOIN_BACKWARDS: Final = frozenset(map(chr, chain(range(0x1161, 0x1176), range(0x11A8, 0x11C3)))) | frozenset(
    "\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e\u1b35"
    "\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af\U00011930"
)

_IRREGULAR: Final = "\uffff"  # a noncharacter: stands in a folded text for what the table cannot fold
_SPACES: Final = re.compile("  +")
_JOINER_RUN: Final = re.compile(f"[{JOINERS}]+")


def _normalised(text: str, variant: int) -> str:
    """Steps 3 and 4 of folding, as the manual states them."""
    text = normalize("NFKC", text)
    if not variant & CASE_SENSITIVE:
        text = normalize("NFKC", text.casefold())
    if not variant & ACCENTS_EXACT:
        text = normalize("NFC", normalize("NFD", text).translate(BARE))
    return text


class _Starts(dict[str, bool]):
    """Whether a character starts a segment: what stands before it always folds apart from it.

    That is so if its decomposition begins, at every step, with a character that stays where it is and
    composes with nothing in front of it (Unicode Standard Annex 15, normalization boundaries).
    """

    def __missing__(self, ch: str) -> bool:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        self[ch] = starts = _is_plain(ch) or _starts_segment(ch)
        return starts


def _is_plain(ch: str) -> bool:
    """Whether it surely starts a segment and folds to itself in every variant. Quick, and true of most characters."""
    unchanged = ch.casefold() == ch and ord(ch) not in BARE and not decomposition(ch)
    return unchanged and combining(ch) == 0 and ch not in _JOIN_BACKWARDS


def _starts_segment(ch: str) -> bool:
    folded = [_normalised(ch, variant) for variant in VARIANTS]
    # Where an accent is dropped, its neighbours meet: it starts nothing.
    return all(folded) and all(map(_opens, (ch, normalize("NFKC", ch).casefold(), *folded)))


def _opens(text: str) -> bool:
    first = normalize("NFKD", text)[0]
    return combining(first) == 0 and first not in _JOIN_BACKWARDS


_STARTS: Final = _Starts()


class _Loosened(dict[int, str]):
    """One folded code point → the same without case and accents. Never empty, so that positions stay in order."""

    def __missing__(self, point: int) -> str:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        ch = chr(point)
        apart = not _is_plain(ch) and _STARTS[ch] and not is_space(ch)
        self[point] = loose = _normalised(ch, LOOSE) if apart else ch
        return loose


_LOOSENED: Final = _Loosened()


def loosen(folded: str) -> str:
    """A folded text of any variant → the same without case and accents, code point by code point.

    What is part of a text is part of the loosened text, so a search in loosened text misses nothing.
    """
    return folded.lower() if folded.isascii() else folded.translate(_LOOSENED)


def loosened_at(folded: str) -> list[int]:
    """Where in `loosen(folded)` each code point of `folded` begins."""
    return list(accumulate((len(_LOOSENED[ord(ch)]) for ch in folded), initial=0))


class _Table(dict[int, str]):
    """One code point → what folding makes of it, or `_IRREGULAR` where its neighbours have a say."""

    def __init__(self, variant: int) -> None:
        super().__init__()
        self._variant = variant
        self.uneven: set[str] = set()  # those met that do not fold to exactly one; Unicode has some thousands

    def __missing__(self, point: int) -> str:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        ch = chr(point)
        self[point] = folded = self._fold(ch)
        if len(folded) != 1:
            self.uneven.add(ch)
        return folded

    def _fold(self, ch: str) -> str:
        if ch in INVISIBLE:
            return ""
        if is_space(ch):
            return " "
        ch = SIGNS.get(ch, ch)
        if ch in JOINERS or ch == _IRREGULAR:
            return _IRREGULAR
        if _is_plain(ch):
            return ch
        return _normalised(ch, self._variant) if _is_regular(ch) else _IRREGULAR


def _is_regular(ch: str) -> bool:
    """Whether it folds by itself, and its loosened fold in every variant is its loosest fold.

    So one search in the loosest fold of a text of such characters is a search in all its loosened folds.
    """
    folded = [_normalised(ch, variant) for variant in VARIANTS]
    spaces = any(map(is_space, chain(*folded)))  # some ligatures hold white space: a run may begin inside them
    return _STARTS[ch] and not spaces and all(loosen(one) == folded[LOOSE] for one in folded)


_TABLES: Final = tuple(_Table(variant) for variant in VARIANTS)
_ASCII: Final = tuple("".join(map(table.__getitem__, range(128))).encode().ljust(256) for table in _TABLES)


def fold_regular(text: str, variant: int = LOOSE) -> str | None:
    """The folded text if every code point of it folds by itself, else None. The fast half of `fold`."""
    if text.isascii():
        folded = text.encode().translate(_ASCII[variant]).decode()
    else:
        folded = text.translate(_TABLES[variant])
        if _IRREGULAR in folded:
            return None
    return _SPACES.sub(" ", folded) if "  " in folded else folded


def is_even(text: str, folded: str, variant: int = LOOSE) -> bool:
    """Whether each code point of `text` became one of `folded`, its `fold_regular`: positions are the same."""
    return len(text) == len(folded) and (text.isascii() or _TABLES[variant].uneven.isdisjoint(text))


class Folded:
    """A folded text, and the original characters that each of its code points came from."""

    __slots__ = ("_ends", "_from", "_starts", "_to", "regular", "shown", "text")

    text: str
    regular: bool  # it was folded code point by code point
    shown: str  # the original without what is invisible: edges are judged on these characters

    def __init__(self, original: str, variant: int = LOOSE) -> None:
        folded = fold_regular(original, variant)
        self.regular = folded is not None
        self._from: list[int] | None = None  # per code point of `text`: where in `shown` its unit begins ...
        self._to: list[int] = []  # ... and ends
        self._starts: list[int] = []  # per character of `shown`: where in the original it begins ...
        self._ends: list[int] = []  # ... and ends, with the variation selector on it
        if folded is not None and is_even(original, folded, variant):
            self.text, self.shown = folded, original
        else:
            self._trace(original, variant)

    def _trace(self, original: str, variant: int) -> None:
        self.shown, self._starts, self._ends = _shown(original)
        text: list[str] = []
        self._from = []
        begin = 0
        for length, folded in _units(self.shown, variant):
            for ch in folded:
                if not is_space(ch):
                    text.append(ch)
                elif text and text[-1] == " ":
                    self._to[-1] = begin + length
                    continue
                else:
                    text.append(" ")
                self._from.append(begin)
                self._to.append(begin + length)
            begin += length
        self.text = "".join(text)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Folded positions → code points of the original, covering dropped marks. `start < end`."""
        if self._from is None:
            return start, end
        return self._starts[self._from[start]], self._ends[self._to[end - 1] - 1]

    def before(self, start: int) -> str | None:
        """The original character in front of a folded position; "" at the start; None inside one character."""
        if self._from is None:
            return self.shown[start - 1 : start]
        at = self._from[start]
        if start and at < self._to[start - 1]:
            return None
        return self.shown[at - 1 : at]

    def after(self, end: int) -> str | None:
        """The original character behind a folded position; "" at the end; None inside one character."""
        if self._from is None:
            return self.shown[end : end + 1]
        at = self._to[end - 1]
        if end < len(self._from) and self._from[end] < at:
            return None
        return self.shown[at : at + 1]


def fold(text: str, case_sensitive: bool = False, accents_exact: bool = False) -> Folded:
    """Fold a text as the manual states; a keyword's outer white space is the caller's to strip."""
    return Folded(text, CASE_SENSITIVE * case_sensitive | ACCENTS_EXACT * accents_exact)


def _shown(original: str) -> tuple[str, list[int], list[int]]:
    """Steps 1 and 2: the characters that are left, and where in the original each begins and ends."""
    shown: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for at, ch in enumerate(original):
        if ch not in INVISIBLE:
            shown.append(SIGNS.get(ch, ch))
            starts.append(at)
            ends.append(at + 1)
        elif ends and ends[-1] == at and is_mark(ch):
            ends[-1] = at + 1
    text = "".join(shown)
    dropped = {at for run in _joiners_beside_letters(text) for at in run}
    if not dropped:
        return text, starts, ends
    kept = [at for at in range(len(text)) if at not in dropped]
    return "".join(text[at] for at in kept), [starts[at] for at in kept], [ends[at] for at in kept]


def _joiners_beside_letters(text: str) -> Iterator[range]:
    """Runs of joiners with a letter, or a mark on one, on either side; between emoji and digits they stay."""
    for run in _JOINER_RUN.finditer(text):
        beside = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        if any(category(ch)[0] == "L" or category(ch) in {"Mn", "Mc"} for ch in beside):
            yield range(run.start(), run.end())


def _units(shown: str, variant: int) -> Iterator[tuple[int, str]]:
    """Steps 3 and 4: (number of characters, what they fold to), over the whole text."""
    table = _TABLES[variant]
    begin = 0
    for at in range(1, len(shown) + 1):
        if at < len(shown) and not _STARTS[shown[at]] and at - begin < SEGMENT_CHARS_MAX:
            continue
        segment = shown[begin:at]
        if at - begin == 1 and (folded := table[ord(segment)]) != _IRREGULAR:
            yield 1, folded
        else:
            yield from _segment_units(segment, variant)
        begin = at


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
    return tuple(units)


def _cut(segment: str, variant: int) -> Iterator[tuple[int, str]]:
    whole = _normalised(segment, variant)
    begin, done = 0, 0
    one_unit = len(segment) > UNIT_CHARS_MAX or whole == _normalised(segment[0], variant)
    for at in range(1, 0 if one_unit else len(segment)):
        left = _normalised(segment[:at], variant)
        if left + _normalised(segment[at:], variant) == whole:
            yield at - begin, whole[done : len(left)]
            begin, done = at, len(left)
    yield len(segment) - begin, whole[done:]
