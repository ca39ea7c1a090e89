"""When Kafka has no such topic or refuses, people read what to do."""

import pytest
from aiokafka.errors import CorruptRecordException, KafkaConnectionError, TopicAuthorizationFailedError

from ingest.runtime import advice


def test_the_command_that_creates_a_topic_can_be_pasted() -> None:
    text = advice.topic_missing("t", "k:9092", advice.WEBHOOKS_TOPIC).splitlines()
    assert text[1] == (
        "  kafka-topics.sh --bootstrap-server k:9092 --create --topic t --partitions 12"
        " --config retention.ms=604800000"
    )


def test_a_topic_that_is_kept_forever_is_created_compacted() -> None:
    assert " --partitions 1 --config cleanup.policy=compact\n" in advice.topic_missing(
        "t", "k:9092", advice.KEYWORDS_TOPIC
    )


@pytest.mark.parametrize("word", ["may not see it", "--replication-factor 3", "min.insync.replicas=2"])
def test_a_missing_topic_may_be_one_that_is_hidden_and_deserves_more_than_one_copy(word: str) -> None:
    assert word in advice.topic_missing("t", "k:9092", advice.PARKED_TOPIC)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TopicAuthorizationFailedError("t"), "is missing a permission"),
        (KafkaConnectionError("Unable to bootstrap"), "check KAFKA_BOOTSTRAP_SERVERS"),
        (CorruptRecordException("Invalid CRC"), "is damaged"),
        (TimeoutError(), "user and password"),  # all that aiokafka reports of a wrong one
    ],
)
def test_a_failure_of_kafka_has_its_name_and_where_to_look(error: Exception, words: str) -> None:
    text = advice.kafka_failed(error)
    assert words in text
    assert type(error).__name__ in text
    assert "bootstrap" not in text
