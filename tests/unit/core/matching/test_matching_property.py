"""The matcher against a slow one that is written from the words of the keyword manual.

Only the list of accents and of letters with a stroke is taken over; `test_characters` tests it.

`python -m tests.unit.core.matching.test_matching_property --cases 1000000 --seed 1` runs that many random cases on all
cores. A case is its seed: a difference is printed with the seed that makes it again.
"""

import re
import sys
import unicodedata
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, pairwise
from random import Random
from typing import NamedTuple, get_args

import click
import pytest

from tagger.core.folding.characters import BARE
from tagger.core.folding.fold import UNIT_CHARS_MAX, fold
from tagger.core.matching.automaton import Match, Matcher
from tagger.core.rules.model import Keyword, MatchKind

# 1. Typographic signs to ASCII.
SIGNS = {0x27: "‘’‚‛´`ʼ′", 0x22: "“”„‟″", 0x2D: "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"}
TO_ASCII = {sign: chr(ascii_sign) for ascii_sign, signs in SIGNS.items() for sign in signs}

# 2. What Unicode calls default ignorable, but for the zero width space and the joiner; and the Arabic tatweel.
DROPPED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\u0640]"
)

SPACELESS = re.compile("CJK UNIFIED|IDEOGRAPHIC ITERATION MARK|HIRAGANA|KATAKANA|^THAI|^LAO|^KHMER|^MYANMAR")

EMOJI = "[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
TONES = "[\U0001f3fb-\U0001f3ff]"
PART = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{EMOJI}{TONES}?)"
WHOLE = re.compile(f"{PART}(?:\u200d+{PART})*")  # a flag, an emoji with its tone, or several, joined

OWN_LETTERS = re.compile("([йїў])", re.IGNORECASE)

Shown = tuple[str, int, int]  # a character, and where it begins and ends in the original


def is_space(ch: str) -> bool:
    return ch.isspace() or ch == "\u200b"


def is_word_character(ch: str) -> bool:
    return unicodedata.category(ch)[0] in "LNM" or ch == "_"


def is_spaceless(ch: str) -> bool:
    return SPACELESS.search(unicodedata.name(ch, "")) is not None and unicodedata.category(ch) != "Nd"


def is_emoji(ch: str) -> bool:
    return re.fullmatch(EMOJI, ch) is not None


def is_spaceless_letter(ch: str) -> bool:
    return is_word_character(ch) and is_spaceless(ch)


def shown(text: str) -> list[Shown]:
    """Steps 1 and 2: what is left."""
    left: list[Shown] = []
    for at, ch in enumerate(text):
        if not DROPPED.match(ch):
            left.append((TO_ASCII.get(ch, ch), at, at + 1))
        elif left and left[-1][2] == at and (unicodedata.category(ch) == "Mn" or ch > "\U000e0000"):
            left[-1] = (*left[-1][:2], at + 1)  # a selector or a tag is a dropped mark on what it selects
    left = [
        one
        for at, one in enumerate(left)
        if one[0] != "\u200d" or all(map(is_emoji, around(left, at, "\u200d")))
    ]
    return [
        one
        for at, one in enumerate(left)
        if one[0] != "\u200b" or not all(map(is_spaceless_letter, around(left, at, "\u200b")))
    ]


def around(characters: list[Shown], at: int, same: str) -> tuple[str, str]:
    """What is on both sides of a run of the same character; a space outside the text."""
    before, after = at, at
    while before >= 0 and characters[before][0] == same:
        before -= 1
    while after < len(characters) and characters[after][0] == same:
        after += 1
    return (
        characters[before][0] if before >= 0 else " ",
        characters[after][0] if after < len(characters) else " ",
    )


def normalised(text: str, case_sensitive: bool, accents_exact: bool) -> str:
    """Steps 3 and 4."""
    text = unicodedata.normalize("NFKC", text)
    if not case_sensitive:
        text = unicodedata.normalize("NFKC", text.casefold())
    text = "".join(str(int(ch)) if unicodedata.category(ch) == "Nd" else ch for ch in text)
    if not accents_exact:
        parts = OWN_LETTERS.split(text)
        parts[::2] = [unicodedata.normalize("NFD", part).translate(BARE) for part in parts[::2]]
        text = unicodedata.normalize("NFC", "".join(parts))
    return text


class Letter(NamedTuple):
    """One folded code point, and the shown characters it comes from."""

    folded: str
    first: int
    last: int


def letters(characters: str, case_sensitive: bool, accents_exact: bool) -> list[Letter]:
    """Fold the whole text; cut it where the sides, folded apart, give the same; then white space (step 5)."""
    whole = normalised(characters, case_sensitive, accents_exact)
    cuts = [(0, 0)]
    for at in range(1, len(characters)):
        left = normalised(characters[:at], case_sensitive, accents_exact)
        if left + normalised(characters[at:], case_sensitive, accents_exact) == whole:
            cuts.append((at, len(left)))
    cuts.append((len(characters), len(whole)))
    found: list[Letter] = []
    for (begin, i), (end, j) in pairwise(cuts):
        if i == j and found:  # dropped marks: they belong to what they stand on
            same = found[-1].first
            found = [one._replace(last=end - 1) if one.first == same else one for one in found]
        found += [Letter(ch, begin, end - 1) for ch in whole[i:j]]
    spaced: list[Letter] = []
    for one in found:
        if is_space(one.folded) and spaced and spaced[-1].folded == " ":
            spaced[-1] = spaced[-1]._replace(last=one.last)
        else:
            spaced.append(one._replace(folded=" ") if is_space(one.folded) else one)
    return spaced


