"""Chats over HTTP, without a browser. The application is the real one, on a ledger of the test's own."""

import asyncio
import csv
import io
import re
import sqlite3
from pathlib import Path

import orjson
import pytest
from aiohttp import ClientResponse

from ingest.runtime.clock import now_ms
from tagger.web import streams
from tagger.web.chats import listed, routes
from tagger.web.frame import PAGE
from tests.unit.history.test_ledger import corrected, decided
from tests.unit.web.page import DECISIONS, AClient, a_page

HOSTILE = "=<script>alert(1)</script>\u202e/../\n\"'&amp;"


def history() -> list[bytes]:
    now = now_ms()
    odd = {
        **orjson.loads(decided("odd", at=now - 1_000)),
        "chat_id": HOSTILE,
        "thread_id": HOSTILE,
        "tags": [HOSTILE],
    }
    return [
        decided("A", "Refund", at=now - 5_000, rules=("refund",), offset=1),
        decided("B", at=now - 4_000, outcome="no_match", offset=2),
        decided("C", "Delay", "Refund", at=now - 3_000, rules=("delay",), outcome="parked", offset=3),
        decided("D", at=now - 9 * 86_400_000, offset=4),
        corrected("C", "Refund", "removed", 8),
        orjson.dumps(odd),
    ]


async def ids(client: AClient, query: str) -> list[str]:
    answer = await client.get(f"/chats.json{query}")
    assert answer.status == 200, await answer.text()
    return [chat["thread_id"] for chat in (await answer.json())["chats"]]


async def test_each_filter_finds_its_own_in_every_form(tmp_path: Path) -> None:
    async with a_page(tmp_path, decisions=history()) as client:
        for query, expected in (
            ("", [HOSTILE, "C", "B", "A"]),
            ("?since=all", [HOSTILE, "C", "B", "A", "D"]),
            ("?which=untagged", ["B"]),
            ("?which=tagged&rule=refund", ["A"]),
            ("?which=corrected", ["C"]),
            ("?which=unset", ["C"]),
            ("?tag=Refund", ["C", "A"]),
            ("?tag=Refund&outcome=parked&organization=org", ["C"]),
            ("?chat=D", ["D"]),
            ("?chat=CD", ["D"]),
            ("?tag=nope", []),
        ):
            assert await ids(client, query) == expected, query
            page = await (await client.get(f"/chats{query}")).text()
            assert page.count("data-thread=") == len(expected), query
            table = list(csv.DictReader(io.StringIO(await (await client.get(f"/chats.csv{query}")).text())))
            assert len(table) == len(expected), query


async def test_hostile_names_are_text_in_a_page_and_no_formula_in_a_table(tmp_path: Path) -> None:
    async with a_page(tmp_path, decisions=history()) as client:
        page = await (await client.get("/chats")).text()
        table = await (await client.get("/chats.csv")).text()
        link = re.search(r'href="(/chats/chat\?[^"]*script[^"]*)"', page)
        assert link
        chat = await (await client.get(link[1].replace("&amp;", "&"))).text()
    assert "<script>alert" not in page + chat
    row = next(one for one in csv.DictReader(io.StringIO(table)) if "script" in one["chat_id"])
    assert row["chat_id"] == f"'{HOSTILE}"
    assert "It got " in chat


@pytest.mark.parametrize(
    "path",
    [
        "/chats?which=odd",
        "/chats?before=1",
        "/chats.json?since=x",
        "/chats/live?tag=" + "a" * 1_100,
        "/chats/chat",
        "/chats/chat?chat=" + "a" * 257,
    ],
)
async def test_odd_addresses_are_refused_in_words(path: str, tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.get(path)
        assert (answer.status, "<main" in await answer.text()) == (400, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/chats"),
        ("GET", "/chats.json"),
        ("GET", "/chats.csv"),
        ("GET", "/chats/live"),
        ("GET", "/chats/chat?chat=CA&thread=A"),
        ("POST", "/chats/words"),
    ],
)
async def test_without_the_token_nothing_is_learnt(method: str, path: str, tmp_path: Path) -> None:
    async with a_page(tmp_path, headers={}, decisions=history()) as client:
        nowhere = await client.request(method, "/nowhere")
        answer = await client.request(method, path)
        assert (answer.status, await answer.text()) == (403, await nowhere.text())


