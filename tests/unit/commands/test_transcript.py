"""What was said, on a terminal, with caret lines and labels under it."""

from collections.abc import Sequence

import pytest

from tagger.commands.transcript import WIDTH, transcript
from tagger.core.conversation import Author
from tagger.core.matching.explain import Mark, Passage


def lines(said: Sequence[Passage], *, only_marked: bool = False) -> list[str]:
    return [line.text for line in transcript(said, only_marked=only_marked)]


def passage(text: str, *words: str, number: int = 1, author: Author = "customer") -> Passage:
    """A text with a mark at each word, whose label is the word."""
    labelled = [(text.index(word), text.index(word) + len(word), word) for word in words]
    return Passage(number, author, text, tuple(Mark(start, end, True, word) for start, end, word in labelled))


def test_a_caret_line_stands_under_each_mark() -> None:
    text = "a refund, my money back"
    said = [passage("Hello", author="agent"), passage(text, "refund", "money back", number=2)]
    assert lines(said) == [
        "  1 agent     Hello",
        "  2 customer  a refund, my money back",
        "                ^^^^^^ refund",
        "                           ^^^^^^^^^^ money back",
    ]


def test_of_what_has_no_mark_nothing_is_shown_where_only_marks_are_asked_for() -> None:
    said = [passage("no", author="agent"), passage("hello\nrefundable?", "refund", number=2)]
    assert lines(said, only_marked=True) == ["  2 customer  refundable?", "              ^^^^^^ refund"]


def test_the_fields_of_a_form_stand_under_one_number() -> None:
    assert lines([passage("Maya"), passage("my refund", "refund")]) == [
        "  1 customer  Maya",
        "              my refund",
        "                 ^^^^^^ refund",
    ]


@pytest.mark.parametrize(
    ("before", "word", "column", "carets"),
    [
        pytest.param("", "refund", 0, 6, id="at the start"),
        pytest.param("我想要", "退款", 6, 4, id="wide letters"),
        pytest.param("e\u0301te\u0301 ", "refund", 4, 6, id="combining marks"),
        pytest.param("👩\u200d🔧 ", "refund", 3, 6, id="a joined emoji"),
        pytest.param("👍🏽 ", "refund", 3, 6, id="a skin tone"),
        pytest.param("환불 ", "refund", 5, 6, id="Hangul"),
        pytest.param("ｒ ", "ｒｅ", 3, 4, id="full width"),
        pytest.param("a\tb ", "refund", 4, 6, id="a tab takes one cell"),
        pytest.param("\x1b[31m ", "refund", 6, 6, id="an escape is shown, not obeyed"),
    ],
)
def test_carets_stand_under_what_the_terminal_shows(before: str, word: str, column: int, carets: int) -> None:
    text = f"{before}{word} ok"
    drawn = lines([passage(text, word)])[1]
    assert drawn.startswith(" " * (14 + column) + "^" * carets + " ")


def test_no_control_character_reaches_the_terminal() -> None:
    text = "a\x1b]0;x\x07\u202e\u2028\x9b refund"
    drawn = "\n".join(lines([passage(text, "refund")]))
    assert all(char.isprintable() or char == "\n" for char in drawn)


def test_a_message_of_several_lines_keeps_them() -> None:
    text = "hello\r\nmy refund\n\nthanks"
    assert lines([passage(text, "refund")]) == [
        "  1 customer  hello",
        "              my refund",
        "                 ^^^^^^ refund",
        "              ",
        "              thanks",
    ]


def test_of_a_long_line_the_surroundings_of_each_mark_are_shown() -> None:
    text = "x" * 300 + " refund " + "y" * 300 + " money back " + "z" * 300
    drawn = lines([passage(text, "refund", "money back")])
    assert [line.split()[0] if "^" in line else line.strip()[:10] for line in drawn] == [
        "1 customer",
        "^^^^^^",
        "…yyyyyyyyy",
        "^^^^^^^^^^",
    ]
    assert all(len(line) < 14 + 2 * WIDTH for line in drawn)
    for shown, carets in zip(drawn[::2], drawn[1::2], strict=True):
        start, length = carets.index("^"), carets.count("^")
        assert shown[start : start + length] in {"refund", "money back"}


def test_a_long_line_without_a_mark_is_cut() -> None:
    assert lines([passage("語" * 300)])[0] == "  1 customer  " + "語" * (WIDTH // 2 - 1) + " …"
