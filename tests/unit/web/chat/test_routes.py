"""A chat over HTTP, without a browser: its words cost one call, on a click, and are kept nowhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.client import Client
from tests.unit.history.test_ledger import corrected, decided
from tests.unit.livechat.server import Asked, Server, error
from tests.unit.web.page import AClient, a_page

HOSTILE = "<script>alert(1)</script>\u202egnihtemos\u202c&amp;"
CHAT = {"chat": "CA", "thread": "A", "organization": "org"}


def livechat_with(said: str) -> Any:
    def answer(asked: Asked) -> web.Response:
        if asked.body.get("thread_id") != "A":
            return error("not_found", 404)
        events = [
            {
                "id": "e1",
                "type": "message",
                "author_id": "c1",
                "text": said,
                "created_at": "2026-11-23T13:52:00Z",
            }
        ]
        thread = {
            "id": "A",
            "active": False,
            "created_at": "2026-11-23T13:50:00Z",
            "events": events,
            "tags": ["Praise"],
        }
        return web.json_response({"id": "CA", "users": [{"id": "c1", "type": "customer"}], "thread": thread})

    return answer


@asynccontextmanager
async def a_page_with(tmp_path: Path, said: str) -> AsyncIterator[tuple[AClient, Server]]:
    at = now_ms()
    history = [
        decided("A", "Delay", at=at, rules=("delay",), offset=None),
        decided("B", at=at, offset=None),
        corrected("A", "Delay", "removed", 7),
    ]
    async with Server(livechat_with(said)) as server:
        who = ForAll(Fixed(lambda: "access-token"))
        client = Client(who, server.url)
        try:
            async with a_page(tmp_path, livechat=(client, who), decisions=history) as page:
                yield page, server
        finally:
            await client.close()


async def test_looking_at_a_chat_costs_no_call_and_its_words_one(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, f"a refund, {HOSTILE}") as (page, server):
        without = await page.get("/chats/chat", params=CHAT)
        assert (without.status, server.asked) == (200, [])
        assert "removed it" in await without.text()
        answer = await page.post("/chats/words", data=CHAT)
        text = await answer.text()
    assert [(asked.method, asked.body) for asked in server.asked] == [
        ("get_chat", {"chat_id": "CA", "thread_id": "A"})
    ]
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert '<mark class="found">refund</mark><a class="ref" href="#m2" aria-label="match 2">2</a>' in text
    assert '<tr role="row" id="m2">' in text
    assert "<script>alert" not in text
    assert "it would also get <b><bdi>Refund</bdi></b>" in text
    assert "13:52" in text
    assert "Praise" in text  # which is on the chat now


async def test_a_chat_for_programs_has_the_shape_of_decisions_show(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, "a refund") as (page, server):
        data = await (await page.get("/chats/chat.json", params=CHAT)).json()
        table = await (await page.get("/chats/chat.csv", params=CHAT)).text()
    assert server.asked == []
    assert (data["chat_id"], data["decisions"][0]["tags"], data["today"]) == ("CA", ["Delay"], None)
    assert [one["change"] for one in data["corrections"]] == ["removed"]
    assert table.splitlines() == [
        "tag,keyword,said_in,rule,file,line,decided",
        'T,k,"event E, character 1",delay,,,then',
    ]


async def test_no_get_fetches_words(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, "a refund") as (page, server):
        answer = await page.get("/chats/words", params=CHAT)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert server.asked == []


async def test_the_longest_words_are_shown(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, ("refund " * 40_000)[: 256 << 10]) as (page, _):
        text = await (await page.post("/chats/words", data=CHAT)).text()
    assert 10 < text.count('<mark class="found">refund') < 3_000


async def test_what_livechat_refuses_is_told_beside_the_decision(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, "a refund") as (page, _):
        answer = await page.post("/chats/words", data={"chat": "CB", "thread": "B"})
        text = await answer.text()
    assert (answer.status, "LiveChat did not give the words" in text) == (502, True)
    assert "It got" in text
    assert "Try again" in text


async def test_without_credentials_words_are_not_offered(tmp_path: Path) -> None:
    async with a_page(tmp_path, decisions=[decided("A", at=now_ms())]) as page:
        for answer in (
            await page.get("/chats/chat", params=CHAT),
            await page.post("/chats/words", data=CHAT),
        ):
            assert (answer.status, "disabled>Show the words" in await answer.text()) == (200, True)


@pytest.mark.parametrize(
    "fields", [{"chat": "nowhere"}, {"chat": "CA", "thread": "B"}, {**CHAT, "organization": "x"}]
)
async def test_a_chat_that_was_not_decided_on_is_not_found(fields: dict[str, str], tmp_path: Path) -> None:
    async with a_page_with(tmp_path, "a refund") as (page, server):
        answer = await page.get("/chats/chat", params=fields)
        assert (answer.status, "There is no decision on this chat" in await answer.text()) == (404, True)
        assert (await page.post("/chats/words", data=fields)).status == 404
    assert server.asked == []


async def test_a_chat_is_found_by_its_id_alone(tmp_path: Path) -> None:
    async with a_page_with(tmp_path, "a refund") as (page, _):
        assert "Delay" in await (await page.get("/chats/chat", params={"chat": "CA"})).text()
