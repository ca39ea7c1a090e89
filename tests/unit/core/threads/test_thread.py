"""The events of one thread, in any order, with any repeats, as a conversation."""

import itertools
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.core.conversation import Author, Said, ThreadKey
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted, Event
from tagger.core.threads.thread import AUTHORS_MAX, Thread, conversation_of
from tests.unit.core.partition.log import START_MS
from tests.webhooks import AGENT, CUSTOMER, get_chat, message

KEY: Final = ThreadKey("org", "C", "T")


def a_thread(thread_id: str = "T") -> Thread:
    return Thread(("org", "C"), thread_id, 0, START_MS, 0)


def started(**changed: Any) -> ChatStarted:
    plain = ChatStarted(*KEY, START_MS, True, (), (CUSTOMER,), None, (), 0)
    return plain._replace(**changed)


IDS: Final = st.sampled_from(["T_1", "T_2", "T_", "T", "_1", "1", "TT_1", "é", "a b", "e\x00"]) | st.text(
    min_size=1
)
TEXTS: Final = st.text(min_size=1, max_size=20)
EVENTS: Final = st.lists(
    st.tuples(IDS, st.sampled_from([CUSTOMER, AGENT, ""]), st.lists(TEXTS, min_size=1, max_size=3))
)


@given(EVENTS)
def test_what_goes_in_comes_out_once(events: list[tuple[str, str, list[str]]]) -> None:
    thread = a_thread()
    thread.begin(started())
    first: dict[str, Said | None] = {}  # None: nobody said it
    for event_id, author_id, fields in events:
        author: Author = "customer" if author_id == CUSTOMER else "agent"
        said = Said(event_id, author, tuple(fields)) if author_id else None
        assert bool(thread.add(event_id, author_id, tuple(fields))) == (event_id not in first)
        first.setdefault(event_id, said)
    conversation = thread.conversation(complete=True)
    assert conversation.said == tuple(filter(None, first.values()))
    assert conversation.complete == (None not in first.values())


@given(EVENTS)
def test_the_size_grows_by_what_is_said_of_it(events: list[tuple[str, str, list[str]]]) -> None:
    thread = a_thread()
    size = thread.size()
    size += thread.begin(started(tags=("Refund",)))[1]
    for event_id, author_id, fields in events:
        size += thread.add(event_id, author_id, tuple(fields))
    assert thread.size() == size


@pytest.mark.parametrize("order", list(itertools.permutations(["begin", "first", "second"])))
def test_who_is_the_customer_may_become_known_after_what_they_said(order: tuple[str, ...]) -> None:
    thread = a_thread()
    for step in order:
        if step == "begin":
            thread.begin(started())
        else:
            thread.add(f"T_{step}", CUSTOMER if step == "first" else AGENT, (step,))
    said = {said.fields: said.author for said in thread.conversation(complete=True).said}
    assert said == {("first",): "customer", ("second",): "agent"}


@pytest.mark.parametrize("complete", [True, False])
def test_where_nobody_tells_who_the_customer_is_nobodys_words_are_the_agents(complete: bool) -> None:
    thread = a_thread()
    for author in (AGENT, "0123abcd", ""):
        thread.add(author or "nobody", author, ("hi",))
    conversation = thread.conversation(complete=complete)
    assert (conversation.said, conversation.complete) == ((), False)


def test_what_nobody_said_is_neither_the_customers_nor_the_agents() -> None:
    thread = a_thread()
    thread.begin(started())
    thread.add("T_1", CUSTOMER, ("hi",))
    thread.add("T_2", "", ("yo",))
    conversation = thread.conversation(complete=True)
    assert (conversation.said, conversation.complete) == ((Said("T_1", "customer", ("hi",)),), False)


