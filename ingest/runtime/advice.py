"""What people read when Kafka has no such topic, is away or refuses: sentences that say what to do. Pure."""

from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000


class Suggested(NamedTuple):
    """How to create a topic; docker-compose.yml and deploy/kafka.md say why."""

    partitions: int
    retention_days: int | None  # None: compacted, the newest record of each key is kept


WEBHOOKS_TOPIC: Final = Suggested(12, 7)  # as many taggers can share the work; a week to notice and repair
DECISIONS_TOPIC: Final = Suggested(3, 30)
PARKED_TOPIC: Final = Suggested(1, 30)
KEYWORDS_TOPIC: Final = Suggested(1, None)  # in one partition the last record is the newest


def topic_missing(topic: str, bootstrap_servers: str, suggested: Suggested) -> str:
    """Why a topic is not there, and the command that creates it."""
    return (
        f"Kafka has no topic {topic}, or this user may not see it (ACLs: deploy/kafka.md). Create it:\n"
        f"  {create_topic(topic, bootstrap_servers, suggested)}\n"
        "  With several brokers, add: --replication-factor 3 --config min.insync.replicas=2"
    )


def create_topic(topic: str, bootstrap_servers: str, suggested: Suggested) -> str:
    """The command that creates a topic; Apache Kafka ships the script."""
    partitions, days = suggested
    kept = "cleanup.policy=compact" if days is None else f"retention.ms={days * DAY_MS}"
    return (
        f"kafka-topics.sh --bootstrap-server {bootstrap_servers} --create --topic {topic}"
        f" --partitions {partitions} --config {kept}"
    )


def kafka_failed(error: BaseException) -> str:
    """What a failure means and where to look. aiokafka reports a wrong password as KafkaConnectionError."""
    name = type(error).__name__
    if "Authorization" in name:
        return f"Kafka refuses it ({name}): this user is missing a permission; deploy/kafka.md lists what each needs"
    if "Corrupt" in name or "Codec" in name:
        return (
            f"A record of the topic is damaged ({name}): make a replica that has an intact copy the leader, or wait "
            "until retention deletes it"
        )
    return (
        f"Kafka cannot be reached ({name}): check KAFKA_BOOTSTRAP_SERVERS and, if Kafka needs them, "
        "KAFKA_SECURITY_PROTOCOL, user and password"
    )
