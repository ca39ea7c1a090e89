"""Answers whose content is used have the shape that LiveChat documents, or do not count."""

from typing import Any

import orjson
import pytest

from tagger.livechat.calls import requests
from tagger.livechat.calls.answers import Done, Transient, read
from tagger.livechat.calls.error_types import ALL
from tagger.livechat.calls.requests import Call
from tests.unit.livechat.calls.test_requests import CHAT

GOOD_CHAT = {
    "id": "PJ0MRSHTDG",
    "users": [{"id": "smith@example.com", "type": "agent"}],
    "thread": {"id": "K600PKZON8", "active": True, "events": [{"id": "Q20N9CKRX2_1"}]},
}


@pytest.mark.parametrize(
    "chat",
    [
        GOOD_CHAT,
        GOOD_CHAT | {"a new field": {}},
        GOOD_CHAT | {"users": []},
        GOOD_CHAT | {"thread": {"id": "K600PKZON8", "active": False, "restricted_access": "plan"}},
    ],
)
def test_a_chat_as_documented_is_passed_on(chat: dict[str, Any]) -> None:
    assert read(CHAT, 200, {}, orjson.dumps(chat)) == Done(chat)


@pytest.mark.parametrize(
    "chat",
    [
        [],
        "chat",
        7,
        {},
        GOOD_CHAT | {"id": "another chat"},
        GOOD_CHAT | {"id": 7},
        GOOD_CHAT | {"users": None},
        GOOD_CHAT | {"users": ["smith@example.com"]},
        GOOD_CHAT | {"thread": None},
        GOOD_CHAT | {"thread": []},
        GOOD_CHAT | {"thread": {"id": "another thread", "active": False}},
        GOOD_CHAT | {"thread": {"id": "K600PKZON8"}},
        GOOD_CHAT | {"thread": {"id": "K600PKZON8", "active": "no"}},
        GOOD_CHAT | {"thread": {"id": "K600PKZON8", "active": False, "events": {}}},
        GOOD_CHAT | {"thread": {"id": "K600PKZON8", "active": False, "events": [1]}},
    ],
)
def test_a_chat_of_another_shape_is_asked_for_again(chat: Any) -> None:
    answer = read(CHAT, 200, {}, orjson.dumps(chat))
    assert answer == Transient(ALL["wrong_shape"].why, "wrong_shape")


@pytest.mark.parametrize(
    ("call", "value", "fits"),
    [
        (requests.list_tags(), [], True),
        (requests.list_tags(), [{"name": "support", "group_ids": [0, 42]}], True),
        (requests.list_tags(), [{"name": "support"}], True),
        (requests.list_tags(), {"tags": []}, False),
        (requests.list_tags(), [{"name": 7}], False),
        (requests.list_tags(), [{"name": "support", "group_ids": ["0"]}], False),
        (requests.list_archives(0, 1), {"chats": [], "found_chats": 0}, True),
        (requests.list_archives(0, 1), {"chats": [{"odd": 1}], "next_page_id": "p"}, True),
        (requests.list_archives(0, 1), {"chats": [1]}, False),
        (requests.list_archives(0, 1), {"chats": [], "next_page_id": 7}, False),
        (requests.list_archives(0, 1), [], False),
        (requests.list_threads("c"), {"threads": [{"id": "t", "active": True}]}, True),
        (requests.list_threads("c"), {"threads": [{"id": 7, "active": True}]}, False),
        (requests.register_webhook("a", "u", "s", "c", "d"), {"id": "w"}, True),
        (requests.register_webhook("a", "u", "s", "c", "d"), {}, False),
        (requests.list_webhooks("c"), [{"id": "w", "url": "u", "action": "a"}], True),
        (requests.list_webhooks("c"), [{"id": "w"}], False),
        (requests.get_license_webhooks_state("c"), {"license_webhooks_enabled": True}, True),
        (requests.get_license_webhooks_state("c"), {"license_webhooks_enabled": "yes"}, False),
    ],
)
def test_an_answer_that_is_used_has_its_documented_shape(call: Call, value: Any, fits: bool) -> None:
    answer = read(call, 200, {}, orjson.dumps(value))
    assert answer == (Done(value) if fits else Transient(ALL["wrong_shape"].why, "wrong_shape"))