def test_authors_beyond_a_limit_are_agents() -> None:
    thread = a_thread()
    thread.begin(started())
    for number in range(AUTHORS_MAX + 5):
        thread.add(str(number), f"{number}@x", ("hi",))
    thread.add("last", CUSTOMER, ("hi",))
    said = thread.conversation(complete=True).said
    assert [one.author for one in said] == ["agent"] * (AUTHORS_MAX + 5) + ["customer"]
    assert len(thread.authors) == AUTHORS_MAX


def test_groups_and_tags_are_those_the_thread_began_with() -> None:
    thread = a_thread()
    thread.begin(started(group_ids=(1, 3), tags=("Refund",)))
    thread.begin(started(group_ids=(9,), tags=("Other",)))
    conversation = thread.conversation(complete=True)
    assert (conversation.group_ids, conversation.tags) == (frozenset({1, 3}), frozenset({"Refund"}))
    assert conversation.thread == KEY


def test_groups_that_livechat_never_named_are_unknown() -> None:
    assert a_thread().conversation(complete=True).group_ids is None


@pytest.mark.parametrize(
    ("changed", "complete_since_ms", "why"),
    [
        ({}, 0, None),
        ({}, START_MS, None),
        ({}, START_MS + 1, "before_complete_since"),
        ({}, None, "before_complete_since"),
        ({"created_at_ms": None}, 0, "no_created_at"),
        ({"customers": ()}, 0, "no_author"),
    ],
)
def test_a_thread_is_complete_if_its_beginning_was_seen_and_nothing_was_cut(
    changed: dict[str, Any], complete_since_ms: int | None, why: str | None
) -> None:
    thread = a_thread()
    thread.begin(started(**changed))
    thread.add("T_1", CUSTOMER, ("hi",))
    assert thread.missing(complete_since_ms) == why


def test_a_message_of_nobody_makes_the_thread_incomplete() -> None:
    thread = a_thread()
    thread.begin(started())
    thread.add("T_1", "", ("hi",))
    assert thread.missing(0) == "no_author"


def test_a_thread_without_beginning_is_incomplete() -> None:
    thread = a_thread()
    assert thread.missing(0) == "never_seen"
    thread.add("T_1", CUSTOMER, ("hi",))
    assert thread.missing(0) == "no_beginning"


def test_what_livechat_has_is_united_with_what_was_seen_by_event_id() -> None:
    thread = a_thread()
    thread.add("T_2", CUSTOMER, ("seen",))
    chat = chat_of(
        "org", get_chat(events=(message("T_1"), message("T_2", "edited"), message("T_3"), message("T_3")))
    )
    assert isinstance(chat, ChatStarted)
    assert [event.event_id for event in thread.unite(chat)] == ["T_1", "T_3"]
    assert thread.missing(None) is None
    assert thread.conversation(complete=True).said == (Said("T_2", "customer", ("seen",)),)


def test_a_chat_of_the_api_is_a_conversation_by_itself() -> None:
    chat = chat_of(
        "org", get_chat(events=(message("T_1", "hi"), message("T_1", "again"), message("T_2", "yo", AGENT)))
    )
    assert isinstance(chat, ChatStarted)
    conversation = conversation_of(chat)
    assert conversation.said == (Said("T_1", "customer", ("hi",)), Said("T_2", "agent", ("yo",)))
    assert conversation.complete
    assert not conversation_of(chat._replace(odd_events=1)).complete


def test_news_of_a_beginning_is_told_once() -> None:
    thread = a_thread()
    assert thread.begin(started()) == (True, thread.size() - a_thread().size())
    assert thread.begin(started()) == (False, 0)
    assert thread.begin(started(customers=("another",)))[0]


def test_initial_events_are_left_to_the_caller() -> None:
    thread = a_thread()
    thread.begin(started(events=(Event("T_1", CUSTOMER, ("hi",)),)))
    assert thread.conversation(complete=True).said == ()


def test_nothing_that_was_said_nor_by_whom_shows_in_a_traceback() -> None:
    thread = a_thread()
    thread.begin(started())
    thread.add("T_1", "agent@example.com", ("secret",))
    assert repr(thread) == "Thread('T', 1 events)"
