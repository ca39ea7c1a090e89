"""Folding, line by line of the manual, and the way back to the original."""

import pytest

from tagger.core.folding import tables as foldtable
from tagger.core.folding.fold import SEGMENT_CHARS_MAX, Folded, fold, without_emphasis
from tagger.core.folding.tables import VARIANTS, fold_regular, is_even

FOLDS = [
    *((f"typographic {ch}", ch, "'") for ch in "‘’‚‛´`ʼ′"),
    *((f"typographic {ch}", ch, '"') for ch in "“”„‟″"),
    *((f"dash U+{ord(ch):04X}", ch, "-") for ch in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"),
    ("an acute accent of its own is an apostrophe, not a space", "don´t", "don't"),
    ("soft hyphen", "re\u00adfund", "refund"),
    ("word joiner", "re\u2060fund", "refund"),
    ("byte order mark", "\ufeffrefund", "refund"),
    ("direction marks", "\u200erefund\u200f \u202bx\u202c \u2066y\u2069\u061c", "refund x y"),
    ("variation selectors", "❤\ufe0f 葛\U000e0100", "❤ 葛"),
    ("tags", "🏴\U000e0067\U000e0062\U000e007f", "🏴"),
    ("the Arabic tatweel", "كـــتاب", "كتاب"),
    ("a joiner between letters", "re\u200dfund re\u200cfund", "refund refund"),
    ("a non-joiner in Persian", "می\u200cخواهم", "میخواهم"),
    ("a joiner after a vowel killer", "क्\u200dष", "क्ष"),
    ("a joiner in an emoji stays", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ("a joiner in an emoji with a selector stays", "🏳\ufe0f\u200d🌈", "🏳\u200d🌈"),
    ("a joiner between an emoji and a letter goes", "👍\u200da", "👍a"),
    ("a joiner between digits or symbols that are not emoji goes", "4\u200d04 +\u200d+", "404 ++"),
    ("a joiner at the end of an emoji goes", "👍\u200d", "👍"),
    ("a non-joiner goes everywhere", "4\u200c04 👩\u200c👧", "404 👩👧"),
    ("zero width space is white space", "re\u200bfund", "re fund"),
    ("also beside a script without spaces", "ក\u200brefund\u200b ខ", "ក refund ខ"),
    ("but a Khmer space bar types it between letters", "សង\u200bប្រាក់\u200b\u200bវិញ", "សងប្រាក់វិញ"),
    ("also between Han, and where something invisible is beside it", "返\u200b\u2060金", "返金"),
    ("not between a letter and a digit or a sign", "ក\u200b១ ក\u200b។", "ក 1 ក ។"),
    ("full-width", "ＲＥＦＵＮＤ　１２", "refund 12"),
    ("ligature", "oﬃce", "office"),
    ("full case folding", "STRASSE Straße", "strasse strasse"),
    ("final sigma", "ΟΔΌΣ", "οδοσ"),
    ("the dotted capital", "İstanbul", "istanbul"),
    ("the dotless ı is i", "ılık", "ilik"),
    ("digits of every script", "٠١٢٣٤٥٦٧٨٩ ۴۰۴ ४०४ ๔๐๔ ៤០៤ ４０４ 𝟜𝟘𝟜", "0123456789 404 404 404 404 404 404"),
    ("numbers that are not decimal digits stay", "四 ½ Ⅷ", "四 1⁄2 viii"),
    ("capital I is i, not ı", "ILIK", "ilik"),
    ("trade mark", "Acme™", "acmetm"),
    ("ellipsis", "wait…", "wait..."),
    ("composed accents", "Café Ünïçødé", "cafe unicode"),
    ("decomposed accents", "Cafe\u0301", "cafe"),
    ("two marks", "ệ e\u0323\u0302", "e e"),
    ("extended marks", "a\u1ab0b\u1dc4c\ufe20d", "abcd"),
    ("a keycap is not its digit", "1\ufe0f\u20e3", "1\u20e3"),
    ("Arabic vowel signs", "كِتَابٌ", "كتاب"),
    ("hamza and madda on a letter", "أ إ آ ؤ ئ ا\u0654", "ا ا ا و ي ا"),
    ("a hamza of its own stays", "ءة", "ءة"),
    ("Cyrillic letters that look like accented ones stay", "мой їжак ўсе И\u0306", "мой їжак ўсе й"),
    ("Cyrillic ё is е, and stress is an accent", "Ёлка за\u0301мок й\u0301", "елка замок й"),
    ("skin tones", "👍🏽 👩🏿\u200d💻", "👍 👩\u200d💻"),
    ("Hebrew vowel signs", "שָׁלוֹם", "שלום"),
    ("Polish", "Zażółć gęślą jaźń Łódź", "zazolc gesla jazn lodz"),
    ("Nordic and Icelandic", "Smørrebrød Æther Þór œuvre", "smorrebrod aether thor oeuvre"),
    ("Croatian and Maltese", "đak Ħal", "dak hal"),
    ("kana voicing marks are never dropped", "バス パス ハス", "バス パス ハス"),
    ("a voicing mark of its own composes", "ハ\u3099ス ﾊﾞｽ", "バス バス"),
    ("Thai tones are never dropped", "น้ำ", "น้ํา"),
    ("Indic vowel signs are never dropped", "हिन्दी", "हिन्दी"),
    ("Hangul is composed", "\u1112\u1161\u11ab 한", "한 한"),
    ("half-width Hangul is composed", "\uffbe\uffc2", "하"),
    ("letters that meet when an accent goes compose", "하\u0301\u11ab", "한"),
    ("a run of white space is one space", "a \t\r\n\u00a0\u3000\u200b b", "a b"),
    ("white space that normalising makes", "a \u00a8b", "a b"),
    ("a noncharacter is a character", "a\uffffb", "a\uffffb"),
    ("nothing", "", ""),
]


@pytest.mark.parametrize(("text", "folded"), [row[1:] for row in FOLDS], ids=[row[0] for row in FOLDS])
def test_folding_makes(text: str, folded: str) -> None:
    assert fold(text).text == folded


@pytest.mark.parametrize(
    ("text", "case_sensitive", "accents_exact", "folded"),
    [
        ("RMA “É”", True, False, 'RMA "E"'),
        ("RMA “É”", False, True, 'rma "é"'),
        ("RMA “E\u0301”", True, True, 'RMA "É"'),
        ("ＲＭＡ\u00ad  x", True, True, "RMA x"),
        ("Łódź ŒUVRE", True, False, "Lodz OEUVRE"),
        ("Straße ẞ", True, True, "Straße ẞ"),
        ("Straße", False, True, "strasse"),
        ("İ", False, True, "i\u0307"),
        ("كِتَاب", False, True, "كِتَاب"),
        ("أ ا\u0653", False, True, "أ آ"),
        ("ılık ILIK", False, True, "ılık ilik"),
        ("ılık ILIK", True, False, "ilik ILIK"),
        ("Йод Ёж", True, False, "Йод Еж"),
        ("Йод Ёж", False, True, "йод ёж"),
        ("👍🏽", False, True, "👍🏽"),
        ("٤٠٤ re\u034ffund كـتاب", True, True, "404 refund كتاب"),
    ],
)
def test_case_and_accents_are_kept_where_asked_and_nothing_else(
    text: str, case_sensitive: bool, accents_exact: bool, folded: str
) -> None:
    assert fold(text, case_sensitive, accents_exact).text == folded


@pytest.mark.parametrize(
    ("text", "part", "original"),
    [
        ("a refund", "refund", "refund"),
        ("das heißt ja", "heisst", "heißt"),
        ("a  \n b", "a b", "a  \n b"),
        ("cafe\u0301!", "cafe", "cafe\u0301"),
        ("\u0301cafe", "cafe", "cafe"),
        ("re\u00adfund\u00ad", "refund", "re\u00adfund"),
        ("❤\ufe0f!", "❤", "❤\ufe0f"),
        ("👍🏽!", "👍", "👍🏽"),
        ("🏴\U000e0067\U000e007f!", "🏴", "🏴\U000e0067\U000e007f"),
        ("សង\u200bវិញ!", "សងវិញ", "សង\u200bវិញ"),
        ("и\u0306о", "й", "и\u0306"),
        ("Acme™", "acme", "Acme"),
        ("oﬃce", "of", "oﬃ"),
        ("oﬃce", "ice", "ﬃce"),
        ("oﬃ\u0301ce", "ffi", "ﬃ\u0301"),
        ("x… İstanbul", "istanbul", "İstanbul"),
        ("\u1112\u1161\u11ab!", "한", "\u1112\u1161\u11ab"),
        ("น้ำท่วม", "ํา", "ำ"),
        ("नमस्ते", "स्", "स्"),
        ("e\u0301…", "...", "…"),
        ("क\u200cख", "कख", "क\u200cख"),
    ],
)
def test_a_folded_part_comes_from_these_characters(text: str, part: str, original: str) -> None:
    folded = fold(text)
    start = folded.text.index(part)
    first, last = folded.span(start, start + len(part))
    assert text[first:last] == original


@pytest.mark.parametrize(
    ("text", "part", "before", "after"),
    [
        ("(refund)", "refund", "(", ")"),
        ("refund", "refund", "", ""),
        ("Acme™", "acme", "", "™"),
        ("Acme™", "acmet", "", None),
        ("oﬃce", "fice", None, ""),
        ("re\u00adfund\u00adable", "refund", "", "a"),
        ("❤\ufe0frefund\u200e!", "refund", "❤", "!"),
        ("a\u0301 b", "b", " ", ""),
        ("ab\u0301c", "c", "\u0301", ""),
        ("a \u00a8b", " ", "a", "b"),
        ("_refund_", "refund", " ", " "),
        ("re_fund_ß", "fund", "_", "_"),
    ],
)
def test_neighbours_are_original_characters_and_none_is_inside_one(
    text: str, part: str, before: str | None, after: str | None
) -> None:
    folded = fold(text)
    start = folded.text.index(part)
    assert (folded.before(start), folded.after(start + len(part))) == (before, after)


IGNORABLE = [
    *map(chr, (0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810))),
    *map(chr, (0x200C, 0x200D, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164)),
    *map(chr, (*range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4))),
    *map(chr, (*range(0x1D173, 0x1D17B), 0xE0001, 0xE0020, 0xE007F, 0xE0100, 0xE01EF, 0xE0FFF)),
]


