"""A record of the topic, or a LiveChat chat, as facts; no content makes it raise."""

from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.core.threads.fact_reader import chat_of, read
from tagger.core.threads.facts import (
    ChatEnded,
    ChatStarted,
    Event,
    EventReceived,
    Ignored,
    Restricted,
    TagChanged,
    Unreadable,
)
from tests.unit.core.partition.log import webhook
from tests.webhooks import AGENT, CUSTOMER, get_chat, message

SAMPLES: Final = Path(__file__).parents[3] / "samples" / "webhooks"
CHAT, THREAD = "SR3K8WQ1ZM", "SR3K8WQ2NB"
WHO: Final = ("org", "C", "T")
IDA: Final = "5f2d7c1e-90ab-4c36-b8e4-1d7a63f0c285"


def sample(name: str) -> Any:
    return read(None, (SAMPLES / f"{name}.json").read_bytes())


def incoming_chat(chat: Any) -> Any:
    return read(None, webhook("incoming_chat", {"chat": chat}))


def incoming_event(event: Any, **ids: Any) -> Any:
    return read(None, webhook("incoming_event", {"chat_id": "C", "thread_id": "T", **ids, "event": event}))


@pytest.mark.parametrize("version", ["v33", "v34", "v35", "v36"])
def test_a_chat_starts_with_its_users_and_what_was_said_first(version: str) -> None:
    started = sample(f"{version}-incoming_chat")
    assert isinstance(started, ChatStarted)
    assert (started.chat_id, started.thread_id, started.active) == (CHAT, THREAD, True)
    assert started.organization == (
        "11043927" if version == "v33" else "7d1c9b52-3e0f-4a68-8c47-b2f6a90e51d3"
    )
    assert started.created_at_ms == 1_772_442_641_900
    assert started.customers == (IDA,)
    assert started.group_ids == (4,)
    assert started.events == (Event(f"{THREAD}_1", IDA, ("my parcel is late",)),)
    assert (started.tags, started.odd_events) == ((), 0)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "v36-incoming_event-rich_message",
            ("Your parcel 88-1307", "Where should it go?", "Send it back", "Track it"),
        ),
        ("v36-incoming_event-filled_form", ("Not really", "Late delivery", "Damaged")),
        ("v36-incoming_event-file", ()),
        ("v36-incoming_event-system_message", ()),
        ("v36-incoming_event-custom", ()),
    ],
)
def test_an_event_of_each_type_is_received(name: str, fields: tuple[str, ...]) -> None:
    received = sample(name)
    assert isinstance(received, EventReceived)
    assert (received.chat_id, received.thread_id, received.fields) == (CHAT, THREAD, fields)


@pytest.mark.parametrize("version", ["v33", "v34", "v35", "v36"])
def test_a_message_of_each_version_is_received(version: str) -> None:
    received = sample(f"{version}-incoming_event")
    assert isinstance(received, EventReceived)
    assert received.fields
    assert received.author_id
    assert received.event_id


@pytest.mark.parametrize("version", ["v31", "v33", "v34", "v35", "v36"])
def test_a_thread_ends(version: str) -> None:
    ended = sample(f"{version}-chat_deactivated")
    assert isinstance(ended, ChatEnded)
    assert (ended.chat_id, ended.thread_id) == (CHAT, THREAD)


def test_an_envelope_without_owner_belongs_to_nobody() -> None:
    assert sample("v31-chat_deactivated").organization == ""


@pytest.mark.parametrize("version", ["v33", "v34", "v35", "v36"])
@pytest.mark.parametrize(("action", "change"), [("thread_tagged", "added"), ("thread_untagged", "removed")])
def test_a_tag_is_set_or_removed(version: str, action: str, change: str) -> None:
    changed = sample(f"{version}-{action}")
    assert isinstance(changed, TagChanged)
    assert changed[1:] == (CHAT, THREAD, "Refund", change)


@pytest.mark.parametrize(
    ("chat", "thread", "tag", "reason"),
    [
        ("tagger-sample-1", "T", "Refund", "sample"),
        ("C", None, "Refund", "tag_change"),
        ("C", "T", None, "tag_change"),
        ("C", "T", 7, "tag_change"),
        ("C", "T" * 300, "Refund", "tag_change"),
        ("C", "T", "R" * 1_025, "tag_change"),
    ],
)
def test_a_tag_change_that_names_too_little_or_too_much_is_ignored(
    chat: object, thread: object, tag: object, reason: str
) -> None:
    value = webhook("thread_untagged", {"chat_id": chat, "thread_id": thread, "tag": tag})
    assert read(None, value) == Ignored(reason)


