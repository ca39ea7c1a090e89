"""Keywords in text, line by line of the manual."""

from random import Random

import pytest

from tagger.core.matching import automaton as matcher_module
from tagger.core.matching.automaton import Match, Matcher
from tagger.core.matching.why_not import WhyNot
from tagger.core.rules.model import Keyword, MatchKind
from tests.unit.steps import steps


def keyword(
    written: str, match: MatchKind = "word", case_sensitive: bool = False, accents_exact: bool = False
) -> Keyword:
    return Keyword(written, written, match, case_sensitive, accents_exact)


def found(keyword: Keyword, text: str) -> list[str]:
    """The parts of the text that are matches."""
    return [text[match.start : match.end] for match in Matcher([keyword]).find(text)]


WORDS = [
    (
        "an edge is asked for where the keyword's own edge is a word character",
        "refund",
        "I want a Refund!",
        ["Refund"],
    ),
    ("inside a word is no match", "fund", "refund funds fund", ["fund"]),
    ("a digit continues a word", "refund", "refund2 2refund", []),
    ("an underscore continues a word", "refund", "refund_policy my_refund my__refund 2_refund", []),
    ("at the outside of a word it is emphasis", "refund", "_refund_ __refund__, *_refund_*", ["refund"] * 3),
    ("beside a script without spaces, too", "refund", "退款_refund_谢谢", ["refund"]),
    ("a keyword may have one", "order_id", "_order_id_ my_order_id", ["order_id"]),
    (
        "or end in one, and then asks for an edge",
        "order_",
        "order_ order_id order__ order__id",
        ["order_"] * 2,
    ),
    ("a digit and a letter side by side are no edge", "5", "5kg", []),
    ("a combining mark continues its word", "refund", "refund\u20dd", []),
    ("a vowel sign after a keyword continues its word", "हिन्द", "हिन्दी", []),
    ("and is a part of it where it is written", "हिन्दी", "हिन्दी में", ["हिन्दी"]),
    ("no edge on the symbol side", "c++", "c++11 (C++)", ["c++", "C++"]),
    ("but one on the other", "c++", "xc++", []),
    ("a price", "$10", "US$10 $100 a$10", ["$10", "$10"]),
    ("an emoticon", ":)", "ok:)fine", [":)"]),
    ("an emoji", "👍", "ok👍fine", ["👍"]),
    ("an emoji that is part of a joined one", "👩", "👨\u200d👩\u200d👧 👩\u200d💻", []),
    ("the joined one", "👩\u200d💻", "👩\u200d💻👨\u200d👩\u200d💻", ["👩\u200d💻"]),
    ("an emoji of another skin tone", "👍", "👍🏽👍🏿", ["👍🏽", "👍🏿"]),
    ("a skin tone in the keyword", "👩🏿\u200d💻", "👩\u200d💻", ["👩\u200d💻"]),
    ("a flag", "🇺🇸", "🇺🇸🇺🇸", ["🇺🇸", "🇺🇸"]),
    ("a flag across two others", "🇺🇸", "🇦🇺🇸🇪", []),
    ("a flag behind an odd letter", "🇦🇺", "🇸🇦🇺 x🇦🇺", ["🇦🇺"]),
    ("a phrase in parentheses", "(iykyk)", "context(iykyk)", ["(iykyk)"]),
    ("edges are looked for on the original characters", "acme", "Acme™", ["Acme"]),
    ("also of circled letters, which are symbols", "acme", "acmeⓡ", ["acme"]),
    ("superscript digits are digits", "acme", "acme²", []),
    ("no edge inside one original character", "acmet", "Acme™", []),
    ("nor at the start of a match", "fice", "oﬃce", []),
    ("nor inside a dotted capital", "i", "İ", ["İ"]),
    ("nor in half of ß", "stras", "straß", []),
    ("an apostrophe is an edge", "AI", "j'ai AI's J’AI", ["ai", "AI", "AI"]),
    ("also the letter apostrophe", "bluesky", "blueskyʼs", ["bluesky"]),
    ("a hyphen is an edge", "refund", "refund-policy pre-refund non‑refund", ["refund"] * 3),
    ("invisible characters are no edge", "refund", "refund\u00adable", []),
    ("and are no word either", "refund", "❤\ufe0frefund\u200e!", ["refund"]),
    ("zero width space is an edge", "refund", "x\u200brefund", ["refund"]),
    ("non-breaking space is one", "money back", "my\u00a0money\u00a0back", ["money\u00a0back"]),
    ("white space of any kind and number", "money back", "money \n\t back", ["money \n\t back"]),
    ("outer white space of a keyword is trimmed", "  refund\u00a0", "refund", ["refund"]),
    ("punctuation is not white space", "refund order", "refund, order", []),
    ("a keycap is not the digit", "1", "1\ufe0f\u20e3 1", ["1"]),
    ("the keycap itself", "1\ufe0f\u20e3", "press 1\ufe0f\u20e3 now", ["1\ufe0f\u20e3"]),
    ("a Latin keyword has an edge beside Han", "refund", "我想要refund谢谢", ["refund"]),
    ("beside kana", "refund", "カrefundー", ["refund"]),
    ("beside Thai", "refund", "ขอrefundครับ", ["refund"]),
    ("Hangul has edges", "환불", "환불해 환불", ["환불"]),
    ("and a Latin keyword none beside it", "refund", "refund해", []),
    ("Han is found anywhere", "退款", "我要退款了", ["退款"]),
    ("with its iteration mark", "人々", "人々が", ["人々"]),
    ("kana is found anywhere", "サーバー", "サーバーダウン", ["サーバー"]),
    ("kana with and without voicing differ", "ハス", "バス", []),
    ("half-width kana is kana", "バス", "ﾊﾞｽ停", ["ﾊﾞｽ"]),
    ("Thai", "คืนเงิน", "ขอคืนเงินครับ", ["คืนเงิน"]),
    ("Lao", "ເງິນ", "ຄືນເງິນແດ່", ["ເງິນ"]),
    ("Khmer", "ប្រាក់", "សងប្រាក់វិញ", ["ប្រាក់"]),
    ("Burmese", "ငွေ", "ပြန်ငွေပေး", ["ငွေ"]),
    ("decided per edge: Han on the left only", "退款abc", "我退款abc", ["退款abc"]),
    ("and Latin on the right", "退款abc", "退款abcd", []),
    ("Hangul syllables are not taken apart", "하", "한", []),
    ("all overlapping matches", "a a", "a a a", ["a a", "a a"]),
    ("the dotless ı is i", "ilik", "ılık", ["ılık"]),
    ("Arabic with and without hamza", "ارجاع", "أرجاع إرجاع", ["أرجاع", "إرجاع"]),
    ("Arabic that is stretched", "كتاب", "كتـــاب", ["كتـــاب"]),
    ("digits of another script", "404", "خطأ ٤٠٤ ๔๐๔", ["٤٠٤", "๔๐๔"]),
    ("a digit continues a number in every script", "10", "ราคา๑๐๐บาท ราคา๑๐บาท", ["๑๐"]),
    ("й is not и", "мои", "мой", []),
    ("ї is not і", "іх", "їх", []),
    ("ў is not у", "усе", "ўсе", []),
    ("ё is е", "елка", "Ёлка", ["Ёлка"]),
    ("й however it is typed", "мой", "мои\u0306", ["мои\u0306"]),
    ("Khmer as a space bar types it", "សងប្រាក់", "សូម\u200bសង\u200bប្រាក់\u200bវិញ", ["សង\u200bប្រាក់"]),
    ("accents fold", "cafe", "Café CAFE\u0301", ["Café", "CAFE\u0301"]),
    ("in the keyword too", "zażółć", "zazolc", ["zazolc"]),
    ("full-width text", "refund", "ＲＥＦＵＮＤ", ["ＲＥＦＵＮＤ"]),
    ("typographic quotes", "don't", "don’t don`t don´t", ["don’t", "don`t", "don´t"]),
    ("dashes", "e-mail", "e–mail e−mail", ["e–mail", "e−mail"]),
    ("a keyword that folds to nothing is nowhere", "\u00ad", "a\u00adb", []),
]


