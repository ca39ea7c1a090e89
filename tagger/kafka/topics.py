"""The topics of the tagger: whether all exist before it reads, and what is wrong with them while it runs."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ingest.runtime import advice, topic_check
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.kafka_connections import end
from ingest.runtime.topic_check import Wanted
from ingest.runtime.topic_watch import TopicWatch
from tagger.kafka.reader import TopicMissingError
from tagger.metrics import Metrics

RETRY_S: Final = 2.0  # Kafka may come up after us
ASK_S: Final = 10.0
CLOSE_S: Final = 2.0

log = structlog.get_logger()


def topic_watch(settings: KafkaSettings, metrics: Metrics) -> TopicWatch:
    """A watch of the topics that the service reads and writes."""
    wanted = [needs(topic) for topic, (needs, _) in ours(settings).items()]
    return TopicWatch(settings.client_options, wanted, metrics.topic_unfit)


async def missing_topics(kafka: KafkaSettings) -> list[str]:
    """What to do about each topic that does not exist. Waits while Kafka is away."""
    while True:
        admin = AIOKafkaAdminClient(**kafka.client_options())
        try:
            async with asyncio.timeout(ASK_S):
                await admin.start()
                there = set(await admin.list_topics())
            return [_how_to_create(kafka, topic) for topic in ours(kafka) if topic not in there]
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            log.warning("kafka_away", error_type=type(error).__name__)
        finally:
            await end(admin, CLOSE_S)
        await asyncio.sleep(RETRY_S)


def what_to_do(kafka: KafkaSettings, error: Exception) -> str:
    """Advice about TopicMissingError, or one of NO_KAFKA."""
    if isinstance(error, TopicMissingError):
        return _how_to_create(kafka, str(error))
    return advice.kafka_failed(error)


def _how_to_create(kafka: KafkaSettings, topic: str) -> str:
    return advice.topic_missing(topic, kafka.kafka_bootstrap_servers, ours(kafka)[topic][1])


def ours(kafka: KafkaSettings) -> dict[str, tuple[Callable[[str], Wanted], advice.Suggested]]:
    """What each topic needs to be, and how it is best created."""
    return {
        kafka.kafka_webhooks_topic: (topic_check.webhooks, advice.WEBHOOKS_TOPIC),
        kafka.kafka_decisions_topic: (topic_check.decisions, advice.DECISIONS_TOPIC),
        kafka.kafka_parked_topic: (topic_check.parked, advice.PARKED_TOPIC),
        kafka.kafka_keywords_topic: (topic_check.keywords, advice.KEYWORDS_TOPIC),
    }
