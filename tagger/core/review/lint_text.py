"""Doubts about one text of a keyword file: a keyword, a tag, a canned response.

Each lint is a function of a text or a keyword that answers with what looks wrong, or None. What a lint
warns of is allowed; it is seldom what was meant.
"""

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import name, normalize

from tagger.core.folding.characters import CONTINUES, INVISIBLE, SIGNS, is_spaceless
from tagger.core.review.doubt import Doubt
from tagger.core.review.foreign import foreign
from tagger.core.rules.model import Keyword
from tagger.core.rules.problems import shown

OPEN_CHARS_MIN: Final = (
    3  # fewer letters (jamo in Hangul) with an open side are found inside half of all words
)


_QUOTES: Final = frozenset(
    sign for sign, plain in SIGNS.items() if sign not in "`´ʼ" and plain in "'\""
) | set("«»")
NO_BREAK: Final = frozenset("\u00a0\u202f\u2007")
# Two of the variation selectors belong to emoji.
HIDDEN: Final = (INVISIBLE | {"\u200b"}) - {"\ufe0e", "\ufe0f"}
_ALIKE: Final = ("LATIN", "CYRILLIC", "GREEK")
_WORD: Final = re.compile(r"[^\W\d_]+")
_BRACES: Final = re.compile(r"\{\{?[^{}]*\}\}?|\[\[?[^\[\]]*\]\]?|<[^<>]*>|\$\{?\w+\}?")

# Words of English, Spanish, Polish and German that nearly every chat has.
_STOP_WORDS: Final = """
a about all also am an and any are as at be been but by can could did do does for from get got had has
have he hello help hi how i if in is it its just me my no not now of off ok okay on one or our out
please she so some thank thanks that the their them then there they this to up us want was we were what
when where which who why will with would yes you your al con cuando de del el ella en es esta este
gracias hola la las lo los me mi muy no o para pero por que se si su tu un una y yo ale bo by co czy dla
do dziekuje i ja jak jest juz mam mi mnie moj na nie o od po prosze sie tak to w z za ze aber als am
auch auf bei bin bitte danke das dem den der die ein eine er es fur habe hallo ich im in ist ja kann
mein mit nein nicht oder sie und von war was wie wir zu
"""
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())


def smart_quotes(text: str) -> Doubt | None:
    """Quotes of a word processor: YAML does not know them, so they are part of the text."""
    stripped = text.strip()
    if stripped and {stripped[0], stripped[-1]} & _QUOTES and not _is_apostrophe(stripped):
        what = f"{shown(text)} starts or ends with a typographic quote, which becomes part of it"
        return Doubt("smart-quotes", what, 'Replace it with a plain quote " or delete it.')
    return None


def _is_apostrophe(text: str) -> bool:
    """`customers’`: one sign at the end, and it may stand for the plain one."""
    return text[-1] == "’" and text[0] not in _QUOTES and "‘" not in text


def no_break_space(text: str) -> Doubt | None:
    """A space at which a line may not break; matching takes it for a space, people cannot see it."""
    if NO_BREAK.isdisjoint(text):
        return None
    what = f"{shown(text)} contains a no-break space, which only looks like a space"
    return Doubt("no-break-space", what, "Type the space again.")


def invisible(text: str) -> Doubt | None:
    """Characters that matching drops, named by their code points."""
    hidden = sorted({f"U+{ord(char):04X}" for char in text if char in HIDDEN})
    if not hidden:
        return None
    what = f"{shown(text)} contains an invisible character ({', '.join(hidden)})"
    return Doubt("invisible-character", what, "Retype the text instead of pasting it.")


