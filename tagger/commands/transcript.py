"""Messages for a terminal, with carets and a label below each match or near miss."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from tagger.core.matching.explain import Mark, Passage

# Terminal cells of a line; of a longer one, only the surroundings of each mark are shown.
WIDTH: Final = 100
AROUND: Final = 40
_JOINER: Final = "\u200d"  # inside an emoji: joins the characters around it into one


class Line(NamedTuple):
    """One line to print; the colour is one of click's."""

    text: str
    colour: str | None = None


def transcript(passages: Iterable[Passage], *, only_marked: bool = False) -> Iterator[Line]:
    """The lines to print; with `only_marked`, only those that have a mark."""
    last = 0
    for number, author, text, marks in passages:
        begin = 0
        for line in text.splitlines(keepends=True) or [""]:
            here = [mark for mark in marks if begin <= mark.start < begin + len(line)]
            if here or not only_marked:
                shifted = [mark._replace(start=mark.start - begin, end=mark.end - begin) for mark in here]
                head = f"{number:>3} {author:<8}  " if number != last else " " * 14
                yield from _line(
                    head, printable(line.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")), shifted
                )
                last = number
            begin += len(line)


def _line(head: str, line: str, marks: Sequence[Mark]) -> Iterator[Line]:
    whole = cell_len(line) <= WIDTH
    if whole or not marks:
        yield Line(head + _cut(line, WIDTH))
    for start, end, counted, label in marks:
        before, hit = line[:start], line[start:end]
        if not whole:
            before = before if cell_len(before) <= AROUND else "…" + before[-AROUND:]
            hit = _cut(hit, WIDTH)
            yield Line(head + before + hit + _cut(line[end:], AROUND))
            head = " " * len(head)
        pad, carets = " " * (len(head) + cell_len(before)), "^" * max(1, cell_len(hit))
        yield Line(f"{pad}{carets} {printable(label)}", "green" if counted else "yellow")


def printable(line: str) -> str:
    """The line, with a space or U+FFFD for every character that could control the terminal."""
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() or char == _JOINER else " " if char.isspace() else "\ufffd"
        for char in line
    )


def _cut(text: str, cells_max: int) -> str:
    """The text, cut to so many cells."""
    return text if cell_len(text) <= cells_max else set_cell_size(text, cells_max - 1) + "…"
