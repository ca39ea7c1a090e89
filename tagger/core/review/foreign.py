"""Keywords in another product's language: several in one, a regular expression, a condition.

Here a keyword is one word or phrase, so these would be searched for sign by sign. Each is answered with how it is
written here.
"""

import re
from collections.abc import Iterable
from itertools import product
from typing import Final

from tagger.core.review.doubt import Doubt
from tagger.core.rules.keyword_field import Keyword
from tagger.core.rules.problems import shown
from tagger.core.rules.quotes import quoted

FORMS_MAX: Final = 12  # of an expression that are listed; more are better written with a star
PART_WORDS_MAX: Final = 3  # a comma between longer parts is one of a sentence

_SIGNS: Final = re.compile(r"[;|；｜、]|(?<![0-9])[,，]|[,，](?![0-9])")
_OR: Final = re.compile(r"\s+(?:OR|\|\|)\s+")
_AND: Final = re.compile(r"\s+(?:AND|&&)\s+")
_NOT: Final = re.compile(r"\s+(?:AND NOT|NOT)\s+")
_SLASHES: Final = re.compile(r"/(.+)/[a-z]{0,4}")
_EXPRESSION: Final = re.compile(
    r"\\[bBdDsSwW.+*?()\[\]]|\.[*+?]|\w\?(?=\w)|[)\]][?*+]|\([^()|]{1,40}\|[^()]{1,80}\)|\[[^\[\]\s]{1,20}\]"
)
_PIECE: Final = re.compile(r"\((?:\?:)?([^()]*)\)(\??)|\[([^\[\]\\^-]*)\](\??)|(\w)(\??)|([ '-])(\??)")


def foreign(keyword: Keyword) -> Doubt | None:
    """How to write a keyword that looks like several, or like an expression; silent if the file names `match`."""
    text = keyword.written.strip()
    if keyword.match_given:
        return None
    if slashes := _SLASHES.fullmatch(text):
        return _expression(text, slashes[1])
    if _EXPRESSION.search(text) or ((text[0] == "^" or text[-1] == "$") and len(text) > 2):
        return _expression(text, text)
    if not text.isupper():
        for sign, key in ((_NOT, "none"), (_AND, "all")):
            parts = [part for part in sign.split(text) if part]
            if len(parts) > 1:
                return _condition(text, parts, key)
    return _several(text, parts_of(text)) or _quote(text)


def parts_of(text: str) -> list[str]:
    """What stands between commas, semicolons, bars and `OR`."""
    parts = [part.strip("\"'“”„«» ") for part in _OR.sub(";", text).split(";")]
    return [part.strip("\"'“”„«» ") for whole in parts for part in _SIGNS.split(whole)]


def _literally(text: str) -> str:
    return f"If it is one phrase, write {{keyword: {quoted(text)}, match: word}}."


def _items(texts: Iterable[str]) -> str:
    *most, last = [f"`- {text}`" for text in texts]
    return f"{', '.join(most)} and {last}"


def _several(text: str, parts: list[str]) -> Doubt | None:
    named = [part for part in parts if any(map(str.isalnum, part))]
    if len(named) == 1 and len(parts) == 2 and text[-1] in ",;，；":
        what = f"the keyword {shown(text)} ends with a sign that must be said, too"
        return Doubt("trailing-sign", what, f"Write `{named[0]}`.")
    if (
        len(named) < 2
        or len(named) < len(parts) - 1
        or any(len(part.split()) > PART_WORDS_MAX for part in named)
    ):
        return None
    if len(named) == 2 and not re.search(r"[;|；｜、]|OR", text) and _is_sentence(named):
        return None
    what = f"{shown(text)} is one keyword, and is found only where all of it is said"
    advice = f"Write each on a line of its own: {_items(named)}. {_literally(text)}"
    return Doubt("several-keywords", what, advice)


# Words before or after a comma that is part of a phrase: "no, thanks", "sorry, wrong chat".
_OPENERS: Final = frozenset("ah hello hey hi no nope oh ok okay please sorry thanks well yes".split())


def _is_sentence(parts: list[str]) -> bool:
    return any(_OPENERS & set(part.lower().split()) for part in parts)


def _condition(text: str, parts: list[str], key: str) -> Doubt:
    what = f"{shown(text)} is searched for as it stands; a keyword has no AND and no NOT"
    if key == "all":
        return Doubt(
            "condition", what, f"Write all: [{', '.join(f'[{part}]' for part in parts)}] in the rule."
        )
    advice = f"Write `{parts[0]}` here, and none: [{', '.join(parts[1:])}] in the rule."
    return Doubt("condition", what, advice)


def _expression(text: str, pattern: str) -> Doubt:
    what = f"{shown(text)} looks like a regular expression, which a keyword is not"
    bare = pattern.replace("\\b", "").removeprefix("^").removesuffix("$")
    ends = re.sub(r"(?:\.[*+?]|\\w[*+])$", "*", re.sub(r"^(?:\.[*+?]|\\w[*+])", "*", bare))
    forms = [ends] if re.fullmatch(r"\*?[\w ]+\*?", ends) else _forms(bare)
    if not forms:
        return Doubt(
            "expression", what, f"Write each form as a keyword, or a star at its end. {_literally(text)}"
        )
    written = [quoted(form) if form[0] == "*" else form for form in forms]
    advice = (
        f"Write `{written[0]}`."
        if len(forms) == 1
        else f"Write each form on a line of its own: {_items(written)}."
    )
    return Doubt("expression", what, f"{advice} {_literally(text)}")


def _forms(pattern: str) -> list[str]:
    """The words among what a simple expression stands for."""
    return [form for form in forms_of(pattern) if is_word_like(form)]


def is_word_like(text: str) -> bool:
    """Whether a text begins with a letter or a digit, and has nothing but these, blanks, apostrophes and hyphens."""
    return re.fullmatch(r"\w[\w '-]*", text) is not None


def forms_of(pattern: str) -> list[str]:
    """What a simple expression stands for: letters, groups of alternatives, sets, and `?` behind any of these.

    Nothing if it is not simple, or stands for more than `FORMS_MAX` texts.
    """
    choices: list[list[str]] = []
    count, at = 1, 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            return []
        group, optional, letters, optional_set, letter, optional_letter, other, optional_other = (
            piece.groups()
        )
        options = group.split("|") if group is not None else list(letters or "") or [letter or other]
        is_optional = any((optional, optional_set, optional_letter, optional_other))
        choices.append(["", *options] if is_optional else options)
        count, at = count * len(choices[-1]), piece.end()
        if count > FORMS_MAX:
            return []
    return list(dict.fromkeys("".join(form).strip() for form in product(*choices)))


def _quote(text: str) -> Doubt | None:
    """A plain quote at one end, or in the middle of a text that was not meant to hold one: `5"` are inches."""
    bare = " ".join(text.replace('"', " ").split())
    if '"' not in text or not bare or re.search(r'[0-9]"', text):
        return None
    what = f"the keyword {shown(text)} contains a quote, which must be said, too"
    return Doubt("quote-inside", what, f"Write `{bare}`. {_literally(text)}")
