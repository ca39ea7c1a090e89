"""What single characters are, against the Unicode data of the running Python."""

import sys
from unicodedata import category, combining, decomposition, name, normalize

import pytest

from tagger.core.folding import characters
from tagger.core.folding.characters import (
    BARE,
    CONTINUES,
    DROPPED,
    INVISIBLE,
    MARKED_LETTERS,
    SIGNS,
    SKIN_TONES,
    SPACELESS,
    is_spaceless,
    is_word,
)
from tagger.core.folding.tables import STARTS

ALL = [chr(point) for point in range(sys.maxunicode + 1)]


def test_accents_are_marks_and_respelt_letters_are_letters_that_do_not_decompose() -> None:
    for point, spelling in BARE.items():
        ch = chr(point)
        if ch in SKIN_TONES:
            assert name(ch).startswith("EMOJI MODIFIER FITZPATRICK"), ch
        elif spelling is None:
            assert category(ch) in {"Mn", "Me", "Cn"}, ch  # Cn: reserved in these blocks for more of them
        else:
            assert category(ch)[0] == "L", ch
            assert not decomposition(ch), ch
            assert spelling.isascii(), ch
            assert ch.islower() == spelling.islower(), ch


@pytest.mark.parametrize("kept", [*"\u3099\u309a\u0e48\u0e31\u093f\u094d\u20e3\u20dd\u05beءґ"], ids=name)
def test_what_makes_another_letter_is_no_accent(kept: str) -> None:
    assert ord(kept) not in BARE


def test_scripts_without_spaces_are_these_and_no_others() -> None:
    scripts = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "THAI", "LAO", "MYANMAR", "KHMER")
    rarer = (
        "CJK COMPATIBILITY IDEOGRAPH",
        "CJK RADICAL",
        "KANGXI",
        "HANGZHOU",
        "IDEOGRAPHIC",
        "HENTAIGANA",
        "KANA",
    )
    for ch in filter(is_word, ALL):
        if is_spaceless(ch):
            assert not ch.isdecimal(), hex(ord(ch))
            assert any(part in name(ch) for part in scripts + rarer), hex(ord(ch))
        elif not ch.isdecimal() and ch not in INVISIBLE:
            assert not name(ch, "").startswith(scripts), hex(ord(ch))


def test_only_marks_and_the_listed_letters_compose_with_what_is_before_them() -> None:
    """Whatever is second in a composition starts no segment, or folding in segments would differ."""
    seconds = set()
    for ch in ALL:
        parts = decomposition(ch).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = "".join(chr(int(part, 16)) for part in parts)
            if normalize("NFC", pair) == ch:
                seconds.add(pair[1])
    seconds |= {ch for ch in ALL if combining(ch)} | {
        normalize("NFD", syllable)[-1] for syllable in "각하한힣"
    }
    assert [ch for ch in seconds if STARTS[ch]] == []


@pytest.mark.parametrize(
    ("ch", "word"),
    [
        *((ch, True) for ch in "aZé5_²½ªßıł한ع\u0301\u093e\u20e3"),
        *((ch, False) for ch in "'’ʼ-–$+™©°. \u00a0\u200b❤👍\u200d…ⓐ"),
    ],
)
def test_a_word_is_of_letters_digits_underscores_and_marks(ch: str, word: bool) -> None:
    assert is_word(ch) is word
    assert CONTINUES[ch] is word


@pytest.mark.parametrize("ch", [*"٣๓៣၃𝟛"])
def test_a_digit_continues_a_word_in_every_script(ch: str) -> None:
    assert CONTINUES[ch]


@pytest.mark.parametrize("ch", [*"退々〇かカーｶกำລកက"])
def test_a_letter_of_a_script_without_spaces_continues_no_word(ch: str) -> None:
    assert is_word(ch)
    assert not CONTINUES[ch]


def test_nothing_beside_a_text_continues_it() -> None:
    assert not CONTINUES[""]


def test_a_table_that_is_full_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "TABLE_ENTRIES_MAX", 3)
    table = characters._Continues()
    assert [table[ch] for ch in "ab.cd."] == [True, True, False, True, True, False]
    assert len(table) <= 3


def test_no_sign_is_dropped_and_no_dropped_character_is_of_a_script() -> None:
    assert not DROPPED & SIGNS.keys()
    assert not DROPPED & SPACELESS


def test_what_is_dropped_is_ignorable_by_its_category_and_cannot_come_of_what_stays() -> None:
    """Unicode's ignorable characters are format characters, marks, fillers, and reserved for more of them."""
    named_filler = {ch for ch in INVISIBLE if "FILLER" in name(ch, "")}
    assert {category(ch) for ch in INVISIBLE - named_filler} <= {"Cf", "Mn", "Cn"}
    made = {
        part
        for ch in ALL
        if ch not in DROPPED
        for part in normalize("NFKC", normalize("NFKC", ch).casefold())
    }
    assert not made & INVISIBLE


def test_a_letter_with_a_mark_of_its_own_decomposes_into_a_letter_and_an_accent() -> None:
    for ch in MARKED_LETTERS:
        decomposed = normalize("NFD", ch)
        assert len(decomposed) == 2
        assert BARE[ord(decomposed[1])] is None
        assert normalize("NFC", normalize("NFD", ch)) == ch