@pytest.mark.parametrize("ignorable", IGNORABLE, ids=lambda ch: f"U+{ord(ch):04X}")
def test_what_unicode_calls_ignorable_is_dropped_however_text_is_folded(ignorable: str) -> None:
    text = f"{ignorable}re{ignorable}{ignorable}fund{ignorable}"
    for case_sensitive in (False, True):
        for accents_exact in (False, True):
            assert fold(text, case_sensitive, accents_exact).text == "refund"
            assert fold(ignorable, case_sensitive, accents_exact).text == ""


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("order_id order__id a_1", "order_id order__id a_1"),
        ("_refund_ __bold__ *_x_*", " refund    bold   * x *"),
        ("_ a_ _b a _ b", "  a   b a   b"),
        ("é_x e\u0301_x", "é_x e\u0301_x"),
        ("退_款 退款_refund _退款_", "退 款 退款 refund  退款 "),
        ("", ""),
    ],
)
def test_an_underscore_that_does_not_join_is_emphasis(text: str, without: str) -> None:
    assert without_emphasis(text) == without


@pytest.mark.parametrize(
    ("text", "part", "is_cut"),
    [
        ("🇦🇺🇸🇪", "🇦🇺", False),
        ("🇦🇺🇸🇪", "🇸🇪", False),
        ("🇦🇺🇸🇪", "🇺🇸", True),
        ("🇦🇺🇸", "🇸", False),
        ("x🇦🇺", "🇦", True),
        ("👩\u200d💻", "👩", True),
        ("👩\u200d💻", "💻", True),
        ("👩\u200d💻👩", "👩\u200d💻", False),
        ("👍🏽!", "👍", False),
        ("ﬁ", "f", False),
        ("refund", "fund", False),
    ],
)
def test_a_part_can_cut_a_flag_or_a_joined_emoji(text: str, part: str, is_cut: bool) -> None:
    folded = fold(text)
    start = folded.text.index(part)
    assert folded.cuts_emoji(start, start + len(part)) is is_cut


