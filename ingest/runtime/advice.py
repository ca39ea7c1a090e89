"""What to tell people where Kafka lacks a topic, is away or refuses: sentences that say what to do. Pure."""

from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000


class Suggested(NamedTuple):
    """What a topic that is still to be created should have; docker-compose.yml and deploy/kafka.md say why."""

    partitions: int
    retention_days: int | None  # None: compacted, the newest record of each key stays for ever


WEBHOOKS_TOPIC: Final = Suggested(12, 7)  # as many taggers can share the work; a week to notice and mend
DECISIONS_TOPIC: Final = Suggested(3, 30)
PARKED_TOPIC: Final = Suggested(1, 30)
KEYWORDS_TOPIC: Final = Suggested(1, None)  # in one partition the last record is the newest


def topic_missing(topic: str, bootstrap_servers: str, suggested: Suggested) -> str:
    """Why a topic may not be seen, and the command that creates it; Apache Kafka ships the script."""
    partitions, days = suggested
    kept = "cleanup.policy=compact" if days is None else f"retention.ms={days * DAY_MS}"
    return (
        f"Kafka has no topic {topic}, or this user may not see it (ACLs: deploy/kafka.md). Create it:\n"
        f"  kafka-topics.sh --bootstrap-server {bootstrap_servers} --create --topic {topic}"
        f" --partitions {partitions} --config {kept}\n"
        "  and where there are several brokers, with --replication-factor 3 --config min.insync.replicas=2"
    )


def kafka_failed(error: BaseException) -> str:
    """What a failure means and where to look. aiokafka tells a wrong password as KafkaConnectionError."""
    name = type(error).__name__
    if "Authorization" in name:
        return f"Kafka refuses it ({name}): this user lacks a right, deploy/kafka.md lists who needs which"
    if "Corrupt" in name or "Codec" in name:
        return (
            f"A record of the topic is damaged and cannot be read ({name}): make a replica that has it whole the "
            "leader, or wait until retention deletes it"
        )
    return (
        f"Kafka cannot be reached ({name}): check KAFKA_BOOTSTRAP_SERVERS, and where Kafka asks for them "
        "KAFKA_SECURITY_PROTOCOL, user and password"
    )
