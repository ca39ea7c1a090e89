"""A decision as people read it, and as programs do."""

from collections.abc import Sequence

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Because, Decision, Rejected
from tagger.core.matching.explain import WIDTH, as_json, as_lines, cells

CHAT = ThreadKey("org", "PJ0MRSHTDG", "K600PKZON8")


def lines(
    said: Sequence[tuple[str, str]],
    because: Sequence[Because] = (),
    rejected: Sequence[Rejected] = (),
    *,
    tags: tuple[str, ...] = ("Refund",),
    thread: ThreadKey = CHAT,
    complete: bool = True,
) -> list[str]:
    conversation = Conversation(
        thread,
        tuple(Said(str(number), author, (text,)) for number, (author, text) in enumerate(said, 1)),  # type: ignore[arg-type]
        complete=complete,
    )
    decision = Decision(tags, tuple(because), tuple(rejected), "3f2c1a9b0d4e")
    return [line.text for line in as_lines(conversation, decision)]


def hit(text: str, word: str, event: str = "1", **more: object) -> Because:
    at = text.index(word)
    return Because("refund", "Refund", word, event, at, at + len(word), **more)  # type: ignore[arg-type]


def test_a_caret_line_stands_under_each_hit() -> None:
    text = "a refund, my money back"
    assert lines(
        [("agent", "Hello"), ("customer", text)], [hit(text, "refund", "2"), hit(text, "money back", "2")]
    ) == [
        "Chat PJ0MRSHTDG, thread K600PKZON8: tags: Refund   (config 3f2c1a9b0d4e)",
        "  1 agent     Hello",
        "  2 customer  a refund, my money back",
        "                ^^^^^^ refund → Refund  [rule refund]",
        "                           ^^^^^^^^^^ money back → Refund  [rule refund]",
    ]


def test_what_nearly_counted_follows_with_the_reason() -> None:
    no = Rejected("refund", "refund", "1", 3, 9, "inside a word")
    assert lines([("customer", "is refundable?"), ("agent", "no")], rejected=[no], tags=())[1:] == [
        "  1 customer  is refundable?",
        "  2 agent     no",
        "",
        "Not counted:",
        "  1 customer  is refundable?",
        "                 ^^^^^^ refund: inside a word  [rule refund]",
    ]


def test_the_same_reason_many_times_in_a_text_is_told_once() -> None:
    many = [Rejected("refund", "a", "1", at, at + 1, "inside a word") for at in range(3)]
    assert lines([("customer", "aaaa")], rejected=many)[-1] == (
        "              ^ a: inside a word  [rule refund] (and 2 more)"
    )


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
    found = hit(text, word)
    drawn = lines([("customer", text)], [found])[2]
    assert drawn.startswith(" " * (14 + column) + "^" * carets + " ")


def test_no_control_character_reaches_the_terminal() -> None:
    text = "a\x1b]0;x\x07\u202e\u2028\x9b refund"
    drawn = "\n".join(lines([("customer", text)], [hit(text, "refund")]))
    assert all(char.isprintable() or char == "\n" for char in drawn)


def test_a_message_of_several_lines_keeps_them() -> None:
    text = "hello\r\nmy refund\n\nthanks"
    assert lines([("customer", text)], [hit(text, "refund")])[1:] == [
        "  1 customer  hello",
        "              my refund",
        "                 ^^^^^^ refund → Refund  [rule refund]",
        "              ",
        "              thanks",
    ]


def test_of_a_long_line_the_surroundings_of_each_hit_are_shown() -> None:
    text = "x" * 300 + " refund " + "y" * 300 + " money back " + "z" * 300
    drawn = lines([("customer", text)], [hit(text, "refund"), hit(text, "money back")])[1:]
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


def test_a_long_line_without_a_hit_is_cut() -> None:
    assert lines([("customer", "語" * 300)])[1] == "  1 customer  " + "語" * (WIDTH // 2 - 1) + "…"


def test_every_field_of_a_form_is_searched_and_shown_by_itself() -> None:
    conversation = Conversation(CHAT, (Said("e1", "customer", ("Maya", "my refund")),))
    found = Because("refund", "Refund", "refund", "e1", 3, 9, field=1)
    decision = Decision(("Refund",), (found,), (), "c")
    assert [line.text for line in as_lines(conversation, decision)][1:] == [
        "  1 customer  Maya",
        "              my refund",
        "                 ^^^^^^ refund → Refund  [rule refund]",
    ]


@pytest.mark.parametrize(
    ("thread", "tags", "title"),
    [
        (ThreadKey("", "", ""), ("A", "B"), "tags: A, B   (config 3f2c1a9b0d4e)"),
        (ThreadKey("", "", ""), (), "tags: none   (config 3f2c1a9b0d4e)"),
        (CHAT, (), "Chat PJ0MRSHTDG, thread K600PKZON8: tags: none   (config 3f2c1a9b0d4e)"),
    ],
)
def test_the_title_says_the_tags(thread: ThreadKey, tags: tuple[str, ...], title: str) -> None:
    assert lines([("customer", "hi")], thread=thread, tags=tags)[0] == title


def test_a_dry_run_is_told_from_a_tag_that_is_set() -> None:
    assert lines([("customer", "refund")], [hit("refund", "refund")], tags=())[2].endswith(
        "refund → Refund (dry run, not set)  [rule refund]"
    )


def test_a_long_canned_text_is_cut_in_its_label() -> None:
    found = Because("refund", "Refund", "Hello %name%,\nyour refund " + "is on its way " * 9, "1", 0, 5)
    label = lines([("agent", "Hello")], [found])[2]
    assert "Hello %name%, your refund is on its way" in label
    assert "… → Refund" in label


def test_it_says_so_when_nothing_was_found_or_something_is_missing() -> None:
    assert lines([("customer", "hi")], tags=())[-1] == "Nothing of what the rules ask for was said."
    assert lines([("customer", "hi")], tags=(), complete=False)[-1] == (
        "Not all of the chat could be read, so rules with `none` were not judged."
    )


def test_json_has_the_agreed_shape() -> None:
    conversation = Conversation(CHAT, (Said("e1", "customer", ("refund",)),))
    decision = Decision(
        ("Refund",),
        (Because("refund", "Refund", "refund", "e1", 0, 6),),
        (Rejected("late", "late", "e1", 1, 2, "inside a word"),),
        "3f2c1a9b0d4e",
    )
    assert as_json(conversation, decision) == {
        "chat_id": "PJ0MRSHTDG",
        "thread_id": "K600PKZON8",
        "tags": ["Refund"],
        "because": [
            {"rule": "refund", "tag": "Refund", "keyword": "refund", "event_id": "e1", "start": 0, "end": 6}
        ],
        "rejected": [
            {
                "rule": "late",
                "keyword": "late",
                "event_id": "e1",
                "start": 1,
                "end": 2,
                "reason": "inside a word",
            }
        ],
        "config": "3f2c1a9b0d4e",
    }


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("żółw", 4), ("退款", 4), ("e\u0301", 1), ("👩\u200d👩\u200d👧", 2), ("한", 2)],
)
def test_cells_of_a_text(text: str, width: int) -> None:
    assert cells(text) == width
