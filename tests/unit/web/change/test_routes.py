"""Change without a browser: open, check, try, follow, cancel, take away; a pretend process tries."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tagger.web import frame
from tagger.web.frame import BUSY
from tests.deadline import DEADLINE_S
from tests.unit.web.page import RULES, AClient, a_page

OUTCOME: Final = {
    **dict.fromkeys(("gaining", "losing", "changed", "untagged_before", "untagged_after", "newly_tagged"), 1),
    **{"chats": 2, "newly_untagged": 0, "first_ms": 0, "last_ms": 86_400_000, "notes": [], "changes": 1},
    **{"tags": [], "causes": [], "stopped": False, "seconds": 0.1},
    "rows": [
        {
            **{"change": "lost", "tag": "Refund", "organization": "org", "chat_id": "C1", "thread_id": "T1"},
            **{"ended_at_ms": 0, "keyword": "<b>refund", "note": "ignored", "before": ["Refund"]},
        }
    ],
}
# Says what it is given to say, a line for each argument; with "wait" it goes on until it is ended.
PRETEND: Final = """\
import json, sys, time
asked = json.load(sys.stdin)
for line in sys.argv[1:]:
    if line == "wait":
        time.sleep(3600)
    print(json.dumps(sorted(asked)) if line == "asked" else line, flush=True)
