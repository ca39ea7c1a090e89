"""Every panel of the dashboard shows something: its queries, asked of a Prometheus that scrapes services.

The services have a good half a minute, and some bad luck in it, so that there is something to see in each.
"""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Final

import aiohttp

from tagger.livechat.calls.price import DOLLARS_PER_1000
from tagger.simulator.play.visitors import RULES, visits
from tagger.simulator.stage.stage import Stage
from tests.deploy.watcher import DEPLOY, SCRAPE_S, a_prometheus
from tests.webhooks import chat_deactivated

DASHBOARD: Final = json.loads((DEPLOY / "grafana/dashboards/livechat-tagger.json").read_text("utf-8"))
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
MARKS: Final = DASHBOARD["annotations"]["list"]
QUERIES: Final = [
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
    *((mark["name"], mark["expr"]) for mark in MARKS),
]
PLAY_S: Final = 15.0


NEVER: Final = "version: 1\nrules:\n  - {id: never, tag: Never, any: [antidisestablishmentarianism]}\n"


def keyword_files(folder: Path) -> Path:
    """Those of the visitors, and a rule that nothing matches."""
    config = shutil.copytree(RULES, folder / "config")
    (config / "never.yaml").write_text(NEVER, "utf-8")
    return config


async def have_bad_luck(stage: Stage) -> None:
    """A tag is deleted, a webhook has a wrong secret, and one chat's beginning was never seen."""
    unlucky, other, *_ = stage.organizations
    for tag in list(unlucky.tags)[:3]:
        del unlucky.tags[tag]
    webhook = chat_deactivated("CHAT", "THREAD", other.id)
    url = f"http://127.0.0.1:{stage.ingest.settings['INGEST_PORT']}/webhooks/livechat"
    async with aiohttp.ClientSession() as session:
        for secret, status in ((stage.secret, 200), ("wrong", 401)):
            async with session.post(url, json=webhook | {"secret_key": secret}) as answer:
                assert answer.status == status


async def test_every_panel_shows_something(prometheus: str, tmp_path: Path) -> None:
    async with (
        Stage(tmp_path, seed=3, pause_s=0.02, config=keyword_files(tmp_path)) as stage,
        a_prometheus(prometheus, tmp_path, stage) as watcher,
    ):
        await stage.play(visits(1, 30), 6)
        await have_bad_luck(stage)
        await stage.play(visits(2, 60), 60 / PLAY_S)
        stage.livechat.access.revoke()
        await stage.play(visits(3, 20), 6)
        await asyncio.sleep(4 * SCRAPE_S)  # for the scrapes to see it
        empty = [
            (title, query)
            for title, query in QUERIES
            if not await watcher.ask(query.replace("$__rate_interval", "30s"))
        ]
        assert empty == []
        assert await watcher.ask("up == 0") == []


def test_an_alert_at_the_top_links_to_its_section_of_the_runbook() -> None:
    (alerts,) = (
        panel for panel in PANELS if "ALERTS{" in panel["targets"][0]["expr"] and panel["type"] == "table"
    )
    tops = sorted({panel["gridPos"]["y"] for panel in PANELS})
    assert alerts["gridPos"]["y"] == tops[1]  # below the row of figures
    links = [
        one["value"]
        for rule in alerts["fieldConfig"]["overrides"]
        for one in rule["properties"]
        if one["id"] == "links"
    ]
    assert [link["url"] for value in links for link in value] == ["${__data.fields.runbook}"]


def test_a_mark_shows_what_it_is_made_of_in_every_release_of_grafana() -> None:
    for mark in MARKS:
        assert mark["target"]["expr"] == mark["expr"]


def test_the_price_is_the_one_that_commands_name() -> None:
    prices = [query for _, query in QUERIES if "/ 1000" in query]
    assert prices
    for query in prices:
        assert f"* {DOLLARS_PER_1000} / 1000" in query


def test_no_panel_lies_on_another() -> None:
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_a_panel_says_what_it_shows() -> None:
    assert [panel["title"] for panel in PANELS if not panel["title"]] == []
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"prometheus"}
