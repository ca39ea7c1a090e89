"""Each background task of `tagger run` that is killed comes back, and goes on doing what it is for."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tagger.commands.setup import equipment
from tagger.kafka.reader import read_topic
from tagger.recovery.reconcile import reconcile_in_service
from tagger.service import serve
from tagger.settings import RunSettings
from tagger.simulator.livechat.port import reserved_port
from tests.deadline import until
from tests.integration.kills import WAIT_S, Kills, read
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import Scene, ended, started
from tests.kafka.kafka import AnyKafka

NAMES = {
    *("poll", "recover", "beat", "commits", "log_ends", "unheld"),
    *("keywords", "troubles", "tag_watch", "reconcile", "topics", "keywords_topic", "slow_admin_connections"),
}
RULES = "version: 1\nrules:\n  - {id: refund, tag: Refund, any: [refund]}\n"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def settings_of(kafka: AnyKafka, topic: str, folder: Path, port: int) -> RunSettings:
    (folder / "rules.yaml").write_text(RULES)
    given: dict[str, Any] = {
        "kafka_bootstrap_servers": kafka.bootstrap,
        "kafka_webhooks_topic": topic,
        "kafka_decisions_topic": f"{topic}.decisions",
        "kafka_parked_topic": f"{topic}.parked",
        "kafka_keywords_topic": f"{topic}.keywords",
        "kafka_group_id": f"group-{topic}",
        "livechat_access_token": "token",
        "livechat_api_url": "http://127.0.0.1:9",
        "tagger_config": folder,
        "tagger_admin_port": port,
        "tagger_dry_run": True,
        "tagger_reconcile_every_s": 3_600,
    }
    return RunSettings(**given)


@dataclass
class Service:
    """`tagger run` in this process, a dry run that asks LiveChat nothing."""

    kafka: AnyKafka
    topic: str
    admin: str
    running: "asyncio.Task[str | None]"

    async def decides(self, thread: str) -> bool:
        values: list[bytes | None] = []
        options = {"bootstrap_servers": self.kafka.bootstrap}
        await read_topic(options, f"{self.topic}.decisions", values.append)
        return any(orjson.loads(value or b"{}")["thread_id"] == thread for value in values)


@asynccontextmanager
async def serving(kafka: AnyKafka, folder: Path) -> AsyncIterator[Service]:
    """Ends it in order at the end."""
    topic, stopping = uuid.uuid4().hex[:12], asyncio.Event()
    kafka.create_topic(topic, 2)
    for name in ("decisions", "parked", "keywords"):
        kafka.create_topic(f"{topic}.{name}", 1)
    with reserved_port() as port:
        settings = settings_of(kafka, topic, folder, port)
        who, keywords = equipment(settings)
        member = serve.Service(settings, keywords, who, partial(reconcile_in_service, settings))
        running = asyncio.create_task(member.run(stopping))
        async with aiohttp.ClientSession() as session:
            await until(lambda: is_ready(session, f"http://127.0.0.1:{port}"))
        yield Service(kafka, topic, f"http://127.0.0.1:{port}", running)
        stopping.set()
        async with asyncio.timeout(WAIT_S):
            assert await running is None


async def test_a_partition_that_stands_still_is_named_and_takes_nobody_out_of_service(
    kafka_embedded: AnyKafka, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with serving(kafka_embedded, tmp_path) as service:
        await put(kafka_embedded, service.topic, 1, damaged("crc", [ended("BAD")], 1_790_000_000_000))

        async def is_named() -> bool:
            page = orjson.loads(await read(session, f"{service.admin}/health/ready"))
            assert page["ok"]
            return any("`tagger skip 1 0`" in note for note in page["notes"])

        await until(is_named)
        shown = await read(session, f"{service.admin}/metrics")
        assert f'tagger_standing_still{{partition="1",topic="{service.topic}"}} 1.0' in shown
        assert f'tagger_standing_still{{partition="0",topic="{service.topic}"}} 0.0' in shown


async def test_each_task_that_is_killed_comes_back_is_counted_and_named(
    kafka_embedded: AnyKafka,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kills = Kills(monkeypatch)
    async with serving(kafka_embedded, tmp_path) as service:
        assert kills.names == NAMES
        for name in sorted(NAMES):
            await kills.kill(name, session, service.admin)
            shown = await read(session, f"{service.admin}/metrics")
            assert f'tagger_task_restarts_total{{task="{name}"}} 1.0' in shown
        await Scene(kafka_embedded, service.topic, 2).write(started("T1", "refund"), ended("T1"))
        await until(lambda: service.decides("T1"))


async def is_ready(session: aiohttp.ClientSession, admin: str) -> bool:
    try:
        return bool(orjson.loads(await read(session, f"{admin}/health/ready"))["ok"])
    except aiohttp.ClientError:
        return False
