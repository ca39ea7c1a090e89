"""Marks that overlap nest, and the text stays what it is."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.web.marks import KINDS, LANES, MARKS_MAX, Mark, Piece, cut


def drawn(pieces: Sequence[Piece]) -> str:
    """As the template draws it, with <kind> and </>."""
    return "".join(
        "".join(f"<{names}>" for names in piece.opened) + piece.text + "</>" * piece.closed
        for piece in pieces
    )


def found(*spans: tuple[int, int]) -> list[Mark]:
    return [Mark(start, end, "found") for start, end in spans]


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        ("abc", [], "abc"),
        ("", [], ""),
        ("abc", found((0, 3)), "<found>abc</>"),
        ("abc", found((1, 2)), "a<found>b</>c"),
        ("abcd", found((0, 1), (1, 2)), "<found>a</><found>b</>cd"),
        ("abcdef", found((0, 4), (2, 6)), "<found>ab<found lane-2>cd</></><found lane-2>ef</>"),
        ("abcd", found((0, 4), (1, 2)), "<found>a<found lane-2>b</>cd</>"),
        ("abcd", found((0, 4), (0, 2)), "<found><found lane-2>ab</>cd</>"),
        ("ab", found((0, 2), (0, 2)), "<found>ab</>"),
        ("ab", [Mark(0, 2, "near"), Mark(0, 2, "found")], "<found><near lane-2>ab</></>"),
        ("abcde", found((0, 2), (1, 4), (3, 5)), "<found>a<found lane-2>b</></><found lane-2>c<found>d</></><found>e</>"),
        ("ab", found((0, 2), (0, 1), (1, 2)), "<found><found lane-2>a</><found lane-2>b</></>"),
        ("a", found((0, 0), (0, 2), (-1, 1), (1, 1)), "a"),
        ("a😀b", [Mark(1, 2, "stop")], "a<stop>😀</>b"),
    ],
)  # fmt: skip
def test_a_text_is_cut_at_every_start_and_end(text: str, marks: list[Mark], expected: str) -> None:
    assert drawn(cut(text, marks)) == expected


def test_more_than_three_marks_in_one_place_share_the_third_lane() -> None:
    pieces = cut("abcd", found((0, 4), (0, 3), (0, 2), (0, 1)))
    assert pieces[0].opened == ("found", "found lane-2", "found lane-3", "found lane-3")


def test_no_text_has_more_marks_than_the_limit() -> None:
    pieces = cut("a" * (MARKS_MAX + 9), found(*((at, at + 1) for at in range(MARKS_MAX + 9))))
    assert sum(len(piece.opened) for piece in pieces) == MARKS_MAX


spans = st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from(KINDS)).map(lambda one: Mark(*one))


@given(st.text("ab ß🙂ا", max_size=12), st.lists(spans, max_size=8))
def test_the_pieces_are_the_text_and_the_marks_nest_around_what_they_mark(
    text: str, marks: list[Mark]
) -> None:
    pieces = cut(text, marks)
    assert "".join(piece.text for piece in pieces) == text
    counted = {mark for mark in marks if mark.start < mark.end <= len(text)}
    open_now: list[str] = []
    at = most = 0
    for piece in pieces:
        assert piece.text or not text
        open_now += piece.opened
        assert piece.closed <= len(open_now)
        around = sorted(names.split()[0] for names in open_now)
        for place in range(at, at + len(piece.text)):
            assert around == sorted(mark.kind for mark in counted if mark.start <= place < mark.end)
        lanes = [names.partition(" ")[2] for names in open_now]
        most = max(most, len(lanes))  # once there were more than lanes, some share the last one to their ends
        assert len(set(lanes)) == len(lanes) or most > LANES
        del open_now[len(open_now) - piece.closed :]
        at += len(piece.text)
    assert open_now == []