@pytest.mark.parametrize("text", ["plain", "Ünïçödé – “x”", "a\nb", "退款 한국어", "٤٠٤ мой أ"])
def test_text_that_folds_one_to_one_keeps_its_positions(text: str) -> None:
    folded = fold_regular(text)
    assert folded is not None
    assert is_even(text, folded)


@pytest.mark.parametrize("text", ["a  b", "ß", "\u00adx", "ß\u00ad", "…", "🇺🇸"])
def test_text_that_does_not_says_so(text: str) -> None:
    """Also where lengths happen to be equal: ß is two, the soft hyphen none."""
    folded = fold_regular(text)
    assert folded is not None
    assert not is_even(text, folded)


def test_a_full_table_starts_again_and_folds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Größe ÅÉÎÕÜ … œuvre" * 3
    expected = fold(text).text
    monkeypatch.setattr(foldtable, "TABLE_ENTRIES_MAX", 4)
    tables = tuple(foldtable._Table(variant) for variant in VARIANTS)
    monkeypatch.setattr(foldtable, "TABLES", tables)
    assert fold_regular(text) == expected
    assert not is_even(text, expected)
    assert all(len(table) <= 5 for table in tables)


def test_a_letter_with_endless_marks_folds_in_linear_time() -> None:
    """Normalising such a run as one costs the square of its length: minutes instead of a second here."""
    text = "a" + "\u0301\u0323\u3099" * 200_000
    assert {Folded(text, variant).text[:1] for variant in VARIANTS} == {"a", "\u1ea1"}


def test_marks_beyond_the_limit_are_folded_all_the_same() -> None:
    text = "a" + "\u0301" * (3 * SEGMENT_CHARS_MAX) + "b"
    assert fold(text).text == "ab"
    assert fold(text).span(0, 1)[1] >= SEGMENT_CHARS_MAX
