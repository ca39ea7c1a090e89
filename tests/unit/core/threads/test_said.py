"""What counts as said, and who said it: the same from webhooks, from `get_chat`, and from both together."""

from collections.abc import Callable
from typing import Any, Final

import orjson
import pytest

from tagger.core.conversation import Conversation, Said
from tagger.core.partition.protocol import Job
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import conversation_of
from tests.unit.core.partition.driving import begun, counted, read, the_job
from tests.unit.core.partition.log import Log
from tests.webhooks import AGENT, CUSTOMER, get_chat, message

BOT: Final = "5c9871d5372c824cbf22d860a707a578"
UNIQUE: Final = "Q10X0W041P"


@pytest.fixture
def log() -> Log:
    return Log()


def card(event_id: str, **more: Any) -> dict[str, Any]:
    buttons = [{"text": "button", "type": "message", "value": "value", "postback_id": "postback"}]
    element = {"title": "title", "subtitle": "subtitle", "image": {"name": "image.png"}, "buttons": buttons}
    shape = {"type": "rich_message", "template_id": "cards", "elements": [element], "author_id": AGENT}
    return {"id": event_id, **shape, **more}


def form(event_id: str) -> dict[str, Any]:
    fields: list[dict[str, Any]] = [
        {"type": "name", "label": "Name", "answer": "Ida Broken"},
        {"type": "email", "label": "E-mail", "answer": "refund@example.com"},
        {"type": "question", "label": "Why?", "answer": "answer"},
        {"type": "radio", "label": "Which?", "answer": {"id": "0", "label": "choice"}},
        {"type": "checkbox", "label": "What?", "answers": [{"id": "0", "label": "box"}]},
        {"type": "group_chooser", "label": "Where?", "answer": {"id": "2", "group_id": 1, "label": "group"}},
    ]
    return {"id": event_id, "type": "filled_form", "form_id": "1", "author_id": CUSTOMER, "fields": fields}


def lc2(**properties: Any) -> dict[str, Any]:
    return {"lc2": properties}


# Events of one thread, and the texts of those that count, each with its author.
Row = tuple[list[dict[str, Any]], list[tuple[str, str]]]
ROWS: Final[dict[str, Row]] = {
    "a message of the customer": ([message("T_1", "hi")], [("customer", "hi")]),
    "one of an agent": ([message("T_1", "hi", AGENT)], [("agent", "hi")]),
    "one of a bot": ([message("T_1", "hi", BOT)], [("agent", "hi")]),
    "a card": ([card("T_1")], [("agent", "title"), ("agent", "subtitle"), ("agent", "button")]),
    "a form": ([form("T_1")], [("customer", text) for text in ("answer", "choice", "box", "group")]),
    "a welcome message": ([message("T_1", "hi", AGENT, properties=lc2(welcome_message=True))], []),
    "a greeting": ([message("T_1", "hi", AGENT, properties=lc2(greeting_id=7))], []),
    "a greeting with an id of its own": (
        [message("T_1", "hi", AGENT, properties=lc2(greeting_id=7, greeting_unique_id=UNIQUE))],
        [],
    ),
    "a rich greeting": ([card("T_1", properties=lc2(greeting_unique_id=UNIQUE))], []),
    "what the customer answers to a greeting's button": (
        [
            card("T_1", properties=lc2(greeting_id=7, greeting_unique_id=UNIQUE)),
            message("T_2", "button", postback={"id": "postback", "thread_id": "T", "event_id": "T_1"}),
        ],
        [("customer", "button")],
    ),
    "a deleted message": ([message("T_1", "hi", deleted=True), message("T_2", "yo")], [("customer", "yo")]),
    "a deleted message without its text": (
        [{"id": "T_1", "type": "message", "author_id": CUSTOMER, "deleted": True}],
        [],
    ),
    "a deleted card": ([card("T_1", deleted=True)], []),
    "a note": ([message("T_1", "hi", AGENT, visibility="agents")], []),
    "a note of API 3.3": ([message("T_1", "hi", AGENT, recipients="agents")], []),
    "a file": (
        [
            {
                "id": "T_1",
                "type": "file",
                "name": "refund.pdf",
                "author_id": CUSTOMER,
                "alternative_text": "refund",
            }
        ],
        [],
    ),
    "a system message": ([{"id": "T_1", "type": "system_message", "text": "Nora left"}], []),
    "a system event": ([{"id": "T_1", "type": "system", "details": '{"text": "refund"}'}], []),
    "a custom event": ([{"id": "T_1", "type": "custom", "content": {"text": "hi"}, "author_id": AGENT}], []),
    "a form to be filled in": ([{"id": "T_1", "type": "form", "fields": [{"label": "refund"}]}], []),
}


def from_events(events: list[dict[str, Any]]) -> Conversation:
    log = Log()
    log.begins()
    for event in events:
        log.says(event)
    log.ends()
    return the_job(begun(log)).conversation


def from_the_beginning(events: list[dict[str, Any]]) -> Conversation:
    log = Log()
    log.begins(events=tuple(events), properties=lc2(greeting_id=7, greeting_unique_id=UNIQUE))
    log.ends()
    return the_job(begun(log)).conversation


