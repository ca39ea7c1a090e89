"""A column of keywords, one a line: from a text file, a spreadsheet, or Discourse, which exports words so."""

import re
from typing import Final

from tagger.core.importing.source import Draft, Left, Source, words_of

_BULLET: Final = re.compile(r"(?:[-*•·▪●‐-―]|[0-9]{1,3}[.)])\s+(?=\S)")
_QUOTED: Final = re.compile(r'"([^"]+)"|\'(.+)\'|[“„«»”]([^“”„«»]+)[“”«»]')
_HEADING: Final = re.compile(r"(?:watched )?(?:keyword|word|phrase)s?:?", re.IGNORECASE)


def read(lines: list[str]) -> Source:
    """Every line that is neither blank nor a comment is taken for a keyword."""
    draft, left = Draft(None), list[Left]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if text == "#" or text.startswith("# "):
            left.append(Left(number, text, "a comment"))
            continue
        if not draft.any and _HEADING.fullmatch(text):
            left.append(Left(number, text, "taken for the heading of the column"))
            continue
        text = _BULLET.sub("", text, count=1).rstrip(",; ")
        quoted = _QUOTED.fullmatch(text)
        words = words_of(quoted[quoted.lastindex or 0].strip() if quoted else text, is_one=quoted is not None)
        if isinstance(words, str):
            left.append(Left(number, text, words))
        else:
            draft.any += words
    return Source("a column of keywords", [draft], left)
