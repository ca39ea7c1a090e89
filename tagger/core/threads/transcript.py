"""A chat as people paste it, with lines that begin with `customer:` or `agent:` → who said what, and where. Pure.

A line without a name continues the message above it. What stands before the first name is one message, by whom the
caller says.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tagger.core.conversation import Author, Said

# As many as are kept of a thread; what follows belongs to the last one.
MESSAGES_MAX: Final = 2_000

_NAME: Final = re.compile(
    r"^[ \t]{0,20}(customer|agent)[ \t]{0,20}:[ \t]{0,20}", re.IGNORECASE | re.MULTILINE
)


class Heard(NamedTuple):
    """One message, and where its text begins in the whole, in code points."""

    said: Said
    start: int


def messages(text: str, unnamed: Author = "customer") -> tuple[Heard, ...]:
    """The messages that say something, in order; event ids count from 1.

    text     with line feeds only
    unnamed  who says what stands before the first name
    """
    return tuple(
        Heard(Said(str(number), author, (text[start:end],)), start)
        for number, (author, start, end) in enumerate(_spans(text, unnamed), 1)
    )


def _spans(text: str, unnamed: Author) -> Iterator[tuple[Author, int, int]]:
    author, start, count = unnamed, 0, 0
    for name in _NAME.finditer(text):
        if text[start : name.start()].strip():
            yield author, start, start + len(text[start : name.start()].rstrip())
            count += 1
        if count == MESSAGES_MAX - 1:
            author, start = _author(name[1]), name.end()
            break
        author, start = _author(name[1]), name.end()
    if text[start:].strip():
        yield author, start, start + len(text[start:].rstrip())


def _author(name: str) -> Author:
    return "customer" if name.lower() == "customer" else "agent"
