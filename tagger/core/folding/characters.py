"""What single characters are: signs, invisible, accents, parts of a word or an emoji, of scripts without spaces.

Facts only, as sets and tables: `tables` and `fold` fold by them, and the matcher finds word edges with them. They
are the keyword manual's; where Unicode has a property for one of them, the property decides.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Final
from unicodedata import category

# Entries of each lazy table (about 100 bytes each). The chats of one installation use some thousands of
# characters; a table that somebody fills on purpose is emptied and fills again.
TABLE_ENTRIES_MAX: Final = 100_000

SIGNS: Final[dict[str, str]] = {
    **dict.fromkeys("‘’‚‛´`ʼ′", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
}
"""Typographic sign → its ASCII look-alike."""


def _span(first: int, last: int) -> Iterator[str]:
    return map(chr, range(first, last + 1))


INVISIBLE: Final = frozenset(
    chain(
        "\u00ad\u034f\u061c\u3164\ufeff\uffa0",
        _span(0x115F, 0x1160),  # Hangul fillers
        _span(0x17B4, 0x17B5),  # inherent vowels of Khmer
        _span(0x180B, 0x180F),  # Mongolian selectors and vowel separator
        _span(0x200E, 0x200F),  # direction marks
        _span(0x202A, 0x202E),
        _span(0x2060, 0x206F),  # word joiner, operators, isolates
        _span(0xFE00, 0xFE0F),  # variation selectors
        _span(0xFFF0, 0xFFF8),
        _span(0x1BCA0, 0x1BCA3),
        _span(0x1D173, 0x1D17A),
        _span(0xE0000, 0xE0FFF),  # tags, more variation selectors
    )
)
"""Unicode's Default_Ignorable_Code_Point without the zero width space and the joiners, which may mean something."""

NON_JOINER: Final = "\u200c"
JOINER: Final = "\u200d"
ZERO_WIDTH_SPACE: Final = "\u200b"
TATWEEL: Final = "\u0640"

DROPPED: Final = INVISIBLE | {NON_JOINER, TATWEEL}
"""Dropped wherever they are. A joiner stays inside an emoji."""

REGIONAL: Final = "".join(_span(0x1F1E6, 0x1F1FF))
"""Regional indicators: two of them are a flag."""

SKIN_TONES: Final = "".join(_span(0x1F3FB, 0x1F3FF))
"""They change the emoji before them."""

EMOJI: Final = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
"""Every block with an emoji that can be joined to another, as a character class: Python has no property for them."""

_ACCENTS: Final = tuple(
    chain(
        _span(0x0300, 0x036F),
        _span(0x1AB0, 0x1AFF),
        _span(0x1DC0, 0x1DFF),
        _span(0xFE20, 0xFE2F),
        # Hebrew vowel signs and cantillation, without the punctuation between them.
        _span(0x0591, 0x05BD),
        "\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7",
        # Arabic vowel signs, and the madda and hamza on a letter.
        _span(0x0610, 0x061A),
        _span(0x064B, 0x065F),
        "\u0670\u06e7\u06e8",
        _span(0x06D6, 0x06DC),
        _span(0x06DF, 0x06E4),
        _span(0x06EA, 0x06ED),
        _span(0x0898, 0x089F),
        _span(0x08CA, 0x08E1),
        _span(0x08E3, 0x08FF),
    )
)

