"""What answers mean: tables over (type, status) and over broken bodies."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.livechat.calls import requests
from tagger.livechat.calls.answers import (
    ANSWER_BYTES_MAX,
    NOT_TAGGED,
    RETRY_AFTER_S_MAX,
    Done,
    Permanent,
    Transient,
    read,
)
from tagger.livechat.calls.error_types import ALL, DOCUMENTED, NO_TAG
from tagger.livechat.calls.requests import Call
from tests.unit.livechat.calls.test_requests import CHAT, EVERY_CALL, TAG


def error(error_type: str, message: str = "in LiveChat's words", data: Any = None) -> bytes:
    return orjson.dumps({"error": {"type": error_type, "message": message, "data": data}})


# Each documented type, and what it is by guess. Which HTTP status it comes with is not published, so the type
# decides with any of them.
BY_TYPE: Mapping[str, type[Transient] | type[Permanent]] = {
    "agent_offline": Transient,
    "authentication": Transient,
    "internal": Transient,
    "license_expired": Transient,
    "license_not_found": Transient,
    "misdirected_request": Transient,
    "pending_requests_limit_reached": Transient,
    "request_timeout": Transient,
    "requester_already_offline": Transient,
    "requester_awaiting_approval": Transient,
    "requester_suspended": Transient,
    "seats_limit_exceeded": Transient,
    "service_unavailable": Transient,
    "too_many_requests": Transient,
    "unsupported_version": Transient,
    "users_limit_reached": Transient,
    "wrong_product_version": Transient,
    "already_exists": Permanent,
    "authorization": Permanent,
    "chat_anonymized": Permanent,
    "chat_inactive": Permanent,
    "customer_banned": Permanent,
    "entity_too_large": Permanent,
    "greeting_not_found": Permanent,
    "group_not_found": Permanent,
    "group_offline": Permanent,
    "group_unavailable": Permanent,
    "groups_offline": Permanent,
    "limit_reached": Permanent,
    "missing_access": Permanent,
    "not_allowed": Permanent,
    "not_found": Permanent,
    "ownership_transfer": Permanent,
    "transfer_ownership": Permanent,
    "validation": Permanent,
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
    assert answer == Transient(ALL["undocumented"].why, "undocumented")


@pytest.mark.parametrize(
    ("status", "kind", "error_type"),
    [
        (301, Transient, "redirected"),
        (302, Transient, "redirected"),
        (400, Permanent, "validation"),
        (401, Transient, "authentication"),
        (403, Permanent, "authorization"),
        (404, Permanent, "http_client_error"),
        (405, Permanent, "http_client_error"),
        (408, Transient, "request_timeout"),
        (409, Permanent, "http_client_error"),
        (413, Permanent, "entity_too_large"),
        (421, Transient, "misdirected_request"),
        (422, Permanent, "validation"),
        (429, Transient, "too_many_requests"),
        (500, Transient, "http_server_error"),
        (502, Transient, "http_server_error"),
        (503, Transient, "service_unavailable"),
        (504, Transient, "request_timeout"),
        (599, Transient, "http_server_error"),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b"[]", b'{"error": "text"}', b'{"error": {"type": 7}}']
)
def test_the_status_decides_where_the_body_names_no_type(
    status: int, kind: type[Transient] | type[Permanent], error_type: str, body: bytes
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
    assert isinstance(answer, Transient)
    assert answer.error_type == error_type


@pytest.mark.parametrize("body", [b"", b"{}", b" \n", b"null", b'{"more": "than documented"}'])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_call_without_a_payload_asks_for_the_status_only(status: int, body: bytes) -> None:
    assert read(TAG, status, {}, body) == Done()


@pytest.mark.parametrize(
    "body",
    [
        b"\n<!doctype html><title>Maintenance</title>",
        b"upstream connect error",
        b"{",
        b"\xff",
        b"x" * (ANSWER_BYTES_MAX + 1),
    ],
)
def test_what_is_no_json_is_no_answer_of_the_api_whatever_its_status(body: bytes) -> None:
    assert read(TAG, 200, {}, body) == Transient(ALL["not_json"].why, "not_json")


def test_an_error_in_a_success_is_an_error() -> None:
    assert isinstance(read(TAG, 200, {}, error("validation")), Permanent)


@pytest.mark.parametrize("body", [b"", b" ", b"<html>", b'{"id": "PJ0MRS', b"[" * 3000, b'{"id": NaN}'])
def test_a_chat_that_is_no_json_is_asked_for_again(body: bytes) -> None:
    answer = read(CHAT, 200, {}, body)
    assert answer == Transient(ALL["not_json"].why, "not_json")


def test_a_chat_too_large_for_memory_is_refused() -> None:
    answer = read(CHAT, 200, {}, b" " * (ANSWER_BYTES_MAX + 1))
    assert answer == Permanent(ALL["answer_too_large"].why, "answer_too_large")


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
    ("call", "error_type", "message", "is_missing"),
    [
        (TAG, "validation", "Tag does not exist", True),
        (TAG, "validation", "tag `%s` doesn't exist", True),
        (TAG, "not_found", "Tag not found", True),
        (TAG, "not_allowed", "unknown tag: %s", True),
        (TAG, "validation", "Could not find a tag", True),
        (TAG, "not_found", "Thread not found", False),
        (TAG, "not_found", "Chat %s not found", False),
        (TAG, "validation", "`tag` is required", False),
        (TAG, "authorization", "Tag and thread share no group", False),
        (TAG, "internal", "tag not found", False),
        (CHAT, "validation", "tag does not exist", False),
    ],
)
def test_a_tag_that_does_not_exist_is_called_so(
    call: Call, error_type: str, message: str, is_missing: bool
) -> None:
    """The type stays LiveChat's; the message may quote the tag, which then says nothing."""
    quoted = message.replace("%s", TAG.body["tag"])
    answer = read(call, 400, {}, error(error_type, quoted))
    assert isinstance(answer, Permanent | Transient)
    assert answer.error_type == error_type
    assert (answer.why == NO_TAG) is is_missing


@pytest.mark.parametrize(
    ("error_type", "message", "answered"),
    [
        ("not_found", "Tag not found", NOT_TAGGED),
        ("validation", "The thread is not tagged with %s", NOT_TAGGED),
        ("not_found", "Chat not found", "not_found"),
        ("authorization", "Tag not found", "authorization"),
    ],
)
def test_a_tag_to_remove_that_is_not_there_is_told_from_a_chat_that_is_not(
    error_type: str, message: str, answered: str
) -> None:
    untag = requests.untag_thread("C", "T", "Refund")
    answer = read(untag, 400, {}, error(error_type, message.replace("%s", "Refund")))
    assert answer == Permanent(ALL[answered].why, answered)


def test_a_tag_whose_name_says_that_it_is_missing_is_not_taken_at_its_word() -> None:
    odd = requests.tag_thread("C", "T", "tag not found")
    answer = read(
        odd, 400, {}, error("validation", "`tag not found`: the thread has 50 tags, which is the most")
    )
    assert answer == Permanent(ALL["validation"].why, "validation")


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
    assert isinstance(answer, Transient)
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
    assert isinstance(answer, Transient)
    assert answer.seconds == seconds


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
    assert isinstance(answer, Done | Transient | Permanent)
    assert CONTENT not in repr(answer)
    if not isinstance(answer, Done):
        assert answer.error_type in ALL
