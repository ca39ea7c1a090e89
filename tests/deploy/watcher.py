"""Debian's Prometheus with the rules of this repository, beside the services of a Stage."""

import asyncio
import json
import re
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
RULES: Final = DEPLOY / "prometheus/rules.yml"
SCRAPE_S: Final = 1
RUNBOOKS: Final = "https://git.example.com/deploy"
SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}


@asynccontextmanager
async def a_prometheus(
    program: str, folder: Path, stage: Stage, rules: Path = RULES
) -> AsyncIterator["Watcher"]:
    """It scrapes the services every second."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    services = {"ingest": stage.ingest, "tagger": stage.tagger}
    assert [job["job_name"] for job in config["scrape_configs"]] == list(services)
    config["global"] |= {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    config["global"]["external_labels"] = {"runbooks": RUNBOOKS}
    config["rule_files"] = [str(rules)]
    for job, service in zip(config["scrape_configs"], services.values(), strict=True):
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [service.admin_url.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    with reserved_port() as port:
        watcher = Watcher(f"127.0.0.1:{port}")
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address={watcher.address}",
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not await asyncio.to_thread(watcher.is_up):
                    assert process.returncode is None, "it ended"
                    await asyncio.sleep(0.2)
            yield watcher
        finally:
            process.terminate()
            await process.wait()


def in_seconds(folder: Path) -> Path:
    """The rules with a second for each minute."""

    def scaled(duration: re.Match[str]) -> str:
        return f"{int(duration[1]) * SECONDS[duration[2]] // 60}s"

    rules = yaml.safe_load(RULES.read_text("utf-8"))
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        for key in rule.keys() & {"expr", "for"}:
            rule[key] = re.sub(r"\b(\d+)([mhd])\b", scaled, rule[key])
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump(rules), "utf-8")
    return path


class Watcher:
    """Asks one Prometheus."""

    def __init__(self, address: str) -> None:
        self.address = address

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=DEADLINE_S) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """The result of an instant query."""
        return await asyncio.to_thread(self._ask, query)

    async def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {one["metric"]["alertname"] for one in await self.ask('ALERTS{alertstate="firing"}')}

    async def rules(self) -> list[dict[str, Any]]:
        """Every rule as Prometheus shows it: its `name`, `health`, `lastError`, `lastEvaluation`."""
        groups = (await asyncio.to_thread(self._get, "rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def _ask(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._get("query?" + urllib.parse.urlencode({"query": query}))["result"]
        return found

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}", timeout=DEADLINE_S) as answer:
            data: dict[str, Any] = json.load(answer)["data"]
            return data
