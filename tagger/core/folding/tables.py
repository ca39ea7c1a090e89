"""Folding one code point at a time, with tables that fill as characters turn up.

Exact for nearly all text. Where a character's neighbours decide what it folds to, the table says so, and `fold`
folds it in segments.
"""

import re
from itertools import chain
from typing import Final
from unicodedata import decimal, decomposition, normalize

from tagger.core.folding.characters import (
    BARE,
    CONTINUES,
    DROPPED,
    JOINER,
    MARKED_LETTERS,
    REGIONAL,
    SIGNS,
    TABLE_ENTRIES_MAX,
    ZERO_WIDTH_SPACE,
    is_mark,
    is_space,
)

# The four ways to fold, as bits, so that a way is also an index.
LOOSE: Final = 0
CASE_SENSITIVE: Final = 1
ACCENTS_EXACT: Final = 2
VARIANTS: Final = (0, 1, 2, 3)

IRREGULAR: Final = "\uffff"  # a noncharacter: marks in a folded text what a table cannot fold

# Letters that compose with one before them: the later parts of Hangul syllables, and the vowels of Kirat Rai
# (Unicode 16). Everything else that does is a mark; a test asks the Unicode data of the running Python.
_JOINING_LETTERS: Final = frozenset(map(chr, chain(range(0x1160, 0x1200), range(0x16D63, 0x16D6B))))
_SPACES: Final = re.compile("  +")
_OTHER_DIGIT: Final = re.compile(r"[^\D0-9]")


def normalised(text: str, variant: int) -> str:
    """Steps 3 and 4 of folding: compatibility, case, digits, accents."""
    text = normalize("NFKC", text)
    if not variant & CASE_SENSITIVE:
        text = normalize("NFKC", text.casefold())
    text = _OTHER_DIGIT.sub(lambda digit: str(decimal(digit[0])), text)
    if not variant & ACCENTS_EXACT:
        bare = (ch if ch in MARKED_LETTERS else normalize("NFD", ch).translate(BARE) for ch in text)
        text = normalize("NFC", "".join(bare))
    return text


class _Starts(dict[str, bool]):
    """Whether a character starts a segment: the text before it always folds apart from it.

    That is so if its decomposition begins, at every step, with a character that stays where it is and
    composes with nothing in front of it (Unicode Standard Annex 15, normalization boundaries).
    """

    def __missing__(self, ch: str) -> bool:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        self[ch] = starts = _is_plain(ch) or _starts_segment(ch)
        return starts


def _is_plain(ch: str) -> bool:
    """Whether it surely starts a segment and folds to itself in every variant. Quick, and true of most."""
    unchanged = ch.casefold() == ch and ord(ch) not in BARE and not decomposition(ch)
    return unchanged and not _joins(ch) and not _OTHER_DIGIT.match(ch)


def _starts_segment(ch: str) -> bool:
    folded = [normalised(ch, variant) for variant in VARIANTS]
    # Where an accent is dropped, its neighbours meet, so it starts nothing.
    return all(folded) and all(map(_opens, (ch, normalize("NFKC", ch).casefold(), *folded)))


def _opens(text: str) -> bool:
    return not _joins(normalize("NFKD", text)[0])


def _joins(ch: str) -> bool:
    """Whether it may compose or change places with what is before it. Where it does not, `fold` finds out."""
    return is_mark(ch) or ch in _JOINING_LETTERS


STARTS: Final = _Starts()


class _Table(dict[int, str]):
    """One code point → what it folds to, or `IRREGULAR` where that depends on its neighbours."""

    def __init__(self, variant: int) -> None:
        super().__init__()
        self._variant = variant
        # Characters seen that do not fold to exactly one, that belong to a word where their fold does not, or the
        # other way round, or that are half of a flag. Unicode has some thousands.
        self.uneven: set[str] = set()

    def __missing__(self, point: int) -> str:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        ch = chr(point)
        folded = self._fold(ch)
        if len(folded) != 1 or CONTINUES[folded] != CONTINUES[ch] or ch in REGIONAL:
            self.uneven.add(ch)
        self[point] = folded  # last: another thread that finds it here relies on the set
        return folded

    def _fold(self, ch: str) -> str:
        if ch in DROPPED:
            return ""
        if ch in {JOINER, ZERO_WIDTH_SPACE, IRREGULAR}:
            return IRREGULAR
        if is_space(ch):
            return " "
        ch = SIGNS.get(ch, ch)
        if _is_plain(ch):
            return ch
        return normalised(ch, self._variant) if STARTS[ch] else IRREGULAR


TABLES: Final = tuple(_Table(variant) for variant in VARIANTS)
_ASCII: Final = tuple("".join(map(table.__getitem__, range(128))).encode().ljust(256) for table in TABLES)


def fold_regular(text: str, variant: int = LOOSE) -> str | None:
    """The folded text if each of its code points folds by itself, else None. The fast half of `fold`."""
    if text.isascii():
        folded = text.encode().translate(_ASCII[variant]).decode()
    else:
        folded = text.translate(TABLES[variant])
        if IRREGULAR in folded:
            return None
    return _SPACES.sub(" ", folded) if "  " in folded else folded


def is_even(text: str, folded: str, variant: int = LOOSE) -> bool:
    """Whether positions and edges of a text are those of `folded`, its `fold_regular`."""
    return len(text) == len(folded) and (text.isascii() or TABLES[variant].uneven.isdisjoint(text))