def mixed_scripts(text: str) -> Doubt | None:
    """Letters that look alike, of two scripts in one word: `rеfund` with a Cyrillic е."""
    if text.isascii():
        return None
    for word in _WORD.findall(text):
        scripts = {script for letter in word if (script := name(letter, "").partition(" ")[0]) in _ALIKE}
        if len(scripts) > 1:
            odd = min(scripts, key=lambda script: sum(name(letter, "").startswith(script) for letter in word))
            letter = next(letter for letter in word if name(letter, "").startswith(odd))
            what = f"{shown(word)} mixes scripts: its {letter} is {name(letter).lower()}"
            return Doubt("mixed-scripts", what, "Retype the word.")
    return None


def too_short(keyword: Keyword, folded: str) -> Doubt | None:
    """One letter, or few with an open side; `folded` is without outer white space."""
    if len(folded) == 1 and CONTINUES[folded]:
        what = f"the keyword {shown(keyword.written)} is a single letter or digit"
        return Doubt("one-letter", what, "Use a longer keyword; this one is in many messages.")
    if keyword.match == "word" or len(normalize("NFD", folded)) >= OPEN_CHARS_MIN:
        return None
    if not all(map(CONTINUES.__getitem__, folded)):
        return None
    what = f"the keyword {shown(keyword.written)} is found in too many words"
    return Doubt("short-open", what, "Write more of the word.")


def stop_word(keyword: Keyword, folded: str) -> Doubt | None:
    """Nothing but words that nearly every chat has."""
    if keyword.case_sensitive or not all(word in STOP_WORDS for word in folded.split()):
        return None
    what = f"the keyword {shown(keyword.written)} is in nearly every chat"
    return Doubt("stop-word", what, "Use a more specific phrase.")


def spaceless_word(keyword: Keyword) -> Doubt | None:
    """`match: word` in a script that has no spaces."""
    if keyword.match_given and keyword.match == "word" and any(map(is_spaceless, _ends(keyword))):
        what = f"{shown(keyword.written)} is in a script without spaces, so `match: word` has no effect"
        return Doubt("word-without-spaces", what, "Delete `match: word`.")
    return None


def hangul_particle(keyword: Keyword) -> Doubt | None:
    """Korean hangs particles on a word, so the bare word is the rare case."""
    last = _ends(keyword)[1]
    if keyword.match == "word" and not keyword.match_given and "가" <= last <= "힣":
        what = f"{shown(keyword.written)} is not found if a particle follows it"
        advice = (
            f"Write `{keyword.written}*`, or {{keyword: {keyword.written}, match: word}} if you mean that."
        )
        return Doubt("hangul-particle", what, advice)
    return None


def _ends(keyword: Keyword) -> tuple[str, str]:
    text = keyword.text.strip()
    return text[0], text[-1]


def odd_placeholder(text: str, placeholder: str) -> Doubt | None:
    """A placeholder in the syntax of another product."""
    found = _BRACES.search(re.sub(placeholder, " ", text))
    if found is None:
        return None
    what = f"{shown(found[0])} is not a placeholder here, so agents would have to send it literally"
    return Doubt("odd-placeholder", what, "Write it like %name%.")


_OF_ANY_TEXT: Final = (smart_quotes, no_break_space, invisible, mixed_scripts)


def in_text(text: str) -> Iterator[Doubt]:
    """Doubts about a tag, or any other text."""
    for check in _OF_ANY_TEXT:
        if doubt := check(text):
            yield doubt


def in_keyword(keyword: Keyword, folded: str, *, calls: bool) -> Iterator[Doubt]:
    """Doubts about a keyword.

    folded  its text, without outer white space
    calls   a match of it decides something, as it does not under `ignore`
    """
    if doubt := foreign(keyword):
        yield doubt
        return  # the rest is about a text that will be replaced
    if not keyword.text.isascii():
        yield from in_text(keyword.written)
        for check in (spaceless_word, hangul_particle):
            if doubt := check(keyword):
                yield doubt
    for rate in (too_short, stop_word) if calls else ():
        if doubt := rate(keyword, folded):
            yield doubt


def in_canned(text: str, placeholder: str) -> Iterator[Doubt]:
    """Doubts about a canned response."""
    if doubt := odd_placeholder(text, placeholder):
        yield doubt