def folded(text: str, case_sensitive: bool, accents_exact: bool) -> str:
    characters = "".join(ch for ch, _, _ in shown(text))
    return "".join(one.folded for one in letters(characters, case_sensitive, accents_exact))


def slow_find(keywords: list[Keyword], text: str) -> list[Match]:
    return sorted(
        {match for at, keyword in enumerate(keywords) for match in slow_find_one(at, keyword, text)}
    )


def slow_find_one(index: int, keyword: Keyword, text: str) -> list[Match]:
    wanted = folded(keyword.text, keyword.case_sensitive, keyword.accents_exact).strip(" ")
    if not wanted:
        return []
    own = [ch for ch, _, _ in shown(keyword.text)]
    while is_space(own[0]):
        del own[0]
    while is_space(own[-1]):
        del own[-1]
    left = keyword.match in {"word", "prefix"} and is_word_character(own[0]) and not is_spaceless(own[0])
    right = keyword.match in {"word", "suffix"} and is_word_character(own[-1]) and not is_spaceless(own[-1])
    characters = shown(text)
    whole = [found.span() for found in WHOLE.finditer("".join(ch for ch, _, _ in characters))]
    said = letters("".join(ch for ch, _, _ in characters), keyword.case_sensitive, keyword.accents_exact)

    def is_edge(inside: int, outside: int, neighbour: int) -> bool:
        if (
            0 <= outside < len(said)
            and said[outside].first <= said[inside].last
            and said[inside].first <= said[outside].last
        ):
            return False  # inside one original character
        if not 0 <= neighbour < len(characters):
            return True
        sides = (
            around(characters, neighbour, "_")
            if characters[neighbour][0] == "_"
            else (characters[neighbour][0],)
        )
        return any(not is_word_character(ch) or is_spaceless(ch) for ch in sides)

    def cuts(place: int) -> bool:
        return any(first < place < last for first, last in whole)

    matches = []
    for start in range(len(said) - len(wanted) + 1):
        end = start + len(wanted)
        if "".join(one.folded for one in said[start:end]) != wanted:
            continue
        if cuts(said[start].first) or cuts(said[end - 1].last + 1):
            continue
        if left and not is_edge(start, start - 1, said[start].first - 1):
            continue
        if right and not is_edge(end - 1, end, said[end - 1].last + 1):
            continue
        matches.append(Match(characters[said[start].first][1], characters[said[end - 1].last][2], index))
    return matches


# Every character here is a trap for some matcher; the plain ones are there to be found.
PLAIN = "aabbeffiikllnosttuxyzAEFIKNOST  "
TRAPS = (
    *"ßẞİıſKÅﬁﬀﬃæÆøŁłđþŒœŉĳﬆǅ",
    *"éÉèüñçâậẹȩÇőŠš",
    *"\u0301\u0300\u0302\u0323\u0327\u0308\u0307\u0338\u034f\u0345\u1ab0\u1dc4\ufe20\u20dd\u20e3",
    *"한ᆨ한하가각ㅎㅏㄴﾡￂￅ",
    *"ハバパビ゚\u3099\u309aﾊﾞﾟカガｶーｰかがっ々",
    *"我想要退款漢字㈱㍍㎏",
    *"กาก้ำน้ีไทย๑ลາຂກ្កြကာီဥဦ",
    *"हिन्दीक्षकाকোোোகொொ",
    *"ابتَُِّْٰآأإؤئلاﻻﷺ\u0653\u0654\u0655\u0640ﹷ",
    *"שׁלוֹםּבִּוֹﬁיִ",
    "👨\u200d👩\u200d👧",
    "👍🏽",
    "❤\ufe0f",
    "1\ufe0f\u20e3",
    "🏳\ufe0f\u200d🌈",
    "👩🏽\u200d💻",
    "🏴\U000e0067\U000e0062\U000e007f",
    *"🇦🇺🇸🇪🏽🏿",
    *"\u00ad\u2060\ufeff\u200e\u200f\u202a\u202c\u2066\u2069\u061c\ufe0f\ufe00\U000e0101\u180b\u180e\u115f\u1160\u17b4\u3164\uffa0\u206a\ufff0",
    *"\U0001d173\U000e0041",
    *"\u200d\u200c\u200b\u00a0\u3000\u2009\t\n\r\u2028\x85\x1c",
    *"‘’‚‛´`ʼ′“”„‟″‐‑–—−―'\"-",
    *"ＡＢｅｆＦ０１＿－＇｀“",
    *"™®℃№½²³ⅧⓐⓡªºµΩℓ…‥¨¸",
    *"٣३๓៣၃𝟛０___",
    *"0123__$€+#%&@*:).,!?/",
    *"ΣσςΐΰάѐйЙёЁїиІіўу\u0306Աև",
    "\U0001d400",
    "\U0001d7d8",
    "\uffff",
    "\u0378",
)
OPTIONS = [
    partial(Keyword, case_sensitive=case, accents_exact=accents, match=match)
    for case in (False, True)
    for accents in (False, True)
    for match in get_args(MatchKind)
]


