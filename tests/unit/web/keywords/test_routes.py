"""Keywords without a browser: what the ledger has is counted and shown, and nothing else."""

import asyncio
from contextlib import suppress
from pathlib import Path

from ingest.runtime.clock import now_ms
from tests.deadline import DEADLINE_S
from tests.unit.history.test_ledger import corrected, decided
from tests.unit.web.page import AClient, a_page

RULES = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [k, "money <b>back"]
    tests: [match: k, absent: "hello"]
  - {id: late, tag: Late, any: [late], expires: 2020-01-01, tests: [absent: x]}
"""


def decisions() -> list[bytes]:
    now = now_ms()
    return [
        decided("1", "T", at=now - 1_000, offset=1, rules=("refund",)),
        decided("2", at=now - 2_000, offset=2),
        corrected("1", "T", "removed", 9),
    ]


async def counted(client: AClient, query: str = "", until: str = "2 chats ended") -> str:
    """The page, once it says something."""
    text = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            while until not in text:
                text = await (await client.get(f"/keywords{query}")).text()
    assert until in text
    return text


async def test_what_the_ledger_has_is_counted(tmp_path: Path) -> None:
    rules = RULES.replace("tag: Refund", "tag: T")
    async with a_page(tmp_path, rules, decisions=decisions(), counts=True) as client:
        text = await counted(client)
        assert "2 chats ended. <b>50.0 %</b> got a tag; " in text
        assert '<a href="/chats?which=untagged&amp;since=30d">1 got none</a>' in text
        assert "People removed 1 tag and added 0." in text
        assert "money &lt;b&gt;back" in text
        assert "Expired on 2020-01-01" in text
        assert '/change?file=a.yaml&amp;line=5#L5">a.yaml:5</a>' in text
        opened = await counted(client, "?rule=refund")
        assert '<table aria-label="Keywords of the rule refund">' in opened
        assert "all pass" in opened
        assert "1 keyword is in no test." in opened


async def test_a_rule_that_never_matched_opens_with_its_tests(tmp_path: Path) -> None:
    rules = RULES.replace("tag: Refund", "tag: T")
    async with a_page(tmp_path, rules, decisions=decisions(), counts=True) as client:
        assert 'href="/keywords?rule=late#r-late"' in await counted(client)
        opened = await counted(client, "?rule=late")
        assert '<table aria-label="Keywords of the rule late">' in opened
        assert 'Tests<span class="count">1</span>' in opened
        assert "Its " not in opened


async def test_the_same_comes_as_json_and_csv(tmp_path: Path) -> None:
    async with a_page(
        tmp_path, RULES.replace("tag: Refund", "tag: T"), decisions=decisions(), counts=True
    ) as client:
        await counted(client)
        data = await (await client.get("/keywords.json?days=7")).json()
        assert (data["chats"], data["rows"][0]["chats"], data["rows"][0]["removed"]) == (2, 1, 1)
        table = await (await client.get("/keywords.csv")).text()
        assert table.split("\r\n")[1].startswith("refund,,T,1,1,")


async def test_without_decisions_it_says_what_to_do(tmp_path: Path) -> None:
    async with a_page(tmp_path, counts=True) as client:
        text = await counted(client, until="No chat has ended")
        assert "No chat has ended in that time" in text
        assert "Never matched" not in text


async def test_odd_addresses_are_answered(tmp_path: Path) -> None:
    async with a_page(tmp_path, decisions=decisions(), counts=True) as client:
        for query in ("days=-1&sort=%00&rule=%3Cscript%3E", "rule=" + "x" * 5_000, "never=all&days=90"):
            assert (await client.get(f"/keywords?{query}")).status == 200
        for suffix in ("", ".json", ".csv"):  # whether there is such a set, nobody can say without Kafka
            assert (await client.get(f"/keywords{suffix}?set=0123456789ab")).status == 503


async def test_where_no_set_is_in_force_it_says_so(tmp_path: Path) -> None:
    async with a_page(tmp_path, "nothing") as client:
        answer = await client.get("/keywords")
        assert (answer.status, "No keywords are in force" in await answer.text()) == (404, True)
