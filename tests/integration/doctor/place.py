"""A place that `tagger doctor` finds nothing wrong with, until a test breaks one thing of it.

A real Kafka with our topics, a simulated LiveChat, and the real `ingest` in this process. No tagger runs: the offsets
and the keyword set that it would leave behind are written as it writes them.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from ingest.runtime.clock import now_ms
from ingest.runtime.settings import load
from ingest.service import Service
from ingest.settings import IngestSettings
from tagger.core.diagnosis.finding import Finding
from tagger.core.records.keyword_set import pack
from tagger.livechat.webhooks import description
from tagger.recovery.doctor.examination import examined
from tagger.recovery.doctor.settings import read
from tagger.simulator.livechat.account import Organization
from tagger.simulator.livechat.registry import Webhook
from tagger.simulator.livechat.server import CHAT_WEBHOOKS, SimulatedLiveChat
from tagger.simulator.stage.service import OUR_PREFIXES
from tagger.simulator.stage.stage import Names
from tests.kafka.kafka import Kafka
from tests.stage import names_of

SECRET: Final = "the-secret-of-the-webhooks"
RULES: Final = "version: 1\nrules:\n  - id: refund\n    tag: Refund\n    any: [refund]\n"
MIN_MS: Final = 60_000
DAY_MS: Final = 86_400_000
# How each topic is best kept, by the end of its name.
CONFIGS: Final = {
    "webhooks": {"retention.ms": str(7 * DAY_MS)},
    "decisions": {"retention.ms": str(30 * DAY_MS)},
    "parked": {"retention.ms": str(30 * DAY_MS)},
    "keywords": {"cleanup.policy": "compact"},
}


@dataclass
class Place:
    """What a test may break. `settings` are the doctor's environment."""

    kafka: Kafka
    names: Names
    livechat: SimulatedLiveChat
    organization: Organization
    client_id: str
    config: Path  # the keyword file
    url: str  # of the real ingest
    settings: dict[str, str] = field(default_factory=dict)

    async def found(self, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
        """What the doctor finds now."""
        for name in [name for name in os.environ if name.startswith(OUR_PREFIXES)]:
            monkeypatch.delenv(name)
        for name, value in self.settings.items():
            monkeypatch.setenv(name, value)
        return await examined(read())

    async def write(self, at_ms: int) -> None:
        """Put a webhook of this time on the topic."""
        async with AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap) as producer:
            await producer.send_and_wait(self.names.webhooks, b"{}", key=b"org:C", timestamp_ms=at_ms)

    async def commit(self) -> None:
        """As a tagger that has finished everything."""
        tp = TopicPartition(self.names.webhooks, 0)
        async with AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap, group_id=self.names.group, enable_auto_commit=False
        ) as consumer:
            consumer.assign([tp])
            await consumer.commit({tp: OffsetAndMetadata((await consumer.end_offsets([tp]))[tp], "")})

    async def store(self, rules: str) -> None:
        """As a tagger with whose files a set came into force."""
        async with AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap) as producer:
            value = pack({"rules.yaml": rules.encode()})
            await producer.send_and_wait(self.names.keywords, value, key=b"config", partition=0)

    def register(self, url: str, secret: str = SECRET) -> None:
        """As `tagger webhooks register` does."""
        registry = self.livechat.registry
        registry.webhooks.clear()
        for number, action in enumerate(CHAT_WEBHOOKS):
            one = Webhook(str(number), self.client_id, action, url, secret, description(secret))
            assert registry.register(one) is None


@asynccontextmanager
async def a_place(
    kafka: Kafka, unique: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    """One in which all is well."""
    names = names_of(unique)
    for topic, config in zip(names.topics, CONFIGS.values(), strict=True):
        kafka.create_topic(topic, 1, config=config)
    async with SimulatedLiveChat() as livechat:
        organization = livechat.add_organization(tags=["Refund"])
        app = livechat.add_app("a-client-secret")
        organization.webhooks_enabled[app.client_id] = True
        service = await _ingest(kafka.bootstrap, names, monkeypatch)
        try:
            url = f"http://127.0.0.1:{service.port}/webhooks/livechat"
            config_file = folder / "rules.yaml"
            place = Place(kafka, names, livechat, organization, app.client_id, config_file, url)
            await _furnish(place, service.admin_port)
            yield place
        finally:
            await service.close()


async def _ingest(bootstrap: str, names: Names, monkeypatch: pytest.MonkeyPatch, **more: str) -> Service:
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": names.webhooks,
        "LIVECHAT_WEBHOOK_SECRETS": SECRET,
        "INGEST_HOST": "127.0.0.1",
        "INGEST_PORT": "0",
        "INGEST_ADMIN_PORT": "0",
    }
    for name, value in {**settings, **more}.items():
        monkeypatch.setenv(name, value)
    service = Service(load(IngestSettings))
    problem = await service.open()
    assert problem is None, problem
    return service


async def _furnish(place: Place, admin_port: int) -> None:
    account, pat = place.livechat.add_account(place.organization)
    place.config.write_text(RULES, "utf-8")
    place.settings = {
        "KAFKA_BOOTSTRAP_SERVERS": place.kafka.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": place.names.webhooks,
        "KAFKA_DECISIONS_TOPIC": place.names.decisions,
        "KAFKA_PARKED_TOPIC": place.names.parked,
        "KAFKA_KEYWORDS_TOPIC": place.names.keywords,
        "KAFKA_GROUP_ID": place.names.group,
        "LIVECHAT_API_URL": place.livechat.url,
        "LIVECHAT_ACCOUNT_ID": account.id,
        "LIVECHAT_PAT": pat,
        "LIVECHAT_CLIENT_ID": place.client_id,
        "LIVECHAT_WEBHOOK_SECRETS": SECRET,
        "INGEST_ADMIN_PORT": str(admin_port),
        "TAGGER_ADMIN_PORT": "1",
        "TAGGER_CONFIG": str(place.config),
    }
    place.register(place.url)
    await place.write(now_ms() - MIN_MS)
    await place.store(RULES)
