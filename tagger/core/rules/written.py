"""A keyword, as one writes it in a keyword file."""

from typing import Final

from tagger.core.rules.keyword_field import Keyword, MatchKind
from tagger.core.rules.quotes import quoted

_STARRED: Final[dict[MatchKind, str]] = {"word": "{}", "prefix": "{}*", "suffix": "*{}", "anywhere": "*{}*"}
# YAML reads a text with one of these as something else, at least in some place.
_NEEDS_QUOTES: Final = frozenset(':#,[]{}"\\*`')


def written(keyword: Keyword) -> str:
    """The shortest that means the same, in quotes where YAML wants them: `refund*`, `{keyword: RMA, case: sensitive}`."""
    text = keyword.text
    options = ["case: sensitive"] * keyword.case_sensitive + ["accents: exact"] * keyword.accents_exact
    if not options and "*" not in text:
        return _in_yaml(_STARRED[keyword.match].format(text))
    if keyword.match != "word" or "*" in text:
        options.append(f"match: {keyword.match}")
    return f"{{keyword: {_in_yaml(text)}, {', '.join(options)}}}"


def _in_yaml(text: str) -> str:
    plain = text[:1].isalnum() and text.isprintable() and _NEEDS_QUOTES.isdisjoint(text.removesuffix("*"))
    return text if plain else quoted(text)