@pytest.mark.parametrize(
    ("written", "text", "matches"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS]
)
def test_a_word_is_found(written: str, text: str, matches: list[str]) -> None:
    assert found(keyword(written), text) == matches


@pytest.mark.parametrize(
    ("match", "matches"),
    [
        ("word", ["fund"]),
        ("prefix", ["fund", "fund"]),
        ("suffix", ["fund", "fund"]),
        ("anywhere", ["fund", "fund", "fund", "fund"]),
    ],
)
def test_an_open_side_asks_for_no_edge_and_the_hit_is_the_keywords_own_letters(
    match: MatchKind, matches: list[str]
) -> None:
    assert found(keyword("fund", match), "fund funding refund refunding") == matches


@pytest.mark.parametrize(
    ("written", "match", "text", "matches"),
    [
        ("fi", "prefix", "oﬁx ﬁx", ["ﬁ"]),
        ("of", "prefix", "oﬃce", ["oﬃ"]),
        ("e", "prefix", "e\u0301t\u00e9", ["e\u0301"]),
        ("c+", "suffix", "c+ xc+ c+x", ["c+", "c+", "c+"]),
        ("5*", "word", "5* 55*", ["5*"]),
        ("환불", "prefix", "환불해 주세요", ["환불"]),
        ("👩", "anywhere", "👩\u200d💻 👩!", ["👩"]),
        ("order", "prefix", "order_id my_order", ["order"]),
    ],
)
def test_open_sides_and_symbols(written: str, match: MatchKind, text: str, matches: list[str]) -> None:
    assert found(keyword(written, match), text) == matches


