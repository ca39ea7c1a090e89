"""A text cut at every start and end of what is marked in it, so that marks which overlap nest. Pure.

The pieces in order are the text. A piece opens and closes marks; over all pieces they are balanced. Each mark keeps
the lowest free of three lanes from its start to its end, so that the lines under marks that overlap lie one under the
other; where more overlap, they share the third.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

LANES: Final = 3  # as many lines as fit between two lines of text
MARKS_MAX: Final = 2_000  # of one text: nobody looks at more, and each costs the browser an element or two

# A match that counts; one that does not; one that stops a rule.
Kind = Literal["found", "near", "stop"]
KINDS: Final[tuple[Kind, ...]] = ("found", "near", "stop")


class Mark(NamedTuple):
    """Part of a text, in code points, `end` exclusive."""

    start: int
    end: int
    kind: Kind


class Ref(NamedTuple):
    """A number behind a mark, which leads to the row of that number."""

    number: int
    label: str  # for who hears the page


class Piece(NamedTuple):
    """Part of a text, with the marks that begin before it and end after it."""

    text: str
    opened: tuple[str, ...] = ()  # the class names of each, outermost first
    closed: int = 0
    refs: tuple[Ref, ...] = ()  # behind what is closed


def cut(text: str, marks: Iterable[Mark]) -> tuple[Piece, ...]:
    """The text in pieces. Marks that are empty or beyond the text count for nothing, equal ones once."""
    lanes = _lanes(_within(text, marks))
    at: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))  # what starts, what ends there
    for number, (mark, _) in enumerate(lanes):
        at[mark.start][0].append(number)
        at[mark.end][1].append(number)
    bounds = sorted({0, len(text), *at})
    begun: list[int] = []  # what covers the piece, in the order in which it began
    covering: list[tuple[str, tuple[int, ...]]] = []
    for start, end in itertools.pairwise(bounds):
        started, ended = at.get(start, ((), ()))
        begun = [number for number in begun if number not in ended] + list(started)
        covering.append((text[start:end], tuple(begun)))
    return _nested(covering, [_class_names(mark.kind, lane) for mark, lane in lanes])


def _within(text: str, marks: Iterable[Mark]) -> list[Mark]:
    inside = {mark for mark in marks if 0 <= mark.start < mark.end <= len(text)}
    return sorted(inside, key=lambda mark: (mark.start, -mark.end, KINDS.index(mark.kind)))[:MARKS_MAX]


def _lanes(marks: Sequence[Mark]) -> list[tuple[Mark, int]]:
    """Each mark with its lane, from 1; the marks are sorted by their start."""
    taken: list[tuple[int, int]] = []  # (end, lane) of those that cover the place
    placed: list[tuple[Mark, int]] = []
    for mark in marks:
        taken = [(end, lane) for end, lane in taken if end > mark.start]
        used = {lane for _, lane in taken}
        lane = next((lane for lane in range(1, LANES) if lane not in used), LANES)
        taken.append((mark.end, lane))
        placed.append((mark, lane))
    return placed


def _class_names(kind: Kind, lane: int) -> str:
    return kind if lane == 1 else f"{kind} lane-{lane}"


def _nested(covering: Sequence[tuple[str, tuple[int, ...]]], names: Sequence[str]) -> tuple[Piece, ...]:
    """Open and close so that marks nest: what two neighbours share from the outside in stays open."""
    pieces: list[Piece] = []
    before: tuple[int, ...] = ()
    for index, (text, marks) in enumerate(covering):
        after = covering[index + 1][1] if index + 1 < len(covering) else ()
        opened = marks[shared(before, marks) :]
        pieces.append(
            Piece(text, tuple(names[number] for number in opened), len(marks) - shared(marks, after))
        )
        before = marks
    return tuple(pieces)


def shared(one: Sequence[object], other: Sequence[object]) -> int:
    """How many they have in common at their beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
