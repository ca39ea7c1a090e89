"""Each background task of `tagger run` that is killed comes back, and goes on doing what it is for."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tagger import metrics
from tagger.commands.run import serve
from tagger.equipment import equipment
from tagger.reader import read_topic
from tagger.settings import RunSettings
from tagger.simulator.port import reserved_port
from tests.integration.kills import WAIT_S, Kills, read
from tests.integration.tagger.scene import Scene, ended, started, until
from tests.kafka.kafka import AnyKafka

NAMES = {
    *("poll", "mend", "beat", "commits", "log_ends", "unheld"),
    *("keywords", "troubles", "tag_watch", "reconcile"),
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
        "kafka_group_id": f"group-{topic}",
        "livechat_access_token": "token",
        "livechat_api_url": "http://127.0.0.1:9",
        "tagger_config": folder,
        "tagger_admin_port": port,
        "tagger_dry_run": True,
        "tagger_reconcile_every_s": 3_600,
    }
    return RunSettings(**given)


async def test_each_task_that_is_killed_comes_back_is_counted_and_named(
    kafka_embedded: AnyKafka,
    session: aiohttp.ClientSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = uuid.uuid4().hex[:12]
    for name, partitions in ((topic, 2), (f"{topic}.decisions", 1), (f"{topic}.parked", 1)):
        kafka_embedded.create_topic(name, partitions)
    kills, stopping = Kills(monkeypatch), asyncio.Event()
    counted = {name: restarts(name) for name in NAMES}
    with reserved_port() as port:
        settings = settings_of(kafka_embedded, topic, tmp_path, port)
        who, keywords = equipment(settings)
        running = asyncio.create_task(serve(stopping, settings, keywords, who))
        admin = f"http://127.0.0.1:{port}"
        await until(lambda: is_ready(session, admin))
        assert kills.names == NAMES
        for name in sorted(NAMES):
            await kills.kill(name, session, admin)
            assert restarts(name) == counted[name] + 1
        scene = Scene(kafka_embedded, topic, 2)
        await scene.write(started("T1", "refund"), ended("T1"))
        await until(lambda: is_decided(kafka_embedded, f"{topic}.decisions", "T1"))
        stopping.set()
        async with asyncio.timeout(WAIT_S):
            assert await running == 0


def restarts(name: str) -> float:
    return metrics.TASK_RESTARTS.labels(task=name)._value.get()


async def is_ready(session: aiohttp.ClientSession, admin: str) -> bool:
    try:
        return bool(orjson.loads(await read(session, f"{admin}/health/ready"))["ok"])
    except aiohttp.ClientError:
        return False


async def is_decided(kafka: AnyKafka, topic: str, thread: str) -> bool:
    values: list[bytes | None] = []
    await read_topic({"bootstrap_servers": kafka.bootstrap}, topic, values.append)
    return any(orjson.loads(value or b"{}")["thread_id"] == thread for value in values)