@pytest.mark.parametrize(
    ("written", "case_sensitive", "accents_exact", "text", "matches"),
    [
        ("RMA", True, False, "RMA rma Rma ＲＭＡ", ["RMA", "ＲＭＡ"]),
        ("Łódź", True, False, "Lodz ŁÓDŹ Łódź", ["Lodz", "Łódź"]),
        ("résumé", False, True, "resume Résumé RE\u0301SUME\u0301", ["Résumé", "RE\u0301SUME\u0301"]),
        ("pâté", True, True, "pâté Pâté pate", ["pâté"]),
        ("ß", False, True, "ss SS ß ẞ", ["ss", "SS", "ß", "ẞ"]),
        ("ß", True, True, "ss ß", ["ß"]),
        ("x", False, True, "x\u0302 x", ["x"]),
        ("ılık", False, True, "ilik ılık", ["ılık"]),
        ("أ", False, True, "ا أ", ["أ"]),
        ("👍", False, True, "👍🏽 👍", ["👍"]),
        ("👍🏽", False, True, "👍🏽 👍", ["👍🏽"]),
        ("мой", True, False, "Мой мой мои", ["мой"]),
        ("don't", True, True, "don’t", ["don’t"]),
    ],
)
def test_case_and_accents_where_they_matter(
    written: str, case_sensitive: bool, accents_exact: bool, text: str, matches: list[str]
) -> None:
    assert found(keyword(written, "word", case_sensitive, accents_exact), text) == matches


@pytest.mark.parametrize("beside", ["", " … straße", "  ", " 👩\u200d💻"])
def test_keywords_of_every_kind_are_found_in_one_text_of_every_kind(beside: str) -> None:
    """The text decides how it is folded; the matches do not depend on it."""
    keywords = [
        keyword("café"),
        keyword("Café", "word", True),
        keyword("café", "word", False, True),
        keyword("af", "anywhere"),
        keyword("cafe", "prefix", True, False),
    ]
    expected = [
        Match(0, 4, 0),
        Match(0, 4, 1),
        Match(0, 4, 2),
        Match(1, 3, 3),
        Match(5, 9, 0),
        Match(5, 9, 4),
        Match(6, 8, 3),
    ]
    assert Matcher(keywords).find("Café cafe" + beside) == expected


def test_equal_keywords_are_found_each() -> None:
    assert Matcher([keyword("refund"), keyword("REFUND")]).find("refund") == [Match(0, 6, 0), Match(0, 6, 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("fund", {0, 1, 2, 3}), ("funds", {1, 3}), ("refund", {2, 3}), ("refunds", {3})],
)
@pytest.mark.parametrize("count", [1, 4])
def test_keywords_with_the_same_letters_ask_for_their_own_edges(
    text: str, expected: set[int], count: int
) -> None:
    kinds: list[MatchKind] = ["word", "prefix", "suffix", "anywhere"]
    for begin in range(0, 4, count):
        matcher = Matcher([keyword("fund", kind) for kind in kinds[begin : begin + count]])
        assert {begin + match.keyword for match in matcher.find(text)} == expected & set(
            range(begin, begin + count)
        )


def test_without_keywords_nothing_is_found() -> None:
    assert Matcher([]).find("refund") == []
    assert Matcher([]).near_misses("refund") == []


