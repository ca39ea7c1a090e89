"""An `ingest` under load: as a process on an embedded broker, or as a service on a real Kafka."""

import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.broker import EmbeddedBroker
from tagger.simulator.stage.service import Service
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import SECRET
from tests.kafka.broker import Broker, start
from tests.kafka.kafka import Kafka

TOPIC: Final = "livechat.webhooks"


@contextmanager
def on_embedded_broker(folder: Path) -> Iterator[Process]:
    """It listens. Each connection is a file here and one there, so both may have as many as the system allows."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with EmbeddedBroker({TOPIC: 3}) as broker:
        os.environ |= {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": "0",
            "INGEST_ADMIN_PORT": "0",
            "LOG_FORMAT": "json",
        }
        process = Process(folder / "ingest.log")
        try:
            process.wait_until_it_listens()
            yield process
        finally:
            process.end()


class OnKafka(NamedTuple):
    broker: Broker
    service: Service
    port: int


@asynccontextmanager
async def on_kafka(folder: Path, **settings: str) -> AsyncIterator[OnKafka]:
    """It is ready. Nobody stops it but who asked for it."""
    with start() as broker, reserved_port() as port, reserved_port() as admin_port:
        Kafka(broker.bootstrap).create_topic(TOPIC, 12)
        settings |= {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(port),
            "INGEST_ADMIN_PORT": str(admin_port),
        }
        service = Service("ingest", (), settings, admin_port, folder / "ingest.log")
        await service.start()
        yield OnKafka(broker, service, port)