async def test_pages_for_programs_lead_to_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "TABLE_ROWS", 7)
    now = now_ms()
    values = [decided(f"{number:02}", at=now - number * 1_000, offset=number) for number in range(20)]
    async with a_page(tmp_path, decisions=values) as client:
        seen, path = [], "/chats.json"
        while path:
            answer = await client.get(path)
            data = await answer.json()
            seen += [chat["thread_id"] for chat in data["chats"]]
            path = data["older"]
            assert ("Link" in answer.headers) == bool(path)
    assert seen == [f"{number:02}" for number in range(20)]


async def test_a_filter_that_nearly_nothing_passes_looks_at_a_part_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed, "LOOKED_AT", 10)
    now = now_ms()
    values = [
        decided(
            f"{number:02}",
            "Refund",
            at=now - number * 1_000,
            offset=number,
            outcome="parked" if number == 35 else "tagged",
        )
        for number in range(40)
    ] + [
        decided(f"p{number:02}", at=now - number * 1_000, offset=100 + number, outcome="parked")
        for number in range(20)
    ]
    async with a_page(tmp_path, decisions=values) as client:
        path, pages = "/chats?tag=Refund&outcome=parked", 0
        page = await (await client.get(path)).text()
        assert "None among the 10 that were looked through" in page
        while "data-thread=" not in page:
            older = re.search(r'href="([^"]+)">Older', page)
            assert older
            page, pages = await (await client.get(older[1].replace("&amp;", "&"))).text(), pages + 1
    assert "C35" in page
    assert pages >= 1


async def next_event(answer: ClientResponse) -> tuple[str, dict[str, object]]:
    last = ""
    while True:
        line = (await answer.content.readline()).decode()
        assert line, "the stream ended before an event came"
        if line.startswith("id: "):
            last = line[4:].strip()
        if line.startswith("data: "):
            return last, orjson.loads(line[6:])


async def put(client: AClient, *values: bytes) -> None:
    past = client.app[PAGE].past
    await past.ledger.write(lambda ledger: ledger.take(DECISIONS, 0, values, 1_000))
    past.filling._wake()


async def test_what_comes_is_sent_as_rows_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TOGETHER_S", 0.01)
    async with a_page(tmp_path, decisions=history()) as client:
        async with client.get("/chats/live?which=tagged") as answer:
            assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["Cache-Control"] == "no-store"
            now = now_ms()
            await put(client, decided("E", at=now, offset=20), decided("F", "Refund", at=now, offset=21))
            last, event = await next_event(answer)
        assert "CF" in str(event["rows"])
        assert "CE" not in str(event["rows"])
        await put(client, decided("G", "Refund", at=now, offset=22))
        async with client.get("/chats/live?which=tagged", headers={"Last-Event-ID": last}) as again:
            _, event = await next_event(again)
        assert (event["count"], "CG" in str(event["rows"])) == (1, True)


async def test_a_stream_whose_ledger_does_not_answer_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer has begun, so no page with an error can follow; the browser opens it again."""

    def fails(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(routes, "_came", fails)
    async with a_page(tmp_path, decisions=history()) as client, client.get("/chats/live?last=0") as answer:
        assert await answer.read() == b"retry: 3000\n\n"


async def test_too_much_at_once_is_left_to_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "LIVE_ROWS", 2)
    async with a_page(tmp_path, decisions=history()) as client, client.get("/chats/live?last=0") as answer:
        assert (await next_event(answer))[1] == {"many": True}


async def test_streams_are_limited_and_end_with_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STREAMS_MAX", 2)
    async with a_page(tmp_path) as client:
        held = [await client.get("/chats/live") for _ in range(2)]
        refused = await client.get("/chats/live")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
        client.app[PAGE].streams.ended.set()
        for answer in held:
            await asyncio.wait_for(answer.read(), 60)
        while client.app[PAGE].streams.count:
            await asyncio.sleep(0.01)


async def test_a_silent_stream_has_a_heartbeat_and_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(streams, "STREAM_S_MAX", 0.05)
    async with a_page(tmp_path) as client:
        assert b": still here" in await (await client.get("/chats/live")).read()


@pytest.mark.parametrize("has_chats", [True, False])
async def test_without_kafka_the_strip_tells_it_and_the_list_only_where_there_is_none(
    has_chats: bool, tmp_path: Path
) -> None:
    async with a_page(tmp_path, decisions=history() if has_chats else ()) as client:
        client.app[PAGE].past.filling.trouble = TimeoutError()
        text = await (await client.get("/chats")).text()
    assert text.count("No decisions are coming in.") == 1
    assert "Live: chats appear" not in text
    assert ("The history cannot be read" in text) != has_chats
