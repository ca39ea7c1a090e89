"""The webhook of a plain message is read by the shortest way with the same result as by the long one."""

from typing import Any, Final

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.topic import parse
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.threads import fact_reader
from tagger.core.threads.event_text import FIELD_CHARS_MAX
from tagger.core.threads.facts import EventReceived, Fact
from tagger.core.threads.message import plain_message

EVENT: Final = {"id": "T_1", "type": "message", "text": "hello", "author_id": "A", "visibility": "all"}
ID_CHARS: Final = ID_BYTES_MAX // 4


def envelope(event: Any, **changed: Any) -> dict[str, Any]:
    payload = {"chat_id": "C", "thread_id": "T", "event": event}
    return {"action": "incoming_event", "organization_id": "org", "payload": payload} | changed


def long_way(value: bytes) -> Fact:
    """As `skim` without the short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_reader, "plain_message", lambda _: None)
        return fact_reader.skim(None, value)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"visibility": None},
        {"recipients": "all"},
        {"author_id": ""},
        {"text": "é" * FIELD_CHARS_MAX},
        {"id": "x" * ID_CHARS},
        {"properties": None},
        {"properties": {}},
        {"properties": {"0805e283233042b37f460ed8fbf22160": {"string_property": "value"}}},
        {"custom_id": "\N{GRINNING FACE}", "created_at": [1, {"a": None}]},
    ],
)
def test_a_plain_message_is_read(changed: dict[str, Any]) -> None:
    value = orjson.dumps(envelope({**EVENT, **changed}))
    message = plain_message(value)
    assert isinstance(message, EventReceived)
    assert message == long_way(value)


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "system_message"},
        {"type": None},
        {"text": ""},
        {"text": None},
        {"text": "x" * (FIELD_CHARS_MAX + 1)},
        {"id": ""},
        {"id": "x" * (ID_CHARS + 1)},
        {"author_id": "x" * (ID_CHARS + 1)},
        {"author_id": None},
        {"visibility": "agents"},
        {"recipients": "agents"},
        {"deleted": True},
        {"properties": {"lc2": {"welcome_message": True}}},
        {"properties": []},
    ],
)
def test_what_is_no_plain_message_is_left_to_the_long_way(changed: dict[str, Any]) -> None:
    assert plain_message(orjson.dumps(envelope({**EVENT, **changed}))) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[" * 100_000,
        orjson.dumps(envelope(EVENT)).replace(b"hello", b"\xff"),
        orjson.dumps(envelope(EVENT))[:-1],
        orjson.dumps(envelope(EVENT, organization_id="")),
        orjson.dumps(envelope(EVENT, organization_id=None, license_id=7)),
        orjson.dumps(envelope(EVENT, action="incoming_chat")),
        orjson.dumps(envelope(None)),
        b'{"nested": ' + b"[" * 100_000,
    ],
)
def test_a_damaged_record_is_left_to_the_long_way(value: bytes) -> None:
    assert plain_message(value) is None


def test_of_a_field_that_comes_twice_the_last_one_counts_either_way() -> None:
    value = orjson.dumps(envelope(EVENT)).replace(b'"text":"hello"', b'"text":"first","text":"last"')
    message = plain_message(value)
    assert message is not None
    assert message.fields == ("last",)
    assert message == long_way(value)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "all", "agents", "message", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["lc2", "id"]), inner),
    max_leaves=4,
)
_events = st.fixed_dictionaries(
    {},
    optional={name: _values | st.just(like) for name, like in EVENT.items()}
    | dict.fromkeys(("recipients", "deleted", "properties"), _values),
)


@settings(max_examples=300, deadline=None)
@given(_events | _values)
def test_both_ways_read_the_same(event: Any) -> None:
    value = orjson.dumps(envelope(event))
    message = plain_message(value)
    assert message is None or message == long_way(value)
    assert isinstance(parse(value), dict)