def test_every_other_documented_webhook_is_ignored() -> None:
    other = {
        path.stem
        for path in SAMPLES.glob("*.json")
        if not any(
            action in path.stem
            for action in ("incoming_chat", "incoming_event", "chat_deactivated", "tagged")
        )
    }
    assert len(other) >= 13
    assert {name: sample(name) for name in other} == dict.fromkeys(other, Ignored("action"))


@pytest.mark.parametrize(
    "value",
    [
        webhook("incoming_chat", {"chat": get_chat("tagger-sample-T", chat="tagger-sample-1")}),
        webhook("incoming_event", {"chat_id": "tagger-sample-1", "thread_id": "T", "event": message("1")}),
        webhook(
            "incoming_event", {"chat_id": "tagger-sample-1", "thread_id": "T", "event": message("1" * 300)}
        ),
        webhook("incoming_event", {"chat_id": "tagger-sample-1", "thread_id": "T", "event": "odd"}),
        webhook("chat_deactivated", {"chat_id": "tagger-sample-1", "thread_id": "T"}),
    ],
)
def test_samples_that_a_setup_was_tried_out_with_are_ignored(value: bytes) -> None:
    assert read(None, value) == Ignored("sample")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"action":NaN}', "not JSON"),
        (b'{"action":"\\ud800"}', "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b'"incoming_event"', "not an object"),
        (b"{}", "no action"),
        (b'{"action":7,"payload":{}}', "no action"),
        (b'{"action":"incoming_event"}', "no payload"),
        (b'{"action":"incoming_event","payload":[]}', "no payload"),
        (
            b'{"action":"incoming_event","payload":{},"organization_id":[]}',
            "the organization is not a valid id",
        ),
        (
            b'{"action":"incoming_event","payload":{},"organization_id":""}',
            "the organization is not a valid id",
        ),
        (b'{"action":"incoming_event","payload":{},"license_id":"7"}', "the organization is not a valid id"),
        (webhook("incoming_event", {"thread_id": "T", "event": {}}), "no chat_id"),
        (webhook("incoming_event", {"chat_id": "", "thread_id": "T", "event": {}}), "no chat_id"),
        (webhook("incoming_event", {"chat_id": ["C"], "thread_id": "T", "event": {}}), "no chat_id"),
        (webhook("chat_deactivated", {}), "no chat_id"),
        (webhook("incoming_chat", {}), "no chat"),
        (webhook("incoming_chat", {"chat": {"id": 7}}), "no chat"),
    ],
)
def test_what_names_no_chat_is_told_by_the_records_key(value: bytes | None, reason: str) -> None:
    assert read(None, value) == Unreadable(
        reason, *(("org", "") if value and b'"org"' in value else ("", ""))
    )
    assert read(b"org:C", value) == Unreadable(reason, "org", "C")
    assert read(b"nonsense", value) == read(None, value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (webhook("incoming_event", {"chat_id": "C", "event": {}}), "no thread_id"),
        (webhook("incoming_event", {"chat_id": "C", "thread_id": 4, "event": {}}), "no thread_id"),
        (webhook("incoming_event", {"chat_id": "C", "thread_id": "T"}), "no event"),
        (webhook("incoming_event", {"chat_id": "C", "thread_id": "T", "event": [message("1")]}), "no event"),
        (webhook("incoming_event", {"chat_id": "C", "thread_id": "T", "event": message("")}), "odd event"),
        (
            webhook("incoming_event", {"chat_id": "C", "thread_id": "T", "event": {**message("1"), "id": 1}}),
            "odd event",
        ),
        (
            webhook(
                "incoming_event", {"chat_id": "C", "thread_id": "T", "event": {**message("1"), "text": 1}}
            ),
            "odd event",
        ),
        (webhook("chat_deactivated", {"chat_id": "C"}), "no thread_id"),
        (webhook("incoming_chat", {"chat": {"id": "C"}}), "no thread"),
        (webhook("incoming_chat", {"chat": {"id": "C", "thread": {"id": None}}}), "no thread"),
        (
            webhook(
                "incoming_chat", {"chat": {"id": "C", "thread": {"id": "T", "restricted_access": "plan"}}}
            ),
            "events withheld",
        ),
    ],
)
def test_what_names_its_chat_is_told_by_its_value(value: bytes, reason: str) -> None:
    assert read(b"other:chat", value) == Unreadable(reason, "org", "C")


