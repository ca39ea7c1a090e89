"""The simulated API over HTTP: every documented error and every way to misbehave, as a caller sees it."""

import asyncio

import aiohttp
import pytest

from tagger.simulator.livechat.account import Thread
from tagger.simulator.livechat.errors import ERRORS
from tagger.simulator.livechat.faults import Fault, RateLimit
from tests.deadline import until
from tests.unit.simulator.conftest import Account, Clock, basic

TAG_THREAD, GET_CHAT = "agent/action/tag_thread", "agent/action/get_chat"


def tag_body(thread: Thread, tag: str = "Refund") -> dict[str, str]:
    return {"chat_id": thread.chat.id, "thread_id": thread.id, "tag": tag}


@pytest.mark.parametrize("error_type", sorted(ERRORS))
async def test_every_documented_error_can_be_asked_for_and_nothing_is_applied(
    account: Account, error_type: str
) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault(error_type))
    status, answer = await account.call(TAG_THREAD, tag_body(thread))
    assert (status, answer["error"]["type"]) == (ERRORS[error_type][0], error_type)
    assert answer["error"]["message"]
    assert thread.tags == []


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 422, 429, 500, 503, 504])
async def test_an_error_comes_with_any_status(account: Account, status: int) -> None:
    account.livechat.faults.append(Fault("internal", status=status))
    assert (await account.call(GET_CHAT))[0] == status


@pytest.mark.parametrize(
    ("shape", "status", "content_type"),
    [("html", 503, "text/html"), ("empty", 502, ""), ("not_json", 200, "text/plain")],
)
async def test_answers_that_are_no_json_are_not_applied(
    account: Account, shape: str, status: int, content_type: str
) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault(shape))
    headers = {"Authorization": basic(account.account_id, account.pat)}
    url = f"{account.livechat.url}/{TAG_THREAD}"
    async with account.session.post(url, json=tag_body(thread), headers=headers) as response:
        assert response.status == status
        assert content_type in response.headers.get("Content-Type", "")
    assert thread.tags == []


@pytest.mark.parametrize(("shape", "tags"), [("cut", []), ("lost", ["Refund"])])
async def test_a_connection_can_be_cut_before_and_after_the_tag_is_set(
    account: Account, shape: str, tags: list[str]
) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault(shape))
    with pytest.raises(aiohttp.ClientError):
        await account.call(TAG_THREAD, tag_body(thread))
    assert thread.tags == tags
    assert [call.applied for call in account.livechat.calls] == [bool(tags)]


async def test_a_truncated_answer_is_applied_and_is_no_json(account: Account) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault("truncated"))
    with pytest.raises(ValueError):  # noqa: PT011  # orjson's and json's errors are both one
        await account.call(TAG_THREAD, tag_body(thread))
    assert thread.tags == ["Refund"]


