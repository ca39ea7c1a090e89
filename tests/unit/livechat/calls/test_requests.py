"""What is sent for each call, and what answers mean: tables over (type, status) and over broken bodies."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.livechat.calls import requests
from tagger.livechat.calls.error_types import ALL, DOCUMENTED
from tagger.livechat.calls.requests import (
    ANSWER_BYTES_MAX,
    RETRY_AFTER_S_MAX,
    Call,
    Done,
    Refused,
    Wait,
    read,
)

TAG = requests.tag_thread("PJ0MRSHTDG", "K600PKZON8", "Refund")
CHAT = requests.get_chat("PJ0MRSHTDG", "K600PKZON8")
EVERY_CALL = [
    TAG,
    CHAT,
    requests.untag_thread("c", "t", "Refund"),
    requests.list_threads("c"),
    requests.list_threads("c", page_id="p"),
    requests.list_archives(0, 3_600_000),
    requests.list_archives(0, 1, page_id="p"),
    requests.list_tags(),
    requests.create_tag("Refund"),
    requests.register_webhook("incoming_chat", "https://example.com/hook", "s", "client", "a description"),
    requests.list_webhooks("client"),
    requests.unregister_webhook("w", "client"),
    requests.switch_license_webhooks("client", on=True),
    requests.switch_license_webhooks("client", on=False),
    requests.get_license_webhooks_state("client"),
]
CONFIGURATION = {"list_tags", "create_tag"}


def error(error_type: str, message: str = "in LiveChat's words", data: Any = None) -> bytes:
    return orjson.dumps({"error": {"type": error_type, "message": message, "data": data}})


# Each documented type, and what it is by guess. Which HTTP status it comes with is not published, so the type
# decides with any of them.
BY_TYPE: Mapping[str, type[Wait] | type[Refused]] = {
    "agent_offline": Wait,
    "authentication": Wait,
    "internal": Wait,
    "license_expired": Wait,
    "license_not_found": Wait,
    "misdirected_request": Wait,
    "pending_requests_limit_reached": Wait,
    "request_timeout": Wait,
    "requester_already_offline": Wait,
    "requester_awaiting_approval": Wait,
    "requester_suspended": Wait,
    "seats_limit_exceeded": Wait,
    "service_unavailable": Wait,
    "too_many_requests": Wait,
    "unsupported_version": Wait,
    "users_limit_reached": Wait,
    "wrong_product_version": Wait,
    "already_exists": Refused,
    "authorization": Refused,
    "chat_anonymized": Refused,
    "chat_inactive": Refused,
    "customer_banned": Refused,
    "entity_too_large": Refused,
    "greeting_not_found": Refused,
    "group_not_found": Refused,
    "group_offline": Refused,
    "group_unavailable": Refused,
    "groups_offline": Refused,
    "limit_reached": Refused,
    "missing_access": Refused,
    "not_allowed": Refused,
    "not_found": Refused,
    "ownership_transfer": Refused,
    "transfer_ownership": Refused,
    "validation": Refused,
}
STATUSES = (200, 400, 401, 403, 404, 409, 422, 429, 500, 503)


def test_the_table_names_every_documented_type() -> None:
    assert set(BY_TYPE) == set(DOCUMENTED)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("error_type", BY_TYPE)
def test_the_type_decides_whatever_the_status(error_type: str, status: int) -> None:
    answer = read(CHAT, status, {}, error(error_type))
    assert isinstance(answer, BY_TYPE[error_type])
    assert answer.error_type == error_type
    assert answer.why == ALL[error_type].why


@pytest.mark.parametrize("error_type", ["brand_new", "", "Robert'); DROP TABLE", "smith@example.com"])
def test_an_undocumented_type_waits_and_is_not_repeated(error_type: str) -> None:
    answer = read(TAG, 400, {}, error(error_type))
    assert answer == Wait(ALL["undocumented"].why, "undocumented")


@pytest.mark.parametrize(
    ("status", "kind", "error_type"),
    [
        (301, Wait, "redirected"),
        (302, Wait, "redirected"),
        (400, Refused, "validation"),
        (401, Wait, "authentication"),
        (403, Refused, "authorization"),
        (404, Refused, "http_client_error"),
        (405, Refused, "http_client_error"),
        (408, Wait, "request_timeout"),
        (409, Refused, "http_client_error"),
        (413, Refused, "entity_too_large"),
        (421, Wait, "misdirected_request"),
        (422, Refused, "validation"),
        (429, Wait, "too_many_requests"),
        (500, Wait, "http_server_error"),
        (502, Wait, "http_server_error"),
        (503, Wait, "service_unavailable"),
        (504, Wait, "request_timeout"),
        (599, Wait, "http_server_error"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"[]", b'{"error": "text"}', b'{"error": {"type": 7}}']
)
def test_the_status_decides_where_the_body_names_no_type(
    status: int, kind: type[Wait] | type[Refused], error_type: str, body: bytes
) -> None:
    for call in (TAG, CHAT):
        answer = read(call, status, {}, body)
        assert isinstance(answer, kind)
        assert answer.error_type == error_type


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "not_json"),
        (403, "not_json"),
        (404, "not_json"),
        (401, "authentication"),
        (429, "too_many_requests"),
        (503, "service_unavailable"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"<html><body>Forbidden", b"page not found", error("validation")[:20], b"\xff\xfe", b"NaN"]
)
def test_what_is_no_json_says_nothing_against_the_call(status: int, error_type: str, body: bytes) -> None:
    answer = read(TAG, status, {}, body)
    assert isinstance(answer, Wait)
    assert answer.error_type == error_type


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b" \n", b"null", b'{"more": "than documented"}', b"OK", b"{", b"x" * (ANSWER_BYTES_MAX + 1)],
)
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_call_without_a_payload_asks_for_the_status_only(status: int, body: bytes) -> None:
    assert read(TAG, status, {}, body) == Done()


def test_a_page_for_people_is_no_answer_of_the_api() -> None:
    answer = read(TAG, 200, {}, b"\n<!doctype html><title>Maintenance</title>")
    assert answer == Wait(ALL["not_json"].why, "not_json")


def test_an_error_in_a_success_is_an_error() -> None:
    assert isinstance(read(TAG, 200, {}, error("validation")), Refused)


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
    assert answer == Wait(ALL["wrong_shape"].why, "wrong_shape")


@pytest.mark.parametrize("body", [b"", b" ", b"<html>", b'{"id": "PJ0MRS', b"[" * 3000, b'{"id": NaN}'])
def test_a_chat_that_is_no_json_is_asked_for_again(body: bytes) -> None:
    answer = read(CHAT, 200, {}, body)
    assert answer == Wait(ALL["not_json"].why, "not_json")


def test_a_chat_too_large_for_memory_is_refused() -> None:
    answer = read(CHAT, 200, {}, b" " * (ANSWER_BYTES_MAX + 1))
    assert answer == Refused(ALL["answer_too_large"].why, "answer_too_large")


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
    assert answer == (Done(value) if fits else Wait(ALL["wrong_shape"].why, "wrong_shape"))


@pytest.mark.parametrize(
    ("call", "error_type", "message", "done"),
    [
        (TAG, "already_exists", "", True),
        (TAG, "validation", "Thread is already tagged", True),
        (TAG, "not_allowed", "tag ALREADY set", True),
        (TAG, "validation", "`tag` is required", False),
        (TAG, "not_found", "already gone", False),
        (requests.unregister_webhook("w", "c"), "not_found", "", True),
        (requests.unregister_webhook("w", "c"), "validation", "already", False),
        (requests.create_tag("Refund"), "already_exists", "", False),
        (CHAT, "already_exists", "already", False),
    ],
)
def test_what_is_so_already_is_done(call: Call, error_type: str, message: str, done: bool) -> None:
    assert (read(call, 400, {}, error(error_type, message)) == Done()) is done


@pytest.mark.parametrize(
    ("data", "region", "seconds"),
    [
        ({"region": "fra"}, "fra", 0.0),
        ({"region": "fra-a"}, "fra-a", 0.0),
        ({}, None, None),
        (None, None, None),
        ([], None, None),
        ({"region": 7}, None, None),
        ({"region": ""}, None, None),
        ({"region": "x" * 17}, None, None),
        ({"region": "fra\r\nX-Evil: 1"}, None, None),
        ({"region": "żółw"}, None, None),
    ],
)
def test_a_misdirected_call_is_told_its_region(data: Any, region: str | None, seconds: float | None) -> None:
    answer = read(TAG, 421, {}, error("misdirected_request", data=data))
    assert isinstance(answer, Wait)
    assert (answer.region, answer.seconds) == (region, seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, RETRY_AFTER_S_MAX),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Tue, 24 Nov 2026 08:00:30 GMT", "Date": "Tue, 24 Nov 2026 08:00:00 GMT"}, 30.0),
        ({"Retry-After": "Tue, 24 Nov 2026 07:00:00 GMT", "Date": "Tue, 24 Nov 2026 08:00:00 GMT"}, 0.0),
        ({"Retry-After": "Tue, 24 Nov 2026 08:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    answer = read(TAG, 429, headers, b"")
    assert isinstance(answer, Wait)
    assert answer.seconds == seconds


@pytest.mark.parametrize("call", EVERY_CALL, ids=lambda call: call.method)
def test_a_call_goes_to_its_documented_path(call: Call) -> None:
    api = "configuration" if call.method in CONFIGURATION or "webhook" in call.method else "agent"
    assert call.path == f"{api}/action/{call.method}"
    orjson.dumps(call.body)


def test_archives_are_asked_for_by_instants_with_microseconds() -> None:
    body = requests.list_archives(1_764_000_000_123, 1_764_000_060_000, limit=10).body
    assert body == {
        "filters": {"from": "2025-11-24T16:00:00.123000+00:00", "to": "2025-11-24T16:01:00.000000+00:00"},
        "limit": 10,
        "sort_order": "asc",
    }


def test_a_later_page_names_nothing_but_its_page() -> None:
    assert requests.list_archives(0, 1, page_id="p").body == {"page_id": "p"}


@pytest.mark.parametrize("call", EVERY_CALL, ids=lambda call: call.method)
def test_a_call_shows_no_content(call: Call) -> None:
    assert repr(call) == f"Call(method={call.method!r}, path={call.path!r})"


CONTENT = "my card number is 4111"


@given(
    st.sampled_from(EVERY_CALL),
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.just(CONTENT),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["error", "type", "message", "data", "region", "id", "thread", "users", CONTENT]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(orjson.dumps),
    ),
    st.dictionaries(st.sampled_from(["Retry-After", "Date", "X"]), st.text(max_size=30), max_size=3),
)
def test_any_answer_is_read_as_a_value_that_shows_no_content(
    call: Call, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = read(call, status, headers, body)
    assert isinstance(answer, Done | Wait | Refused)
    assert CONTENT not in repr(answer)
    if not isinstance(answer, Done):
        assert answer.error_type in ALL
