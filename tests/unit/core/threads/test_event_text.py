"""What an event says, line by line of the design: what a person wrote or could read."""

from typing import Any

import pytest

from tagger.core.threads.event_text import FIELD_CHARS_MAX, FIELDS_MAX, fields_of


def form(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "filled_form", "fields": list(fields)}


def cards(*elements: Any) -> dict[str, Any]:
    return {"type": "rich_message", "template_id": "cards", "elements": list(elements)}


GREETING = {"lc2": {"welcome_message": True}}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({"type": "message", "text": "my order"}, ("my order",)),
        ({"type": "message", "text": ""}, ()),
        ({"type": "message"}, ()),
        ({"type": "message", "text": "a", "properties": {"lc2": {"greeting_id": 3}}}, ("a",)),
        ({"type": "message", "text": "a", "properties": {"other": {"welcome_message": True}}}, ("a",)),
        ({"type": "message", "text": "a", "properties": GREETING}, ()),
        ({"type": "message", "text": "a", "visibility": "agents"}, ()),
        ({"type": "message", "text": "a", "recipients": "agents"}, ()),  # API 3.3
        ({"type": "message", "text": "a", "visibility": "all"}, ("a",)),
        ({"type": "message", "text": "a", "postback": {"id": "yes", "value": "v"}}, ("a",)),
        (
            cards(
                {"title": "T", "subtitle": "S", "buttons": [{"text": "B", "value": "v", "postback_id": "p"}]}
            ),
            ("T", "S", "B"),
        ),
        (cards({"title": "T"}, {"subtitle": "S"}, {"image": {"url": "u"}}), ("T", "S")),
        ({**cards({"title": "T"}), "visibility": "agents"}, ()),
        ({**cards({"title": "T"}), "properties": GREETING}, ()),
        (form({"type": "question", "label": "What?", "answer": "it broke"}), ("it broke",)),
        (form({"type": "radio", "answer": {"id": "0", "label": "Not really"}}), ("Not really",)),
        (
            form({"type": "checkbox", "answers": [{"id": "1", "label": "Late"}, "Damaged"]}),
            ("Late", "Damaged"),
        ),
        (form({"type": "question", "value": "it broke"}), ("it broke",)),  # API 3.3 and older
        (form({"type": "name", "answer": "Ida"}, {"type": "email", "answer": "ida@home.example"}), ()),
        ({"type": "form", "fields": [{"label": "What?"}]}, ()),
        ({"type": "file", "name": "refund.pdf", "alternative_text": "a refund"}, ()),
        ({"type": "system_message", "text": "Nora left"}, ()),
        ({"type": "system", "details": '{"text": "summary"}'}, ()),
        ({"type": "custom", "content": {"text": "no"}}, ()),
        ({"type": "something new", "text": "no"}, ()),
        ({}, ()),
    ],
)
def test_what_people_wrote_or_could_read_is_said(event: dict[str, Any], fields: tuple[str, ...]) -> None:
    assert fields_of(event) == fields


@pytest.mark.parametrize("event", [{"type": "message", "text": 7}, {"type": ["message"]}, {"type": 3}])
def test_an_event_that_says_something_unreadable_is_odd(event: dict[str, Any]) -> None:
    assert fields_of(event) is None


@pytest.mark.parametrize(
    "event",
    [
        cards(None, 3, {"title": 7, "buttons": {"text": "B"}}, {"buttons": [None, {"text": ["B"]}]}),
        cards({"title": {}}),
        {"type": "rich_message", "elements": "cards"},
        {"type": "rich_message"},
        form(None, {"type": []}, {"type": {}, "answer": 4}, {"answers": "x"}, {"answer": {"label": 9}}),  # type: ignore[arg-type]
        {"type": "filled_form", "fields": {"answer": "x"}},
        {"type": "message", "text": "a", "properties": GREETING, "visibility": ["agents"]},
        {"type": "system_message", "text": 7},
    ],
)
def test_odd_parts_say_nothing(event: dict[str, Any]) -> None:
    assert fields_of(event) == ()


@pytest.mark.parametrize(
    "properties", ["lc2", ["lc2"], {"lc2": "welcome_message"}, {"lc2": {"welcome_message": 1}}, 3]
)
def test_odd_properties_are_no_greeting(properties: Any) -> None:
    assert fields_of({"type": "message", "text": "a", "properties": properties}) == ("a",)


def test_text_beyond_what_livechat_accepts_is_cut() -> None:
    assert fields_of({"type": "message", "text": "x" * (FIELD_CHARS_MAX + 1)}) == ("x" * FIELD_CHARS_MAX,)
    assert fields_of(cards({"title": "x" * (FIELD_CHARS_MAX + 1)})) == ("x" * FIELD_CHARS_MAX,)


def test_fields_beyond_a_limit_are_left_out() -> None:
    fields = fields_of(cards(*({"title": str(number)} for number in range(FIELDS_MAX + 5))))
    assert fields is not None
    assert len(fields) == FIELDS_MAX