def random_text(rng: Random, size_max: int) -> str:
    alphabet = rng.choice((PLAIN, TRAPS, TRAPS))
    common = [rng.choice(TRAPS) for _ in range(4)]
    return "".join(rng.choice(rng.choice((PLAIN, alphabet, common))) for _ in range(rng.randint(1, size_max)))


def random_keyword(rng: Random, text: str) -> Keyword:
    """Mostly a part of the text, written in another way."""
    written = random_text(rng, 4)
    if text and rng.random() < 0.8:
        start = rng.randrange(len(text))
        written = text[start : start + rng.choice((1, 1, 2, 2, 3, 4, 5, 12))]
        change = rng.randrange(8)
        if change < 4:
            written = unicodedata.normalize(("NFC", "NFD", "NFKC", "NFKD")[change], written)
        elif change < 6:
            written = (written.swapcase(), folded(written, False, False))[change - 4]
    return rng.choice(OPTIONS)(written, written)


def random_case(seed: int) -> tuple[list[Keyword], str]:
    rng = Random(seed)
    text = random_text(rng, rng.choice((3, 8, 14)))
    return [random_keyword(rng, text) for _ in range(rng.randint(1, 5))], text


def difference(seed: int) -> str | None:
    """What differs in one case, or None."""
    keywords, text = random_case(seed)
    if any(longest_letter(one) > UNIT_CHARS_MAX for one in (text, *(keyword.text for keyword in keywords))):
        return None  # a stated limit: such a letter is one unit
    for keyword in keywords:
        options = keyword.case_sensitive, keyword.accents_exact
        for one in (text, keyword.text):
            if fold(one, *options).text != folded(one, *options):
                return f"seed {seed}: fold({one!a}, {options})"
    matcher = Matcher(keywords)
    slow = slow_find(keywords, text)
    if matcher.find(text) != slow:
        return f"seed {seed}: Matcher({keywords!a}).find({text!a}) is not {slow}"
    both = {match for match, _ in matcher.near_misses(text)}.intersection(slow)
    return f"seed {seed}: Matcher({keywords!a}).near_misses({text!a}) has {both}" if both else None


def longest_letter(text: str) -> int:
    """The most characters that may hang together."""
    characters = [unicodedata.normalize("NFKD", ch)[0] for ch, _, _ in shown(text)]
    hangs = [
        "M" if unicodedata.category(ch)[0] == "M" or "\u1160" <= ch <= "\u11ff" else "." for ch in characters
    ]
    return 1 + max(map(len, re.findall("M+", "".join(hangs))), default=0)


def differences(seeds: range) -> list[str]:
    return [found for seed in seeds if (found := difference(seed))]


def test_every_character_folds_as_the_manual_says() -> None:
    """All that Unicode names but most of Han and Hangul, alone and between letters."""
    low, high = (
        chain(range(0x3400), range(0xA000, 0xAC00)),
        chain(range(0x1D000, 0x20000), range(0xE0000, 0xE0200)),
    )
    named = [ch for ch in map(chr, chain(low, range(0xD7B0, 0x12000), high)) if unicodedata.name(ch, "")]
    texts = [text for ch in named for text in (ch, f"a{ch}b")]
    for options in ((False, False), (True, True)):
        assert [text for text in texts if fold(text, *options).text != folded(text, *options)] == []


@pytest.mark.parametrize("first", range(0, 10_000, 2_000))
def test_the_matcher_finds_what_the_manual_says(first: int) -> None:
    assert differences(range(first, first + 2_000)) == []


def test_the_random_cases_have_matches_to_find() -> None:
    """A generator without matches would let any matcher pass."""
    cases = [random_case(seed) for seed in range(300)]
    assert sum(bool(slow_find(keywords, text)) for keywords, text in cases) > 100


@click.command()
@click.option("--cases", default=10_000, show_default=True)
@click.option("--seed", default=1, show_default=True, help="The first seed; a case is one seed.")
def main(cases: int, seed: int) -> None:
    """Run many random cases; say which differ."""
    blocks = [range(first, min(first + 2_000, seed + cases)) for first in range(seed, seed + cases, 2_000)]
    found: list[str] = []
    with ProcessPoolExecutor() as pool:
        for some in pool.map(differences, blocks):
            found += some
    click.echo("\n".join(found[:20]))
    click.echo(f"{cases} cases, seeds {seed} to {seed + cases - 1}: {len(found)} differences")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