@pytest.mark.parametrize("chars_max", [matcher_module.AUTOMATON_CHARS_MAX, 100])
def test_long_keywords_that_begin_alike_are_told_apart(
    chars_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many automata they are divided among."""
    monkeypatch.setattr(matcher_module, "AUTOMATON_CHARS_MAX", chars_max)
    rng = Random(1)
    stems = ["international ", "internationa", "international shipping to ", "in"]
    written = [
        rng.choice(stems) + "".join(rng.choice("ab") for _ in range(rng.randrange(9))) for _ in range(300)
    ]
    matcher = Matcher([keyword(one) for one in written])
    for text in [f"{rng.choice(written)}{rng.choice(['', 'a', ' b', '.'])}" for _ in range(300)]:
        words = f" {' '.join(text.replace('.', ' ').split())} "
        expected = {at for at, one in enumerate(written) if f" {one.strip()} " in words}
        assert {match.keyword for match in matcher.find(text)} == expected


NEAR_MISSES = [
    ("inside a word", keyword("fund"), "refunding", WhyNot("inside_a_word", cure='"*fund*"')),
    ("a plural", keyword("refund"), "Refunds!", WhyNot("plural", cure="refunds")),
    ("a plural in es", keyword("box"), "boxes", WhyNot("plural", cure="boxes")),
    ("accents", keyword("café", "word", False, True), "cafe", WhyNot("accents_differ", cure="accents: fold")),
    ("case", keyword("RMA", "word", True), "rma", WhyNot("case_differs", cure="case: insensitive")),
    (
        "case, where accents would have to be exact too",
        keyword("Café", "word", True, True),
        "café",
        WhyNot("case_differs", cure="case: insensitive"),
    ),
    (
        "accents, where case would have to be exact too",
        keyword("Café", "word", True, True),
        "Cafe",
        WhyNot("accents_differ", cure="accents: fold"),
    ),
    (
        "both",
        keyword("Café", "word", True, True),
        "cafe",
        WhyNot("case_and_accents_differ", cure="case: insensitive, accents: fold"),
    ),
    ("inside one character", keyword("acmet"), "Acme™", WhyNot("inside_a_word", cure="acmet*")),
    ("inside a joined emoji", keyword("👩"), "👩\u200d💻", WhyNot("inside_an_emoji")),
    ("across two flags", keyword("🇺🇸"), "🇦🇺🇸🇪", WhyNot("inside_an_emoji")),
]


@pytest.mark.parametrize(
    ("one", "text", "reason"), [row[1:] for row in NEAR_MISSES], ids=[row[0] for row in NEAR_MISSES]
)
def test_a_near_miss_says_why_it_is_no_match(one: Keyword, text: str, reason: WhyNot) -> None:
    assert [why_not for _, why_not in Matcher([one]).near_misses(text)] == [reason]


def test_a_match_is_no_near_miss() -> None:
    assert Matcher([keyword("refund"), keyword("RMA", "word", True)]).near_misses("refund RMA") == []


def test_what_differs_inside_a_word_is_not_even_near() -> None:
    assert Matcher([keyword("RMA", "word", True)]).near_misses("pharmacy") == []


HOSTILE = {
    "matches everywhere": "a ",
    "accents everywhere": "a\u0301 ",
    "ligatures": "ﬁ ",
    "joiners": "x\u200d",
    "joiners only": "\u200d",
    "marks only": "\u0301\u0323",
    "jamo": "ᄒ\u1161\u11a8",
    "late vowels only": "\u1161",
    "spaces": " \u200b",
    "zero width spaces in Khmer": "ក\u200b",
    "flags": "🇺🇸",
    "skin tones": "👍🏽",
    "underscores only": "_",
    "underscores": "a__",
    "nothing visible": "\u00ad",
    "every letter another": "".join(map(chr, range(0x4E00, 0x8E00))),
    "every character another": "".join(map(chr, range(0xA0, 0x40A0))),
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_the_longest_message_costs_linear_time_whatever_is_in_it(unit: str) -> None:
    """Twice the text, twice the steps; and never more than 2,000 a character."""
    text = (unit * 16_384)[:16_384]
    matcher = Matcher(
        [
            keyword("a"),
            keyword("A", "word", True),
            keyword("á", "anywhere", False, True),
            keyword("fi"),
            keyword("_"),
        ]
    )

    def cost(text: str) -> int:
        return steps(lambda: matcher.find(text))

    assert cost(text) < len(text) * 2_000  # with every table and cache still to be filled
    assert cost(text) < 2.1 * cost(text[: len(text) // 2]) + 100
