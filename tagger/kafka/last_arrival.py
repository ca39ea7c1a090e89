"""When the last webhook arrived on the topic, in a sentence for people."""

from collections.abc import Callable
from dataclasses import dataclass

from ingest.runtime import advice
from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaConnection
from tagger.core.diagnosis.span import span
from tagger.core.records.decision import rfc3339
from tagger.kafka.reader import NO_KAFKA, TopicMissingError, last_ms


@dataclass(frozen=True, slots=True)
class Arrived:
    """When the last webhook arrived on the topic."""

    text: str
    at: str | None = None  # RFC 3339; None: none did, or it is not known


async def last_arrival(kafka: KafkaConnection | list[str], counts: Callable[[bytes | None], bool]) -> Arrived:
    """When the last webhook arrived whose key `counts`; unknown without settings, or if Kafka does not answer.

    kafka  or what is wrong with the settings
    """
    unknown = "when the last webhook arrived is not known: "
    if isinstance(kafka, list):
        return Arrived(unknown + "; ".join(kafka))
    if "kafka_bootstrap_servers" not in kafka.model_fields_set:
        return Arrived(f"{unknown}set KAFKA_BOOTSTRAP_SERVERS to look it up")
    topic = kafka.kafka_webhooks_topic
    try:
        at_ms = await last_ms(kafka.client_options(), topic, counts)
    except TopicMissingError:
        return Arrived(f"{unknown}Kafka has no topic {topic}, or this user may not see it")
    except NO_KAFKA as error:
        return Arrived(unknown + advice.kafka_failed(error))
    if at_ms is None:
        return Arrived(f"no webhook has arrived on {topic}")
    return Arrived(f"the last webhook arrived {span(now_ms() - at_ms)} ago, on {topic}", rfc3339(at_ms))
