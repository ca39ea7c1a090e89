"""What these tests share: a service in this process or as one of its own, and a session to send with."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from ingest.runtime.settings import load
from ingest.service import Service
from ingest.settings import IngestSettings
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.deadline import DEADLINE_S
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import SECRET
from tests.kafka.kafka import AnyKafka


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=DEADLINE_S)
    ) as session:
        yield session


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, unique: str) -> Callable[..., None]:
    """Set what every service here needs; more by keyword."""

    def set_all(bootstrap: str, **more: str) -> None:
        for name, value in {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_WEBHOOKS_TOPIC": unique,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": "0",
            "INGEST_ADMIN_PORT": "0",
            **more,
        }.items():
            monkeypatch.setenv(name, value)

    return set_all


class Services:
    """Services in this process; those that a test does not close are closed at its end."""

    def __init__(self, environment: Callable[..., None]) -> None:
        self._environment = environment
        self._running: list[Service] = []

    async def __call__(self, kafka: str, **more: str) -> Service:
        self._environment(kafka, **more)
        service = Service(load(IngestSettings))
        self._running.append(service)
        problem = await service.open()
        assert problem is None, problem
        return service

    async def close(self, service: Service) -> None:
        self._running.remove(service)
        await service.close()

    async def close_all(self) -> None:
        for service in self._running[:]:
            await self.close(service)


@pytest.fixture
async def serve(environment: Callable[..., None]) -> AsyncIterator[Services]:
    services = Services(environment)
    yield services
    await services.close_all()
    gc.collect()  # what was left open is this test's doing, not that of a later one


@pytest.fixture
def launch(environment: Callable[..., None], tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start `ingest` as a process that listens."""
    processes: list[Process] = []

    def start(kafka: str, **more: str) -> Process:
        environment(kafka, LOG_FORMAT="json", **more)
        process = Process(tmp_path / f"log-{len(processes)}")
        processes.append(process)
        process.wait_until_it_listens()
        return process

    yield start
    for process in processes:
        process.end()


@pytest.fixture
def bootstrap(kafka_embedded: AnyKafka, unique: str) -> str:
    """Of the embedded broker, which has the topic."""
    kafka_embedded.create_topic(unique, 3)
    return kafka_embedded.bootstrap


@pytest.fixture
async def service(bootstrap: str, serve: Services) -> Service:
    return await serve(bootstrap)


@pytest.fixture
def process(bootstrap: str, launch: Callable[..., Process]) -> Process:
    return launch(bootstrap)


@pytest.fixture
def topic(kafka: AnyKafka, unique: str) -> str:
    kafka.create_topic(unique, 3)
    return unique


@pytest.fixture
def broker(unique: str) -> Iterator[EmbeddedBroker]:
    """An embedded broker for one test, which may take it down."""
    with EmbeddedBroker({unique: 3}) as broker:
        yield broker