# Letters that Unicode does not decompose, as they are usually spelt without their stroke, hook or tie, and the
# dotless ı and ȷ with their dots.
_SPELLINGS: Final = dict(
    pair.split(":")
    for pair in (
        "ı:i ȷ:j ł:l ø:o đ:d ð:d ħ:h ŧ:t æ:ae œ:oe þ:th ß:ss ŋ:n ĸ:k ƀ:b ɓ:b ƈ:c ȼ:c ɖ:d ɗ:d ɇ:e ƒ:f ǥ:g ɠ:g ɨ:i ɉ:j "
        "ƙ:k ƚ:l ɫ:l ɲ:n ƥ:p ɍ:r ƭ:t ʈ:t ⱦ:t ʉ:u ʋ:v ƴ:y ɏ:y ƶ:z ⱥ:a "
        "Ł:L Ø:O Đ:D Ð:D Ħ:H Ŧ:T Æ:AE Œ:OE Þ:TH ẞ:SS Ŋ:N Ƀ:B Ɓ:B Ƈ:C Ȼ:C Ɖ:D Ɗ:D Ɇ:E Ƒ:F Ǥ:G Ɠ:G Ɨ:I Ɉ:J "
        "Ƙ:K Ƚ:L Ɫ:L Ɲ:N Ƥ:P Ɍ:R Ƭ:T Ʈ:T Ⱦ:T Ʉ:U Ʋ:V Ƴ:Y Ɏ:Y Ƶ:Z Ⱥ:A"
    ).split()
)

BARE: Final[dict[int, str | None]] = {
    **dict.fromkeys(map(ord, chain(_ACCENTS, SKIN_TONES))),
    **{ord(letter): spelling for letter, spelling in _SPELLINGS.items()},
}
"""For `str.translate` of decomposed text: accents and skin tones go, letters with a stroke or tie are spelt plainly."""

MARKED_LETTERS: Final = frozenset("йїўЙЇЎ")
"""Letters of their own, although Unicode decomposes them into a letter and an accent."""

_SPACELESS_BLOCKS: Final = frozenset(
    chain(
        "々〆〇",
        _span(0x2E80, 0x2FD5),  # radicals
        _span(0x3021, 0x3029),
        _span(0x3031, 0x3035),  # kana repeat marks
        "\u3038\u3039\u303a\u303b",
        _span(0x3041, 0x309F),  # hiragana
        _span(0x30A1, 0x30FA),  # katakana
        "\u30fc\u30fd\u30fe\u30ff",
        _span(0x31F0, 0x31FF),
        _span(0xFF66, 0xFF9F),  # half-width katakana
        _span(0x1AFF0, 0x1AFFE),
        _span(0x1B000, 0x1B167),
        _span(0x0E01, 0x0E3A),  # Thai
        _span(0x0E40, 0x0E5B),
        _span(0x0E80, 0x0EFF),  # Lao
        _span(0x1000, 0x109F),  # Burmese
        _span(0xA9E0, 0xA9FE),
        _span(0xAA60, 0xAA7F),
        _span(0x1780, 0x17FF),  # Khmer
    )
)
SPACELESS: Final = frozenset(ch for ch in _SPACELESS_BLOCKS - INVISIBLE if not ch.isdecimal())
"""Characters of scripts that are written without spaces, other than Han. A digit is a digit in every script."""

_HAN: Final = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FA1F), (0x30000, 0x323AF))


def is_space(ch: str) -> bool:
    """White space; the zero width space counts."""
    return ch.isspace() or ch == ZERO_WIDTH_SPACE


def is_mark(ch: str) -> bool:
    """A combining mark."""
    return category(ch)[0] == "M"


def is_word(ch: str) -> bool:
    """Letter, digit, `_` or combining mark. ʼ is an apostrophe, though Unicode calls it a letter."""
    return (ch.isalnum() and ch not in SIGNS) or ch == "_" or is_mark(ch)


def is_spaceless(ch: str) -> bool:
    """Of a script that is written without spaces: Han, kana, Thai, Lao, Khmer, Burmese."""
    return ch in SPACELESS or any(first <= ord(ch) <= last for first, last in _HAN)


class _Continues(dict[str, bool]):
    def __missing__(self, ch: str) -> bool:
        if len(self) >= TABLE_ENTRIES_MAX:
            self.clear()
        self[ch] = continues = ch != "" and is_word(ch) and not is_spaceless(ch)
        return continues


CONTINUES: Final = _Continues()
"""Whether a character belongs to a word in a script with spaces.

Next to a keyword it continues the word, so there is no edge between them; at a keyword's own end it asks
for one. "" is the outside of a text. An `_` continues a word only inside it: see `fold.without_emphasis`.
"""
