"""Web addresses in a text: where they are, and which matches they hold.

A link begins with `http://`, `https://`, `ftp://` or `www.`, or is a host with a dot and a slash behind it
(`shop.example/sam`). A bare `shop.example` is not one: people often forget the space after a full stop.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from tagger.core.folding.characters import is_spaceless

# Linear in the text: nothing that was read as part of a host is given back (`++`).
_BEGIN: Final = re.compile(
    r"(?:https?|ftp)://|(?<!\w)www\.(?=\w)"
    r"|(?<![^\s(\[<\"'])[\w-]++(?:\.[\w-]++)++(?<=[^\W\d_]{2})(?::[0-9]{1,5})?/",
    re.IGNORECASE,
)
_ENDS: Final = frozenset('<>"')
_NOT_LAST: Final = ".,;:!?'*_)]}…"  # at the end of a link these belong to the sentence


def link_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where links are, in code points, `end` exclusive, in order.

    A link ends before white space, a quote, an angle bracket, and any script written without spaces, whose
    sentences go on right behind it. Costs O(text).
    """
    done = 0
    while found := _BEGIN.search(text, done):
        rest = range(found.end(), len(text))
        done = next((at for at in rest if text[at] in _ENDS or _is_other(text[at])), len(text))
        yield found.start(), found.start() + len(text[found.start() : done].rstrip(_NOT_LAST))


def _is_other(ch: str) -> bool:
    return ch.isspace() or is_spaceless(ch)


def overlapping(places: Iterable[tuple[int, int]], spans: list[tuple[int, int]]) -> Iterator[bool]:
    """For each place, in order of where they start, whether it overlaps one of the spans."""
    at = 0
    for start, end in places:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        yield at < len(spans) and spans[at][0] < end
