"""What the simulated API does where nothing goes wrong."""

from typing import Any

import pytest

from tests.unit.simulator.conftest import Account
from tests.unit.simulator.livechat.test_server import GET_CHAT, TAG_THREAD, tag_body


async def test_an_ended_thread_is_tagged_and_untagged(account: Account) -> None:
    thread = account.ended_chat()
    assert await account.call(TAG_THREAD, tag_body(thread)) == (200, None)
    assert thread.tags == ["Refund"]
    assert await account.call("agent/action/untag_thread", tag_body(thread)) == (200, None)
    assert thread.tags == []


async def test_the_tag_of_one_thread_is_not_on_the_next_one_of_the_chat(account: Account) -> None:
    first = account.ended_chat()
    second = account.ended_chat(chat_id=first.chat.id)
    await account.call(TAG_THREAD, tag_body(first))
    assert (first.tags, second.tags) == (["Refund"], [])
    assert (first.next_thread_id, second.previous_thread_id) == (second.id, first.id)


@pytest.mark.parametrize(
    "body", [{}, {"chat_id": "X", "thread_id": "Y"}, {"chat_id": 1, "thread_id": 2, "tag": 3}]
)
async def test_a_tag_needs_a_chat_a_thread_and_a_name(account: Account, body: dict[str, object]) -> None:
    assert (await account.call(TAG_THREAD, body))[1]["error"]["type"] == "validation"


@pytest.mark.parametrize("missing", ["chat_id", "thread_id"])
async def test_an_unknown_chat_or_thread_is_not_found(account: Account, missing: str) -> None:
    body = tag_body(account.ended_chat()) | {missing: "NOSUCHTHNG"}
    assert (await account.call(TAG_THREAD, body))[1]["error"]["type"] == "not_found"


async def test_tags_are_looked_up_by_case_and_created_regardless_of_it(account: Account) -> None:
    thread = account.ended_chat()
    assert (await account.call(TAG_THREAD, tag_body(thread, "refund")))[0] == 400
    _, answer = await account.call("configuration/action/create_tag", {"name": "REFUND", "group_ids": [0]})
    assert answer["error"]["type"] == "already_exists"


@pytest.mark.parametrize(("error_type", "status"), [("not_found", 404), (None, 200)])
async def test_what_becomes_of_an_unknown_tag_can_be_chosen(
    account: Account, error_type: str | None, status: int
) -> None:
    account.organization.unknown_tag = error_type
    assert (await account.call(TAG_THREAD, tag_body(account.ended_chat(), "Unknown")))[0] == status


async def test_a_tag_and_a_thread_must_share_a_group(account: Account) -> None:
    thread = account.ended_chat(group_ids=(3,))
    assert (await account.call(TAG_THREAD, tag_body(thread)))[0] == 403
    await account.call("configuration/action/create_tag", {"name": "Sales", "group_ids": [3, 4]})
    assert (await account.call(TAG_THREAD, tag_body(thread, "Sales")))[0] == 200


async def test_tags_are_listed_with_their_groups(account: Account) -> None:
    await account.call("configuration/action/create_tag", {"name": "Sales", "group_ids": [3]})
    _, tags = await account.call("configuration/action/list_tags")
    assert {tag["name"]: tag["group_ids"] for tag in tags} == {"Refund": [0], "Billing": [0], "Sales": [3]}


async def test_get_chat_shows_the_named_thread_or_the_last(account: Account) -> None:
    first = account.ended_chat()
    second = account.ended_chat(chat_id=first.chat.id)
    _, chat = await account.call(GET_CHAT, {"chat_id": first.chat.id})
    assert chat["thread"]["id"] == second.id
    _, chat = await account.call(GET_CHAT, {"chat_id": first.chat.id, "thread_id": first.id})
    assert chat["thread"]["id"] == first.id
    assert chat["thread"]["active"] is False
    assert [event["text"] for event in chat["thread"]["events"]] == ["hello"]
    assert [user["type"] for user in chat["users"]] == ["customer", "agent"]