async def test_a_fault_is_over_after_its_times_and_spares_other_methods_organizations_and_tags(
    account: Account,
) -> None:
    thread = account.ended_chat()
    account.livechat.faults += [
        Fault("internal", method="get_chat"),
        Fault("internal", organization="another"),
        Fault("not_found", tag="Billing"),
        Fault("internal", chat_id="another"),
        Fault("service_unavailable", times=2),
    ]
    statuses = [(await account.call(TAG_THREAD, tag_body(thread)))[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert (await account.call(TAG_THREAD, tag_body(thread, "Billing")))[0] == 404


async def test_one_chat_can_be_made_to_fail(account: Account) -> None:
    bad, good = account.ended_chat(), account.ended_chat()
    account.livechat.faults.append(Fault("internal", chat_id=bad.chat.id))
    answers = [await account.call(TAG_THREAD, tag_body(thread)) for thread in (bad, good, bad)]
    assert [status for status, _ in answers] == [500, 200, 500]


async def test_a_share_of_the_calls_fails(account: Account) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault("internal", share=0.5))
    statuses = [(await account.call(GET_CHAT, {"chat_id": thread.chat.id}))[0] for _ in range(60)]
    assert 10 < statuses.count(500) < 50


async def test_a_delayed_answer_comes_later_and_is_the_usual_one(account: Account) -> None:
    thread = account.ended_chat()
    account.livechat.faults.append(Fault(delay_s=0.1))
    headers = {"Authorization": basic(account.account_id, account.pat)}
    timeout = aiohttp.ClientTimeout(total=0.02)
    with pytest.raises(TimeoutError):
        await account.session.post(
            f"{account.livechat.url}/{TAG_THREAD}", json=tag_body(thread), headers=headers, timeout=timeout
        )
    assert (await account.call(TAG_THREAD, tag_body(thread)))[0] == 200


async def test_a_call_that_is_held_is_answered_as_usual_once_it_may_go_on(account: Account) -> None:
    thread, goes_on = account.ended_chat(), asyncio.Event()
    account.livechat.faults.append(Fault(method="tag_thread", until=goes_on))
    held = asyncio.create_task(account.call(TAG_THREAD, tag_body(thread)))
    await until(lambda: account.livechat.in_flight[account.organization.id] == 1)
    assert (await account.call(GET_CHAT, {"chat_id": thread.chat.id}))[0] == 200
    assert not held.done()
    goes_on.set()
    assert (await held)[0] == 200


async def test_retry_after_is_sent_only_where_asked_for(account: Account) -> None:
    headers = {"Authorization": basic(account.account_id, account.pat)}
    url = f"{account.livechat.url}/{GET_CHAT}"
    for retry_after_s, header in ((7.0, "7"), (None, None)):
        account.livechat.faults[:] = [Fault("too_many_requests", retry_after_s=retry_after_s)]
        async with account.session.post(url, json={}, headers=headers) as response:
            assert response.headers.get("Retry-After") == header


async def test_the_hidden_limit_answers_429_and_fills_with_time(account: Account, clock: Clock) -> None:
    body = {"chat_id": account.ended_chat().chat.id}
    account.livechat.limits[account.organization.id] = RateLimit(calls_per_s=2)
    statuses = [(await account.call(GET_CHAT, body))[0] for _ in range(3)]
    assert statuses == [200, 200, 429]
    clock.seconds += 0.5
    statuses = [(await account.call(GET_CHAT, body))[0] for _ in range(2)]
    assert statuses == [200, 429]


async def test_a_request_must_name_the_region_of_its_organization(account: Account) -> None:
    body = {"chat_id": account.ended_chat().chat.id}
    account.organization.region = "fra"
    status, answer = await account.call(GET_CHAT, body)
    assert (status, answer["error"]["data"]) == (421, {"region": "fra"})
    status, _ = await account.call(GET_CHAT, body, **{"X-Region": "fra"})
    assert status == 200


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Basic YTpi", "Bearer", "Bearer nobody", "Digest x", "Basic /w=="]
)
async def test_a_request_without_a_right_token_is_refused(account: Account, header: str) -> None:
    status, answer = await account.call(GET_CHAT, {"chat_id": "X"}, Authorization=header)
    assert (status, answer["error"]) == (401, {"type": "authentication", "message": "Invalid access token"})


async def test_a_token_without_the_scope_is_refused(account: Account) -> None:
    thread = account.ended_chat()
    reader, pat = account.livechat.add_account(account.organization, frozenset({"chats--all:ro"}))
    may = basic(reader.id, pat)
    status, _ = await account.call(GET_CHAT, {"chat_id": thread.chat.id}, Authorization=may)
    assert status == 200
    status, answer = await account.call(TAG_THREAD, tag_body(thread), Authorization=may)
    assert (status, answer["error"]["type"]) == (403, "authorization")


async def test_an_organization_does_not_see_the_chats_of_another(account: Account) -> None:
    thread = account.ended_chat()
    other, pat = account.livechat.add_account(account.livechat.add_organization())
    status, _ = await account.call(GET_CHAT, {"chat_id": thread.chat.id}, Authorization=basic(other.id, pat))
    assert status == 404


@pytest.mark.parametrize(
    ("path", "version", "error_type"),
    [
        (GET_CHAT, "v3.1", "unsupported_version"),
        ("agent/action/no_such_action", "v3.6", "not_found"),
        (GET_CHAT, "v3.6", "validation"),  # no chat_id
    ],
)
async def test_a_request_for_nothing_we_know_is_refused(
    account: Account, path: str, version: str, error_type: str
) -> None:
    _, answer = await account.call(path, version=version)
    assert answer["error"]["type"] == error_type


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(account: Account, body: bytes) -> None:
    headers = {"Authorization": basic(account.account_id, account.pat)}
    async with account.session.post(
        f"{account.livechat.url}/{GET_CHAT}", data=body, headers=headers
    ) as response:
        assert (await response.json())["error"]["type"] == "validation"


async def test_every_call_is_written_down_with_what_it_asked_for(account: Account) -> None:
    thread = account.ended_chat()
    await account.call(TAG_THREAD, tag_body(thread))
    await account.call(TAG_THREAD, tag_body(thread, "refund"))
    calls = [
        (call.method, call.thread_id, call.tag, call.outcome, call.applied) for call in account.livechat.calls
    ]
    assert calls == [
        ("tag_thread", thread.id, "Refund", "ok", True),
        ("tag_thread", thread.id, "refund", "validation", False),
    ]
    assert account.livechat.tagged_at == {(thread.id, "Refund"): 1000.0}