@pytest.mark.parametrize(("author", "read_as"), [(AGENT, AGENT), (None, ""), (7, ""), ({}, ""), ("", "")])
def test_an_author_that_livechat_did_not_name_is_nobody(author: Any, read_as: str) -> None:
    assert incoming_event(message("T_1", "hi", author)) == EventReceived(*WHO, "T_1", read_as, ("hi",))


def test_an_event_that_says_nothing_needs_no_id() -> None:
    assert incoming_event({"type": "file", "name": "a.pdf"}) == EventReceived(*WHO, "", "", ())


@pytest.mark.parametrize(
    ("thread", "changed"),
    [
        ({"created_at": "2023-11-14T22:13:20.500Z"}, {"created_at_ms": 1_700_000_000_500}),
        ({"created_at": "2023-11-14T23:13:20+01:00"}, {"created_at_ms": 1_700_000_000_000}),
        ({"created_at": "2023-11-14T22:13:20"}, {"created_at_ms": 1_700_000_000_000}),
        ({"created_at": "2023-11-14T22:13:20.123456789Z"}, {"created_at_ms": 1_700_000_000_123}),
        ({"created_at": "0001-01-01T00:00:00+23:59"}, {"created_at_ms": -62_135_683_140_000}),
        ({"created_at": "9999-12-31T23:59:59-23:59"}, {"created_at_ms": 253_402_387_139_000}),
        ({"created_at": "yesterday"}, {}),
        ({"created_at": 1_700_000_000}, {}),
        ({"active": False}, {"active": False}),
        ({"active": "no"}, {"active": True}),
        ({"access": {"group_ids": [1, 2, "3", True]}}, {"group_ids": (1, 2)}),
        ({"access": {"group_ids": "all"}}, {}),
        ({"access": []}, {}),
        ({"tags": ["Refund", 7, None]}, {"tags": ("Refund",)}),
        ({"tags": "Refund"}, {}),
        ({"events": [message("1", "a"), {"type": "file"}]}, {"events": (Event("1", CUSTOMER, ("a",)),)}),
        ({"events": [None, message("", "a"), {**message("1"), "text": {}}]}, {"odd_events": 3}),
        ({"events": {"1": message("1")}}, {"odd_events": 1}),
        ({"events": None}, {}),
    ],
)
def test_odd_parts_of_a_thread_are_as_if_missing(thread: dict[str, Any], changed: dict[str, Any]) -> None:
    plain = ChatStarted(*WHO, None, True, (), (CUSTOMER,), None, (), 0)
    chat = get_chat()
    chat["thread"] = {"id": "T", **thread}
    assert incoming_chat(chat) == plain._replace(**changed)


@pytest.mark.parametrize(
    ("users", "customers"),
    [
        (
            [
                {"id": "c", "type": "customer"},
                {"id": "a@x", "type": "agent"},
                {"id": "b", "type": "customer"},
            ],
            ("c", "b"),
        ),
        ([None, {"type": "customer"}, {"id": 7, "type": "customer"}, {"id": "c", "type": ["customer"]}], ()),
        ({"c": {"type": "customer"}}, ()),
        (None, ()),
    ],
)
def test_the_customers_are_the_users_of_that_type(users: Any, customers: tuple[str, ...]) -> None:
    assert incoming_chat({**get_chat(), "users": users}).customers == customers


def test_the_groups_of_the_thread_count_before_those_of_the_chat() -> None:
    chat = get_chat(access={"group_ids": [3]})
    assert incoming_chat({**chat, "access": {"group_ids": [1]}}).group_ids == (3,)
    assert incoming_chat({**get_chat(), "access": {"group_ids": [1]}}).group_ids == (1,)


def test_a_chat_of_the_api_is_read_into_the_same_facts() -> None:
    chat = get_chat(events=(message("T_1", "hi"),), tags=["Refund"])
    assert chat_of("org", chat) == ChatStarted(
        *WHO, None, False, (Event("T_1", CUSTOMER, ("hi",)),), (CUSTOMER,), None, ("Refund",), 0
    )


def test_a_chat_whose_events_the_plan_hides_is_restricted() -> None:
    assert chat_of("org", get_chat(restricted_access="out of plan")) == Restricted("C", "T")


