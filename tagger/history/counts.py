"""What a reading of the past came to, in numbers and in words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

Moved = Callable[[int, int], None]  # (done, total), in records or lines; total 0: not known yet

NAMED_MAX: Final = 20  # of what is wrong, in words; the rest is counted


def ignored(_done: int, _total: int) -> None:
    """A `Moved` for those who do not care."""


@dataclass
class Counts:
    """Everything that was read; nothing is lost without being counted here."""

    source: str  # for people: livechat.webhooks, the file's name, LiveChat's archive
    since_ms: int | None = None  # chats that ended since then; None: all there are
    chats: int = 0  # handed over
    cut: int = 0  # of these, part is known to be missing
    open: int = 0  # not ended yet
    earlier: int = 0  # of a file: ended before `since_ms`
    unreadable: int = 0  # records, lines or chats that cannot be read
    withheld: int = 0  # chats whose messages LiveChat does not give, because of the plan
    stopped: bool = False  # by a person, before the end
    named: list[str] = field(default_factory=list)  # what cannot be read, in words; at most NAMED_MAX
    problems: list[str] = field(default_factory=list)  # why part was left out altogether, one an organization

    def name(self, what: str) -> None:
        """Count something that cannot be read, and name it."""
        self.unreadable += 1
        if len(self.named) < NAMED_MAX:
            self.named.append(what)

    def notes(self) -> Iterator[str]:
        """Yield sentences for what a person should know beside the number of chats."""
        if self.stopped:
            yield f"Stopped before the end: these results cover {_chats(self.chats)}."
        if self.cut:
            yield f"Not repeated: {_chats(self.cut)} whose beginning is missing."
        if self.open:
            yield f"Not ended yet: {_chats(self.open)}."
        if self.earlier:
            yield f"Ended earlier, and left out: {_chats(self.earlier)}."
        if self.withheld:
            yield f"Withheld by LiveChat because of your plan: the messages of {_chats(self.withheld)}."
        if self.unreadable:
            yield f"Not readable: {self.unreadable:,}."
        yield from self.named
        if self.unreadable > len(self.named) > 0:
            yield f"… and {self.unreadable - len(self.named):,} more."
        yield from self.problems


def _chats(number: int) -> str:
    return f"{number:,} chat{'' if number == 1 else 's'}"
