"""Every panel of the dashboard shows something: its queries, asked of a Prometheus that scrapes services.

The services have a good half a minute, and some bad luck in it, so that there is something to see in each.
"""

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import yaml

from tagger.simulator.service import free_port
from tagger.simulator.stage import Stage
from tagger.simulator.visitors import visits

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
DASHBOARD: Final = json.loads((DEPLOY / "grafana/dashboards/livechat-tagger.json").read_text("utf-8"))
PANELS: Final = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: Final = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
SCRAPE_S: Final = 1
PLAY_S: Final = 15.0


@asynccontextmanager
async def a_prometheus(program: str, folder: Path, targets: dict[str, str]) -> AsyncIterator[str]:
    """Debian's Prometheus with our rules, scraping job → host:port every second; its address."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    assert [job["job_name"] for job in config["scrape_configs"]] == list(targets)
    config["global"] = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    config["rule_files"] = [str(DEPLOY / "prometheus/rules.yml")]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address={address}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(is_up, address):
                assert process.returncode is None, "it ended"
                await asyncio.sleep(0.2)
        yield address
    finally:
        process.terminate()
        await process.wait()


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask(address: str, query: str) -> list[dict[str, Any]]:
    """The result of an instant query."""
    url = f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found


async def have_bad_luck(stage: Stage) -> None:
    """A tag is deleted, a webhook has a wrong secret, and one chat's beginning was never seen."""
    unlucky, other, *_ = stage.organizations
    for tag in list(unlucky.tags)[:3]:
        del unlucky.tags[tag]
    webhook = {
        "webhook_id": "w",
        "action": "chat_deactivated",
        "organization_id": other.id,
        "payload": {"chat_id": "CHAT", "thread_id": "THREAD"},
    }
    url = f"http://127.0.0.1:{stage.ingest.settings['INGEST_PORT']}/webhooks/livechat"
    async with aiohttp.ClientSession() as session:
        for secret, status in ((stage.secret, 200), ("wrong", 401)):
            async with session.post(url, json=webhook | {"secret_key": secret}) as answer:
                assert answer.status == status


@pytest.mark.timeout(180)
async def test_every_panel_shows_something(prometheus: str, tmp_path: Path) -> None:
    async with Stage(tmp_path, seed=3, pause_s=0.02) as stage:
        services = {"ingest": stage.ingest, "tagger": stage.tagger}
        targets = {name: service.admin_url.removeprefix("http://") for name, service in services.items()}
        async with a_prometheus(prometheus, tmp_path, targets) as address:
            await stage.play(visits(1, 30), 6)
            await have_bad_luck(stage)
            await stage.play(visits(2, 60), 60 / PLAY_S)
            stage.livechat.access.revoke_all()
            await stage.play(visits(3, 20), 6)
            await asyncio.sleep(4 * SCRAPE_S)  # for the scrapes to see it
            empty = [
                (title, query)
                for title, query in QUERIES
                if not await asyncio.to_thread(ask, address, query.replace("$__rate_interval", "30s"))
            ]
            assert empty == []
            down = await asyncio.to_thread(ask, address, "up == 0")
            assert down == []


def test_a_panel_says_what_it_shows() -> None:
    assert [panel["title"] for panel in PANELS if not panel["title"]] == []
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"prometheus"}