"""
DONE: Final = (sys.executable, "-c", PRETEND, json.dumps({"outcome": OUTCOME}))
WAITS: Final = (
    sys.executable,
    "-c",
    PRETEND,
    '{"done": 5, "total": 10, "chats": 3, "gaining": 2, "losing": 1}',
    "wait",
)
REFUND: Final = '  - id: refund\n    tag: Refund\n    any: [refund, rebate]\n    tests: [match: "a rebate"]'


async def posted(client: AClient, path: str = "/change", **fields: str) -> tuple[int, str, str]:
    """Status, text and where it leads."""
    form = {"file": "a.yaml", "rule": "refund", "text": REFUND} | fields
    answer = await client.post(path, data=form, allow_redirects=False)
    return answer.status, await answer.text(), answer.headers.get("Location", "")


async def followed(client: AClient, path: str, until: str) -> str:
    """The page of a trial once it says something."""
    text = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE_S):
            while until not in text:
                text = await (await client.get(path)).text()
    assert until in text
    return text


async def test_a_rule_is_opened_by_its_name_or_by_a_line(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        for query in ("file=a.yaml&rule=refund", "file=a.yaml&line=5"):
            text = await (await client.get(f"/change?{query}")).text()
            assert "a.yaml, lines 3 to 6" in text
            assert '<option value="refund" selected>' in text
            assert "As it is in force" in text
        for query in ("", "file=nothing", "file=a.yaml", "file=a.yaml&rule=nothing&line=x"):
            text = await (await client.get(f"/change?{query}")).text()
            assert "a.yaml, lines 1 to 7" in text


async def test_mistakes_come_back_with_the_text_and_nothing_is_tried(tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=DONE) as client:
        status, text, _ = await posted(client, text=REFUND.replace("tag:", "tags:"))
        assert status == 200
        assert "<title>Change: 1 mistake –" in text
        assert "Unknown key <code>tags</code> in a rule. Did you mean <code>tag</code>?" in text
        assert '<mark class="wrong bad">tags</mark>' in text
        status, text, _ = await posted(client, text=REFUND.replace("a rebate", "nothing"))
        assert (status, "refund should fire, but it did not fire" in text) == (200, True)


async def test_a_trial_has_an_address_and_shows_what_came_of_it(tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=DONE) as client:
        status, _, where = await posted(client)
        assert status == 303
        path = where.partition("#")[0]
        text = await followed(client, path, "Tried on the last 2 chats")
        assert "&lt;b&gt;refund" in text
        assert "<b>refund" not in text
        assert "data-poll" not in text
        assert (await (await client.get(f"{path}.json")).json())["losing"] == 1
        table = await client.get(f"{path}.csv")
        assert table.headers["Content-Disposition"] == 'attachment; filename="chats-that-change.csv"'
        assert "lost,Refund,C1,T1,1970-01-01T00:00:00+00:00,<b>refund,ignored,Refund" in await table.text()


async def test_a_trial_that_runs_is_followed_with_and_without_script_and_cancelled(tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=WAITS) as client:
        _, _, where = await posted(client)
        path = where.partition("#")[0]
        text = await followed(client, path, "3 chats done")
        assert f'<noscript><meta http-equiv="refresh" content="2; url={path}"></noscript>' in text
        assert f'data-poll="/parts{path}"' in text
        assert "+2" in await followed(client, f"/parts{path}", "3 chats done")
        assert (await client.get(f"{path}.json")).status == 404
        assert (await client.get(f"{path}/cancel")).status == 405
        _, _, back = await posted(client, f"{path}/cancel")
        assert back == path
        assert "data-poll" not in await followed(client, path, "Cancelled")


async def test_only_few_are_tried_at_a_time_and_a_new_one_of_a_page_ends_its_last(tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=WAITS) as client:
        first = (await posted(client))[2].partition("#")[0]
        await posted(client)
        status, text, _ = await posted(client)
        assert (status, "Other changes are being tried" in text, "rebate" in text) == (503, True, True)
        status, _, other = await posted(
            client, trial=first.rpartition("/")[2]
        )  # ends that one, and has its place
        assert (status, other != "") == (303, True)
        await followed(client, first, "Cancelled")


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (
            (sys.executable, "-c", PRETEND, '{"problem": "Kafka cannot be reached"}'),
            "Kafka cannot be reached",
        ),
        ((sys.executable, "-c", "raise SystemExit(1)"), "The trial ended before its time"),
        ((sys.executable, "-c", PRETEND, "no json"), "The trial ended before its time"),
        (("/no/such/program",), "The trial ended before its time"),
    ],
)
async def test_a_trial_that_fails_says_why(trial: tuple[str, ...], said: str, tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=trial) as client:
        path = (await posted(client))[2].partition("#")[0]
        assert "Not tried" in await followed(client, path, said)


async def test_a_forgotten_trial_is_said_to_be_gone(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.get("/change/AAAAAAAAAAAAAAAA")
        assert (answer.status, "no longer there" in await answer.text()) == (404, True)


async def test_the_file_and_a_diff_can_be_taken_away_and_nothing_is_written(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.post(
            "/change/file", data={"file": "a.yaml", "rule": "refund", "text": REFUND.replace("\n", "\r\n")}
        )
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a.yaml"'
        changed = await answer.text()
        assert changed == RULES.replace(RULES[RULES.index("  - id") : RULES.index("  - {")], REFUND + "\n")
        status, text, _ = await posted(client, "/change/diff")
        assert status == 200
        assert text.startswith("--- a/a.yaml\n+++ b/a.yaml\n")
        assert "+    any: [refund, rebate]\n" in text
        assert "2 mistakes" in (await posted(client, "/change/file", text="  - id: x"))[1]
    assert (tmp_path / "a.yaml").read_text("utf-8") == RULES


async def test_a_list_of_keywords_becomes_a_rule_and_is_tried(tmp_path: Path) -> None:
    words = "\n".join(f"keyword number {number}" for number in range(300))
    async with a_page(tmp_path, trial=DONE) as client:
        fields = {"file": "+", "rule": "", "text": words, "name": "new.yaml"}
        status, text, _ = await posted(client, **fields)
        assert (status, "Say which tag" in text) == (200, True)
        _, _, where = await posted(client, **fields, tag="Shipping")
        text = await followed(client, where.partition("#")[0], "Tried on")
        assert "The list became one rule with 300 keywords." in text
        assert "- keyword number 299" in text
        for name in ("a.yaml", "../b.yaml", "b.txt", ""):
            assert "Not checked" in (await posted(client, **(fields | {"name": name, "tag": "Shipping"})))[1]


async def test_certain_mistakes_are_mended_on_a_click(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        wrong = REFUND.replace("[refund, rebate]", "\n      - “refund”\n      - “rebate”")
        _, text, _ = await posted(client, text=wrong)
        assert "Apply the safe fixes" in text
        status, text, _ = await posted(client, "/change/fix", text=wrong)
        assert (status, "&#34;refund&#34;" in text) == (200, True)


async def test_a_refused_file_can_be_mended(tmp_path: Path) -> None:
    broken = RULES.replace("tag: Refund", "tags: Refund")
    async with a_page(tmp_path, broken) as client:  # nothing is in force
        text = await (await client.get("/change?file=refused/a.yaml&line=4")).text()
        assert "a.yaml, as refused" in text
        assert "tags: Refund" in text
        status, text, _ = await posted(client, file="refused/a.yaml", rule="", text=broken)
        assert (status, "1 mistake" in text) == (200, True)
        status, text, _ = await posted(client, "/change/file", file="refused/a.yaml", rule="", text=RULES)
        assert (status, text) == (200, RULES)


@pytest.mark.parametrize("path", ["/change", "/parts/change", "/change/file", "/change/diff"])
@pytest.mark.parametrize("file", ["gone.yaml", "refused/gone.yaml", ""])
async def test_a_file_that_is_gone_is_said_to_be_gone_and_the_text_stays(
    path: str, file: str, tmp_path: Path
) -> None:
    async with a_page(tmp_path, trial=DONE) as client:
        status, text, _ = await posted(client, path, file=file, rule="")
        assert (status, "There is no such file any more" in text) == (200, True)
        if path == "/change":
            assert "any: [refund, rebate]" in text


async def test_a_new_file_may_not_have_the_name_of_a_refused_one(tmp_path: Path) -> None:
    async with a_page(tmp_path, RULES.replace("tag: Refund", "tags: Refund")) as client:
        status, text, _ = await posted(client, file="+", rule="", name="a.yaml")
        assert (status, "There is a a.yaml already" in text) == (200, True)


async def test_where_others_keep_the_page_busy_the_text_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame, "COMPUTE_S_MAX", 0.0)
    async with a_page(tmp_path, trial=DONE) as client:
        status, text, _ = await posted(client)
        assert (status, BUSY in text, "any: [refund, rebate]" in text) == (200, True, True)
        answer = await client.get("/change")
        assert (answer.status, BUSY in await answer.text()) == (503, True)


@pytest.mark.parametrize("path", ["/change", "/parts/change", "/change/file", "/change/diff", "/change/fix"])
async def test_odd_forms_are_answered(path: str, tmp_path: Path) -> None:
    async with a_page(tmp_path, trial=DONE) as client:
        for fields in (
            {},
            {"file": "nothing", "rule": "x" * 1_000, "text": "\0\u202e</textarea><script>"},
            {"file": "refused/nothing", "text": "a: [b"},
            {"file": "a.yaml", "rule": "gone", "text": REFUND},
            {
                "file": "a.yaml",
                "rule": "refund",
                "text": "a\n" * 100_000 + "id: b",
                "days": "-1",
                "trial": "x",
            },
        ):
            answer = await client.post(path, data=fields, allow_redirects=False)
            assert answer.status in {200, 303}
            assert "<script>" not in await answer.text()