async def test_an_answer_has_the_shape_of_the_version_in_its_address(account: Account) -> None:
    body = {"chat_id": account.ended_chat().chat.id}
    _, newest = await account.call(GET_CHAT, body)
    _, oldest = await account.call(GET_CHAT, body, version="v3.3")
    assert "visibility" in newest["thread"]["events"][0]
    assert "recipients" in oldest["thread"]["events"][0]


async def pages(account: Account, path: str, body: dict[str, object], of: str) -> list[list[dict[str, Any]]]:
    """All pages of a list."""
    found = []
    while True:
        _, answer = await account.call(path, body)
        found.append(answer[of])
        if "next_page_id" not in answer:
            return found
        body = {"page_id": answer["next_page_id"]} | {
            name: body[name] for name in ("chat_id",) if name in body
        }


async def test_archives_come_in_pages_newest_first_and_hold_ended_threads_only(account: Account) -> None:
    ended = [account.ended_chat() for _ in range(7)]
    account.livechat.start_chat(account.organization, ended[0].chat.users)
    found = await pages(account, "agent/action/list_archives", {"limit": 3}, "chats")
    assert [len(page) for page in found] == [3, 3, 1]
    threads = [chat["thread"]["id"] for page in found for chat in page]
    assert sorted(threads) == sorted(thread.id for thread in ended)
    starts = [chat["thread"]["created_at"] for page in found for chat in page]
    assert starts == sorted(starts, reverse=True)


async def test_a_thread_that_ends_between_two_pages_shifts_nothing(account: Account) -> None:
    ended = [account.ended_chat() for _ in range(4)]
    _, first = await account.call("agent/action/list_archives", {"limit": 2})
    account.ended_chat()
    _, second = await account.call("agent/action/list_archives", {"page_id": first["next_page_id"]})
    seen = [chat["thread"]["id"] for page in (first, second) for chat in page["chats"]]
    assert sorted(seen) == sorted(thread.id for thread in ended)


async def test_archives_are_filtered_by_time(account: Account) -> None:
    first, second = account.ended_chat(), account.ended_chat()
    for filters, found in (
        ({"to": first.created_at.isoformat()}, first),
        ({"from": second.created_at.isoformat()}, second),
    ):
        _, answer = await account.call("agent/action/list_archives", {"filters": filters})
        assert [chat["thread"]["id"] for chat in answer["chats"]] == [found.id], filters
        assert answer["found_chats"] == 1


async def test_archives_are_filtered_by_thread(account: Account) -> None:
    ended = [account.ended_chat() for _ in range(3)]
    for wanted in ([ended[1].id], [ended[0].id, ended[2].id, "NOSUCH"], ["NOSUCH"]):
        _, answer = await account.call("agent/action/list_archives", {"filters": {"thread_ids": wanted}})
        found = {chat["thread"]["id"] for chat in answer["chats"]}
        assert found == {thread.id for thread in ended}.intersection(wanted)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": True},
        {"sort_order": "up"},
        {"filters": {"query": "refund"}},  # documented, and not simulated
        {"filters": {"from": "yesterday"}},
        {"filters": {"from": "2026-01-01T00:00:00"}},  # no offset
        {"filters": {"to": 5}},
        {"filters": []},
        {"filters": {"thread_ids": []}},
        {"filters": {"thread_ids": "T"}},
        {"filters": {"thread_ids": ["T"] * 21}},
        {"page_id": "nonsense"},
        {"page_id": "e30=", "limit": 5},
    ],
)
async def test_a_list_that_cannot_be_made_is_a_validation_error(
    account: Account, body: dict[str, object]
) -> None:
    _, answer = await account.call("agent/action/list_archives", body)
    assert answer["error"]["type"] == "validation"


async def test_threads_of_a_chat_come_three_a_page(account: Account) -> None:
    first = account.ended_chat()
    threads = [first] + [account.ended_chat(chat_id=first.chat.id) for _ in range(3)]
    found = await pages(account, "agent/action/list_threads", {"chat_id": first.chat.id}, "threads")
    assert [[thread["id"] for thread in page] for page in found] == [
        [thread.id for thread in threads[:0:-1]],
        [first.id],
    ]