def from_get_chat(events: list[dict[str, Any]]) -> Conversation:
    chat = chat_of("org", get_chat(events=events, properties=lc2(greeting_id=7, greeting_unique_id=UNIQUE)))
    assert isinstance(chat, ChatStarted)
    return conversation_of(chat)


def from_both(events: list[dict[str, Any]]) -> Conversation:
    log = Log()
    for event in events:
        log.says({**event, "deleted": False})
    log.ends()
    partition = begun(log)
    whole = partition.completed(the_job(partition).id, get_chat(events=events), 0)
    assert isinstance(whole, Job)
    return whole.conversation


@pytest.mark.parametrize("source", [from_events, from_the_beginning, from_get_chat, from_both])
@pytest.mark.parametrize(("events", "said"), ROWS.values(), ids=list(ROWS))
def test_the_same_is_said_wherever_it_is_read(
    source: Callable[[list[dict[str, Any]]], Conversation],
    events: list[dict[str, Any]],
    said: list[tuple[str, str]],
) -> None:
    conversation = source(events)
    assert [(one.author, text) for one in conversation.said for text in one.fields] == said
    assert conversation.complete


@pytest.mark.parametrize(
    "users",
    [
        None,
        [],
        {},
        "users",
        [None],
        [{}],
        [{"id": CUSTOMER}],
        [{"id": CUSTOMER, "type": "visitor"}],
        [{"id": "", "type": "customer"}],
        [{"id": [CUSTOMER], "type": "customer"}],
        [{"id": AGENT, "type": "agent"}],
    ],
    ids=str,
)
def test_a_chat_that_does_not_tell_who_the_customer_is_has_no_words_of_agents(users: Any) -> None:
    chat = chat_of(
        "org", {**get_chat(events=(message("T_1", "hi"), message("T_2", "yo", AGENT))), "users": users}
    )
    assert isinstance(chat, ChatStarted)
    conversation = conversation_of(chat)
    assert (conversation.said, conversation.complete) == ((), False)


def test_a_chat_in_which_nobody_said_anything_needs_no_customer() -> None:
    chat = chat_of("org", get_chat(of=[], events=({"type": "system_message", "text": "hi"},)))
    assert isinstance(chat, ChatStarted)
    assert conversation_of(chat).complete


def test_a_chat_without_users_leaves_to_webhooks_who_the_customer_is(log: Log) -> None:
    log.begins(created_at=None)
    log.says(message("T_1", "hi"))
    log.ends()
    partition = begun(log)
    answer = get_chat(of=[], events=(message("T_2", "yo", AGENT),))
    whole = partition.completed(the_job(partition).id, answer, 0)
    assert isinstance(whole, Job)
    assert whole.conversation.said == (Said("T_1", "customer", ("hi",)), Said("T_2", "agent", ("yo",)))
    assert whole.conversation.complete


def test_livechat_is_asked_again_for_a_late_event_of_a_chat_that_told_no_customer(log: Log) -> None:
    log.says(message("T_1", "hi"))
    log.ends()
    partition = begun(log)
    partly = partition.completed(the_job(partition).id, get_chat(of=[], events=(message("T_1", "hi"),)), 0)
    assert isinstance(partly, Job)
    assert (partly.conversation.said, partly.conversation.complete) == ((), False)
    partition.settled(partly.id, frozenset())
    log.says(message("T_2", "late"))
    read(partition, log)
    assert the_job(partition).incomplete == "no_author"


def test_a_copy_of_a_deleted_event_that_comes_late_does_not_count(log: Log) -> None:
    log.says(message("T_1", "seen"))
    log.says(message("other", "seen"))
    log.says(message("T_2", "kept"))
    log.ends()
    partition = begun(log)
    gone = tuple(message(name, "gone", deleted=True) for name in ("T_3", "other", "T_1"))
    whole = partition.completed(the_job(partition).id, get_chat(events=(*gone, message("T_2", "kept"))), 0)
    assert isinstance(whole, Job)
    assert whole.conversation.said == (Said("T_2", "customer", ("kept",)),)
    partition.settled(whole.id, frozenset())
    for name in ("T_1", "T_3", "other"):
        log.says(message(name, "gone"))
    read(partition, log, 3)
    assert partition.jobs(1) == []
    assert counted(partition, "repeated_event") == 3
    log.says(message("T_4", "late"))
    read(partition, log)
    assert the_job(partition).conversation.said == (
        Said("T_2", "customer", ("kept",)),
        Said("T_4", "customer", ("late",)),
    )


def test_deleted_events_beyond_the_limit_make_the_chat_incomplete(log: Log) -> None:
    log.says(message("T_1", "hi"))
    log.ends()
    partition = begun(log)
    gone = tuple(message(f"T_{number}", deleted=True) for number in range(2, 20_000))
    whole = partition.completed(the_job(partition).id, get_chat(events=gone), 0)
    assert isinstance(whole, Job)
    partition.settled(whole.id, frozenset())
    log.says(message("T_20000", "late"))
    read(partition, log)
    assert the_job(partition).incomplete == "limit"


def test_what_was_deleted_is_no_part_of_a_records_text() -> None:
    """The record of the deletion itself may still be there; nothing that it says is kept."""
    chat = get_chat(events=(message("T_1", "secret", deleted=True),))
    assert "secret" not in repr(chat_of("org", orjson.loads(orjson.dumps(chat))))
