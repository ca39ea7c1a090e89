"""Every panel of the dashboard shows something: its queries, asked of a Prometheus that scrapes services.

The services have a good half a minute, and some bad luck in it, so that there is something to see in each.
"""

import asyncio
import json
from pathlib import Path
from typing import Final

import aiohttp

from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deploy.watcher import DEPLOY, SCRAPE_S, a_prometheus
from tests.webhooks import chat_deactivated

DASHBOARD: Final = json.loads((DEPLOY / "grafana/dashboards/livechat-tagger.json").read_text("utf-8"))
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: Final = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
PLAY_S: Final = 15.0


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
        Stage(tmp_path, seed=3, pause_s=0.02) as stage,
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


def test_a_panel_says_what_it_shows() -> None:
    assert [panel["title"] for panel in PANELS if not panel["title"]] == []
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"prometheus"}
