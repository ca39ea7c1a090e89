"""Each background task of `ingest` that is killed comes back, and nothing that was answered 200 is lost."""

from pathlib import Path

import aiohttp
import pytest

from tests.deadline import until
from tests.integration.ingest.conftest import Services
from tests.integration.kills import Kills, read
from tests.kafka.kafka import AnyKafka


async def test_each_task_that_is_killed_comes_back_is_counted_and_named(
    serve: Services,
    session: aiohttp.ClientSession,
    kafka_embedded: AnyKafka,
    unique: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka_embedded.create_topic(unique, 2)
    kills = Kills(monkeypatch)
    service = await serve(kafka_embedded.bootstrap, INGEST_SPOOL_DIR=str(tmp_path))
    admin = f"http://127.0.0.1:{service.admin_port}"
    looking = {"topics", "slow_connections", "slow_admin_connections"}
    assert kills.names == {"producer", "deadlines", "spool", *looking}
    for name in sorted(kills.names):
        await kills.kill(name, session, admin)
        assert f'ingest_task_restarts_total{{task="{name}"}} 1.0' in await read(session, f"{admin}/metrics")
    await until(lambda: service.store.producer.up and not service.store.spooling)
