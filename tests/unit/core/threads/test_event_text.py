"""What an event says, line by line of the design: what a person wrote or could read."""

from typing import Any, Final

import pytest

from tagger.core.threads.event_text import FIELD_CHARS_MAX, FIELDS_MAX, fields_of


def form(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "filled_form", "fields": list(fields)}


def cards(*elements: Any) -> dict[str, Any]:
    return {"type": "rich_message", "template_id": "cards", "elements": list(elements)}


def shop(**product: Any) -> dict[str, Any]:
    elements = [{"title": "T", "ecommerce": {"view_type": "tags", "product_id": "p", **product}}]
    return {"type": "rich_message", "template_id": "ecommerce", "elements": elements}


def greeting(**properties: Any) -> dict[str, Any]:
    return {"lc2": properties}


GREETING = greeting(welcome_message=True)
BUTTONS = {"title": "T", "subtitle": "S", "buttons": [{"text": "B", "type": "message", "value": "v"}]}
ODD_PROPERTIES: Final[tuple[Any, ...]] = (
    "lc2",
    ["lc2"],
    3,
    {"lc2": "welcome_message"},
    {"lc2": ["greeting_id"]},
    greeting(welcome_message=1),
    greeting(welcome_message="true"),
    greeting(greeting_id=None),
    greeting(greeting_id=True),
    greeting(greeting_id=[7]),
    greeting(greeting_unique_id=""),
    greeting(greeting_unique_id={"value": "Q"}),
    greeting(form_type="prechat", file_safety_confirmation=True),
    {"source": {"greeting_id": 7}},
    {"greeting_id": 7, "welcome_message": True},
)
ODD_DELETED: Final[tuple[Any, ...]] = (False, None, 0, "", "false", [], {})
ODD_VISIBILITY: Final[tuple[Any, ...]] = ("all", None, 7, ["agents"], {"agents": True}, "")
ODD: Final[list[dict[str, Any]]] = [
    *({"properties": odd} for odd in ODD_PROPERTIES),
    *({"deleted": odd} for odd in ODD_DELETED),
    *({"visibility": odd} for odd in ODD_VISIBILITY),
]
WORDS: Final = [{"type": "message", "text": "a"}, cards(BUTTONS), shop(label="L"), form({"answer": "A"})]


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ({"type": "message", "text": "my order"}, ("my order",)),
        ({"type": "message", "text": ""}, ()),
        ({"type": "message"}, ()),
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


@pytest.mark.parametrize("event", WORDS, ids=lambda event: str(event["type"]))
@pytest.mark.parametrize(
    "silent",
    [
        {"properties": GREETING},
        {"properties": greeting(greeting_id=7)},
        {"properties": greeting(greeting_unique_id="Q10X0W041P")},
        {"properties": greeting(greeting_id=7, greeting_unique_id="Q10X0W041P", welcome_message=False)},
        {"properties": {**greeting(greeting_id=7), "chats": {"welcome_message_source": "ai_agent"}}},
        {"visibility": "agents"},
        {"recipients": "agents"},  # API 3.3
        {"deleted": True},
        {"deleted": True, "text": 7, "elements": 7, "fields": 7},
        {"visibility": "agents", "text": 7, "elements": 7, "fields": 7},
    ],
    ids=str,
)
def test_greetings_notes_and_what_was_deleted_say_nothing(
    event: dict[str, Any], silent: dict[str, Any]
) -> None:
    assert fields_of(event)
    assert fields_of({**event, **silent}) == ()


@pytest.mark.parametrize("event", WORDS, ids=lambda event: str(event["type"]))
@pytest.mark.parametrize(
    "odd",
    ODD,
    ids=str,
)
def test_what_is_odd_silences_nobody(event: dict[str, Any], odd: dict[str, Any]) -> None:
    assert fields_of({**event, **odd}) == fields_of(event)


@pytest.mark.parametrize(
    ("product", "labels"),
    [
        ({"label": "Blue kettle"}, ("T", "Blue kettle")),
        (
            {
                "label": "Kettle",
                "options": [{"option_id": "1", "label": "Blue", "price": "9"}, {"label": "Red"}],
            },
            ("T", "Kettle", "Blue", "Red"),
        ),
        (
            {"options": [{"label": "Blue"}], "addons": [{"addon_type": "price", "currency": "EUR"}]},
            ("T", "Blue"),
        ),
        ({}, ("T",)),
        ({"label": 7, "options": {"label": "Blue"}}, ("T",)),
        (
            {"label": ["L"], "options": [None, "Blue", {"label": {}}, {"label": ""}, {"label": "Red"}]},
            ("T", "Red"),
        ),
    ],
)
def test_labels_of_a_product_and_its_options_are_said(
    product: dict[str, Any], labels: tuple[str, ...]
) -> None:
    assert fields_of(shop(**product)) == labels


@pytest.mark.parametrize("product", ["L", ["L"], 7, None])
def test_an_odd_product_says_nothing(product: Any) -> None:
    assert fields_of(cards({"title": "T", "ecommerce": product})) == ("T",)


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


def test_text_beyond_what_livechat_accepts_is_cut() -> None:
    assert fields_of({"type": "message", "text": "x" * (FIELD_CHARS_MAX + 1)}) == ("x" * FIELD_CHARS_MAX,)
    assert fields_of(cards({"title": "x" * (FIELD_CHARS_MAX + 1)})) == ("x" * FIELD_CHARS_MAX,)


def test_fields_beyond_a_limit_are_left_out() -> None:
    fields = fields_of(cards(*({"title": str(number)} for number in range(FIELDS_MAX + 5))))
    assert fields is not None
    assert len(fields) == FIELDS_MAX


def test_the_largest_documented_rich_message_is_read_to_its_end() -> None:
    buttons = [{"text": f"B{number}"} for number in range(13)]
    element = {"title": "T", "subtitle": "S", "buttons": buttons, "ecommerce": {"label": "L"}}
    assert len(fields_of(cards(*[element] * 10)) or ()) == 160


def test_deep_nesting_is_not_followed() -> None:
    deep: Any = "refund"
    for _ in range(100_000):
        deep = [deep]
    event = {"text": deep, "elements": deep, "fields": deep, "properties": deep, "deleted": deep}
    assert fields_of({**event, "type": "rich_message"}) == ()
    assert fields_of({**event, "type": "filled_form"}) == ()
    assert fields_of({**event, "type": "message"}) is None
    while deep != "refund":  # so that no destructor has to follow it
        (deep,) = deep
