"""A pasted chat is read as people mean it, and every message keeps its place in the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.threads.transcript import MESSAGES_MAX, messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I want a refund", [("customer", "I want a refund")]),
        ("two\nlines", [("customer", "two\nlines")]),
        ("customer: hi\nagent: hello", [("customer", "hi"), ("agent", "hello")]),
        ("Customer : hi\nAGENT:hello", [("customer", "hi"), ("agent", "hello")]),
        (
            "agent: hello\nhow are you?\ncustomer: fine",
            [("agent", "hello\nhow are you?"), ("customer", "fine")],
        ),
        ("before\nagent: after", [("customer", "before"), ("agent", "after")]),
        ("  customer: indented", [("customer", "indented")]),
        ("my customer: says", [("customer", "my customer: says")]),
        ("customer:\nagent:  \ncustomer: hi", [("customer", "hi")]),
        ("customers: hi", [("customer", "customers: hi")]),
        ("agent: مرحبا", [("agent", "مرحبا")]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_a_transcript_is_read(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(said.author, said.fields[0]) for said, _ in messages(text)] == expected


def test_what_has_no_name_is_said_by_whom_the_caller_names() -> None:
    assert [said.author for said, _ in messages("hello\ncustomer: hi", "agent")] == ["agent", "customer"]


def test_what_is_beyond_the_limit_belongs_to_the_last_message() -> None:
    heard = messages("customer: a\n" * (MESSAGES_MAX + 5))
    assert len(heard) == MESSAGES_MAX
    assert heard[-1].said.fields[0].count("a") == 6


@given(st.lists(st.sampled_from(["customer: ", "agent:", "\n", "refund", " ", "ä", "🙂"])).map("".join))
def test_each_message_stands_in_the_text_where_it_says(text: str) -> None:
    reach = 0
    for number, (said, start) in enumerate(messages(text), 1):
        assert said.event_id == str(number)
        assert start >= reach
        assert text[start : start + len(said.fields[0])] == said.fields[0]
        reach = start + len(said.fields[0])
