"""When the last webhook arrived on the topic, and that it is not known where nobody can say."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from ingest.runtime.kafka import KafkaConnection
from tagger.kafka.last_arrival import last_arrival
from tagger.livechat.sample_webhooks import is_sample
from tagger.simulator.stage.broker import EmbeddedBroker


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"never.used": 3, "used": 3}) as running:
        yield running


def is_webhook(key: bytes | None) -> bool:
    return not is_sample(key)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "set KAFKA_BOOTSTRAP_SERVERS"),
        ({"kafka_bootstrap_servers": "127.0.0.1:1"}, "check KAFKA_BOOTSTRAP_SERVERS"),
        ({"kafka_webhooks_topic": "no.such.topic"}, "Kafka has no topic no.such.topic"),
        ({"kafka_webhooks_topic": "never.used"}, "no webhook has arrived on never.used"),
    ],
)
async def test_when_the_last_webhook_arrived_is_said_to_be_unknown_and_why(
    broker: EmbeddedBroker, settings: dict[str, Any], text: str
) -> None:
    given: dict[str, Any] = {"kafka_bootstrap_servers": broker.bootstrap, **settings} if settings else {}
    arrived = await last_arrival(KafkaConnection(**given), is_webhook)
    assert text in arrived.text
    assert arrived.at is None


async def test_when_the_last_webhook_arrived_is_known_samples_aside(broker: EmbeddedBroker) -> None:
    given: dict[str, Any] = {"kafka_bootstrap_servers": broker.bootstrap, "kafka_webhooks_topic": "used"}
    kafka = KafkaConnection(**given)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        await producer.send_and_wait("used", b"{}", key=b"org:tagger-sample-1", partition=0)
        assert (await last_arrival(kafka, is_webhook)).at is None
        for partition, at_ms in enumerate((60_000, 120_000), 1):
            await producer.send_and_wait("used", b"{}", b"org:C", partition, timestamp_ms=at_ms)
    arrived = await last_arrival(kafka, is_webhook)
    assert arrived.at == "1970-01-01T00:02:00.000Z"
    assert " days ago, on used" in arrived.text
