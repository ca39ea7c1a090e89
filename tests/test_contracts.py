"""Records of services in processes of their own are held against their schemas, too: what stands on the topics of a stage."""

from typing import Any, Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tagger.core.records.schemas import Topic
from tests.contracts import check_topics
from tests.docs.asyncapi import examples
from tests.kafka.kafka import AnyKafka

HEADERS: Final = [("action", b"chat_deactivated")]


async def write(kafka: AnyKafka, topic: str, record: Any, headers: list[tuple[str, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, orjson.dumps(record), headers=headers)
    await producer.stop()


@pytest.mark.parametrize(
    ("topic", "wrong", "headers", "found"),
    [
        ("decisions", {"tags": None}, [], True),
        ("parked", {"attempts": None}, [], True),
        ("webhooks", {"payload": None}, HEADERS, True),
        (
            "webhooks",
            {"payload": None},
            [],
            False,
        ),  # has no headers: a test's own junk, not what ingest stored
        ("decisions", {}, [], False),
    ],
)
async def test_a_wrong_record_on_a_topic_is_found(
    kafka: AnyKafka,
    unique: str,
    topic: Topic,
    wrong: dict[str, Any],
    headers: list[tuple[str, bytes]],
    found: bool,
) -> None:
    kafka.create_topic(unique, 2)
    record = examples(topic)[0]
    await write(kafka, unique, record, headers)
    await write(kafka, unique, record | wrong, headers)
    if found:
        with pytest.raises(AssertionError, match=f"{topic}: "):
            await check_topics(kafka.bootstrap, {topic: unique})
    else:
        assert await check_topics(kafka.bootstrap, {topic: unique}) == (0 if wrong else 2)