@pytest.mark.parametrize("answer", [None, [], "chat", 7, {}, {"id": "C"}, {"id": "C", "threads": []}])
def test_an_answer_that_is_no_chat_is_unreadable(answer: object) -> None:
    assert isinstance(chat_of("org", answer), Unreadable)


def test_no_repr_shows_what_was_said_or_by_whom() -> None:
    chat = get_chat(events=(message("T_1", "secret words", AGENT),))
    facts = [
        incoming_chat(chat),
        incoming_event(message("T_1", "secret words", AGENT)),
        incoming_chat(chat).events[0],
    ]
    assert "secret" not in repr(facts)
    assert AGENT not in repr(facts)


JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "action payload organization_id license_id chat chat_id thread thread_id event id type text users "
                "events fields elements buttons title answer answers label value properties lc2 created_at access "
                "group_ids tags author_id visibility".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
KINDS: Final = st.sampled_from(["message", "rich_message", "filled_form", "file", None, 3])
EVENTS: Final = st.fixed_dictionaries(
    {}, optional={"type": KINDS, "id": JSON, "text": JSON, "fields": JSON, "elements": JSON}
)


@settings(max_examples=300, deadline=None)
@given(
    action=st.sampled_from(["incoming_chat", "incoming_event", "chat_deactivated", "other"]) | JSON,
    payload=JSON | st.fixed_dictionaries({"chat_id": JSON, "thread_id": JSON, "event": EVENTS | JSON}),
)
def test_no_json_raises(action: Any, payload: Any) -> None:
    read(b"org:C", orjson.dumps({"action": action, "organization_id": "org", "payload": payload}))
    chat_of("org", payload)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(value: bytes) -> None:
    assert isinstance(read(value, value), Unreadable)


LONG: Final = "x" * 257
WIDE: Final = "\N{EURO SIGN}" * 85 + "xx"  # 87 characters, 257 bytes
FITS: Final = "\N{EURO SIGN}" * 85 + "x"


def long_record(place: str, name: str) -> tuple[bytes, tuple[str, str]]:
    """Return a record with this id, and the chat that it names."""
    organization, chat, thread = (
        name if place == part else part for part in ("organization", "chat", "thread")
    )
    ids = {"chat_id": chat, "thread_id": thread}
    said = message(name if place == "event" else "e", author=name if place == "author" else "a")
    value = webhook("incoming_event", {**ids, "event": said}, organization)
    if place == "end":
        value = webhook("chat_deactivated", {"chat_id": chat, "thread_id": name}, organization)
    if place == "beginning":
        value = webhook("incoming_chat", {"chat": {"id": chat, "thread": {"id": name}}}, organization)
    return value, (organization, chat)


@pytest.mark.parametrize("name", [LONG, WIDE])
@pytest.mark.parametrize("place", ["organization", "chat", "thread", "event", "author", "end", "beginning"])
def test_an_id_longer_than_any_of_livechats_makes_the_record_unreadable(place: str, name: str) -> None:
    value, chat = long_record(place, name)
    fact = read(None, value)
    assert isinstance(fact, Unreadable)
    assert fact.reason == "id too long"
    for cut, whole in zip((fact.organization, fact.chat_id), chat, strict=True):
        assert len(cut.encode()) <= 256
        assert whole.startswith(cut)


@pytest.mark.parametrize("place", ["organization", "chat", "thread", "event", "author", "end", "beginning"])
def test_an_id_of_256_bytes_is_one(place: str) -> None:
    value, _ = long_record(place, FITS)
    assert not isinstance(read(None, value), Unreadable)


def test_what_a_key_names_is_cut_as_well() -> None:
    fact = read(f"{LONG}:{WIDE}".encode(), b"{")
    assert fact == Unreadable("not JSON", "x" * 256, FITS)


def test_of_a_chat_what_has_too_long_an_id_is_odd_or_left_out() -> None:
    users = [{"id": LONG, "type": "customer"}, {"id": "c", "type": "customer"}]
    events = (message(LONG), message("1", author=WIDE), message("2"))
    chat = {**get_chat(events=events, tags=[LONG, "Refund"]), "users": users}
    started = chat_of("org", chat)
    assert isinstance(started, ChatStarted)
    assert (started.odd_events, len(started.events), started.customers, started.tags) == (
        2,
        1,
        ("c",),
        ("Refund",),
    )
    assert chat_of("org", {**chat, "id": LONG}) == Unreadable("id too long", "org", "")
