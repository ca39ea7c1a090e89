"""Try it over HTTP, without a browser. The application is the real one, and so is the client of LiveChat."""

import html
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.client import Client
from tests.unit.livechat.server import Asked, Server, error
from tests.unit.web.page import AClient, a_page

HOSTILE = (
    "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"' refund \u202egnihtemos\u202c"
)


async def tried(client: AClient, text: str, **fields: str) -> str:
    answer = await client.post("/", data={"text": text, **fields})
    assert answer.status == 200
    return await answer.text()


def shown_in_field(page: str) -> str:
    """What a browser shows in the text field: it drops the first line feed."""
    body = page.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
    return html.unescape(body)


async def test_a_text_gets_its_tags_with_the_rule_and_its_line(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        page = await tried(client, "I want a refund")
    assert "This chat gets 1 tag" in page
    assert '<mark class="found">refund</mark>' in page
    assert "a.yaml:5" in page
    assert shown_in_field(page) == "I want a refund"


@pytest.mark.parametrize(
    "text",
    [
        "Ich möchte eine Rückerstattung",
        "quiero un reembolso",
        "proszę o zwrot pieniędzy",
        "返金をお願いします",
        "أريد استرداد المبلغ",
    ],
)
async def test_every_language_is_answered_and_shown_as_it_is(text: str, tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        page = await tried(client, text)
    assert "This chat gets 1 tag" in page
    assert shown_in_field(page) == text
    assert 'dir="auto"' in page


async def test_a_hostile_text_is_shown_as_text(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        for page in (
            await tried(client, HOSTILE),
            await (await client.post("/parts/try", data={"text": HOSTILE})).text(),
        ):
            assert "<script>alert" not in page
            assert "<img" not in page
            assert page.count("</textarea>") <= 1
            assert "This chat gets 1 tag" in page


async def test_what_was_typed_stays_as_it_was(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        for text in (HOSTILE, "\n\nrefund\n", "  refund", "{{ 7 * 7 }} {% raw %}", ""):
            assert shown_in_field(await tried(client, text)) == text


async def test_the_longest_text_is_answered_and_a_longer_one_says_the_limit(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        assert "This chat gets 1 tag" in await tried(client, ("refund " * 40_000)[: 256 << 10])
        assert "the limit is 256" in await tried(client, "ا" * (130 << 10))


async def test_the_part_for_the_script_has_what_the_page_has(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        part = await (await client.post("/parts/try", data={"text": "refundable"})).text()
        page = await tried(client, "refundable")
    for name in ("copy", "headline", "answer"):
        pattern = re.compile(rf'data-part="{name}">.*?</div>', re.DOTALL)
        assert pattern.findall(part) == pattern.findall(page) != []
    assert "<html" not in part


async def test_nothing_found_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        page = await tried(client, "hello")
    assert "This chat gets no tag" in page
    assert "nothing nearly" in page


async def test_an_example_is_named_by_a_number_never_by_its_text(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        empty = await (await client.get("/")).text()
        assert 'href="/?example=1"' in empty
        assert shown_in_field(await (await client.get("/?example=1")).text()) == "I want a refund"
        for odd in ("0", "2", "x", "١", "9" * 5_000):
            assert (
                "Or take one of these"
                in await (await client.get("/", params={"example": odd[:1_000]})).text()
            )


async def test_the_answer_for_programs_has_the_shape_of_explain(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.post("/try.json", data={"text": "customer: hi\nagent: refund", "by": "agent"})
        data = await answer.json()
        assert (data["tags"], data["chat_id"]) == ([], None)
        assert [no["event_id"] for no in data["rejected"]] == ["2"]
        wrong = await client.post("/try.json", data={"text": "a", "day": "x"})
        assert (wrong.status, await wrong.json()) == (
            422,
            {"problem": "The day is not a date: write it as 2027-03-31."},
        )


async def test_refused_files_are_named_and_nothing_is_decided(tmp_path: Path) -> None:
    async with a_page(tmp_path, "version: 1\nrules: [{id: refund}]\n") as client:
        page = await tried(client, "refund")
        assert "a.yaml:2:9 was refused" in page
        assert "No keywords are in force" in page
        assert (await client.post("/try.json", data={"text": "a"})).status == 422


async def test_without_credentials_it_says_what_is_missing_for_chats(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        assert "give <code>tagger web</code> the credentials" in await (await client.get("/")).text()
        answer = await client.post("/chat", data={"chat": "C1"})
        assert (answer.status, "give <code>tagger web</code> the credentials" in await answer.text()) == (
            502,
            True,
        )


def livechat_with(said: str) -> Any:
    """LiveChat, with one chat."""

    def answer(asked: Asked) -> web.Response:
        if asked.method == "list_archives":
            return web.json_response({"chats": [], "found_chats": 0})
        if asked.body["chat_id"] != "C1":
            return error("not_found", 404)
        events = [{"id": "e1", "type": "message", "author_id": "c1", "text": said}]
        thread = {"id": "T1", "active": False, "created_at": "2026-11-01T10:00:00Z", "events": events}
        if asked.method == "list_threads":
            return web.json_response({"threads": [thread], "found_threads": 1})
        return web.json_response({"id": "C1", "users": [{"id": "c1", "type": "customer"}], "thread": thread})

    return answer


async def test_a_chat_is_fetched_by_two_calls_and_shown_once(tmp_path: Path) -> None:
    async with Server(livechat_with(f"my refund {HOSTILE}")) as server:
        who = ForAll(Fixed(lambda: "access-token"))
        client = Client(who, server.url)
        try:
            async with a_page(tmp_path, livechat=(client, who)) as page:
                answer = await page.post("/chat", data={"chat": " C1 "})
                text = await answer.text()
                assert answer.headers["Cache-Control"] == "no-store"
                for chat, told in (("C2", "LiveChat has no chat C2"), ("x" * 300, "That is not a chat ID")):
                    none = await page.post("/chat", data={"chat": chat})
                    assert (none.status, told in await none.text()) == (502, True)
        finally:
            await client.close()
    assert (answer.status, "This chat gets 1 tag" in text) == (200, True), text
    assert 'my <mark class="found">refund</mark>' in text
    assert "<script>alert" not in text
    assert [(asked.method, asked.body.get("chat_id")) for asked in server.asked] == [
        ("list_threads", "C1"),
        ("get_chat", "C1"),
        ("list_threads", "C2"),
        ("list_archives", None),
    ]
