"""Kafka as the services need it: reached, with rights, topics that are kept well, a group that makes progress."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ingest.runtime import advice, topic_check
from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaSettings
from tagger.core.diagnosis import arrivals, clocks, group, topics
from tagger.core.diagnosis.finding import Finding, ok, split, unchecked, wrong
from tagger.core.diagnosis.topics import DAY_MS, Kept, TopicSeen
from tagger.core.limits import Limits
from tagger.core.plurals import counted
from tagger.kafka.inspection import Unseen, brokers, described, group_seen, listening, settings_of
from tagger.kafka.keywords_topic import stored_sets
from tagger.kafka.reader import NO_KAFKA, last_ms
from tagger.kafka.rights import Operation, Rights, rights_of
from tagger.kafka.topics import ours
from tagger.livechat.sample_webhooks import is_sample
from tagger.settings import TaggerSettings

ALTER: Final = (
    "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} --add-config"
)
RIGHTS: Final[Mapping[str, tuple[Operation, ...]]] = {  # of the service, as deploy/kafka.md gives them
    "webhooks": ("Read",),
    "decisions": ("Read", "Write"),
    "parked": ("Read", "Write"),
    "keywords": ("Read", "Write"),
}
NOT_TRIED: Final = "Write on {}, which ingest needs: not tried as this user"
CREATE_TIME: Final = "message.timestamp.type"


@dataclass
class KafkaPart:
    """What was found of Kafka, and what others need of it."""

    found: list[Finding] = field(default_factory=list)
    stored: list[dict[str, bytes]] | None = None  # keyword sets on their topic, newest first; None: not known
    arrived: Finding | None = None  # when the last webhook came; None: not known


async def examine(settings: KafkaSettings, tagger: TaggerSettings | None, group_name: str) -> KafkaPart:
    """Look at all of it; what cannot be seen is a finding, too."""
    part = KafkaPart()
    try:
        count = await brokers(settings.client_options())
    except (*NO_KAFKA, IndexError) as error:
        part.found.append(await _away(settings, error))
        return part
    part.found.append(ok("kafka", f"{counted(count, 'broker')} at {settings.kafka_bootstrap_servers}"))
    try:
        seen = await _topics(settings, part, _kept(tagger), count)
        if isinstance(webhooks := seen.get("webhooks"), TopicSeen):
            await _webhooks(settings, part, webhooks, group_name)
        if isinstance(seen.get("keywords"), TopicSeen):
            part.stored = await stored_sets(settings.client_options(), settings.kafka_keywords_topic)
    except NO_KAFKA as error:
        part.found.append(split("kafka", advice.kafka_failed(error), blocks=True))
    return part


async def _away(settings: KafkaSettings, error: BaseException) -> Finding:
    """Why Kafka cannot be used: nobody is there, or whoever is there does not let us in."""
    name, address = type(error).__name__, settings.kafka_bootstrap_servers
    if await listening(address):
        text = f"{address} accepts connections, but not ours as a Kafka client ({name})"
        remedy = (
            "check KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, user and password, and the certificates"
        )
        return wrong("kafka", text, remedy, blocks=True)
    text = f"nothing accepts connections at {address} ({name})"
    return wrong(
        "kafka", text, "check KAFKA_BOOTSTRAP_SERVERS, the network and whether Kafka runs", blocks=True
    )


async def _topics(
    settings: KafkaSettings, part: KafkaPart, kept: Mapping[str, Kept], count: int
) -> dict[str, TopicSeen | Unseen]:
    """Each topic by what it is for: found, kept well, and open to this user."""
    options, named = settings.client_options(), ours(settings)
    configs = await settings_of(options, named)
    seen: dict[str, TopicSeen | Unseen] = {}
    async with rights_of(options) as rights:
        for (name, (needs, suggested)), purpose in zip(named.items(), RIGHTS, strict=True):
            topic = seen[purpose] = await described(rights, name, configs.get(name))
            if topic == "missing":
                create = advice.create_topic(name, settings.kafka_bootstrap_servers, suggested)
                part.found.append(wrong("topics", f"there is no topic {name}", create))
            elif topic == "hidden":
                part.found.append(_lacking(settings, "Describe", name))
            else:
                problems = topic_check.problems([needs(name)], {name}, configs)
                alter = ALTER.format(settings.kafka_bootstrap_servers, name)
                judged = topics.examined(topic, kept.get(purpose), count, alter)
                ok_too = not problems or judged[0].state != "ok"
                part.found += [split("topics", one.text) for one in problems] + (judged if ok_too else [])
        part.found += await _rights(settings, rights, seen, named)
        part.found.append(_hidden_settings(settings, seen, configs))
    return seen


def _hidden_settings(
    settings: KafkaSettings, seen: Mapping[str, TopicSeen | Unseen], configs: Mapping[str, object]
) -> Finding:
    hidden = [one.name for one in seen.values() if isinstance(one, TopicSeen) and one.name not in configs]
    if not hidden:
        return ok("rights", "DescribeConfigs on every topic")
    text = f"settings of {', '.join(hidden)}: this user lacks DescribeConfigs, or the broker does not tell"
    return unchecked("rights", text, _grant(settings, "DescribeConfigs", f"--topic {hidden[0]}"))


async def _rights(
    settings: KafkaSettings,
    rights: Rights,
    seen: Mapping[str, TopicSeen | Unseen],
    named: Mapping[str, object],
) -> list[Finding]:
    held, lacking = list[str](), list[Finding]()
    for (purpose, topic), name in zip(seen.items(), named, strict=True):
        if not isinstance(topic, TopicSeen):
            continue
        for operation in RIGHTS[purpose]:
            if await rights.on_topic(name, operation):
                held.append(f"{operation} on {name}")
            else:
                lacking.append(_lacking(settings, operation, name))
    found = [ok("rights", ", ".join(held))] if held else []
    not_tried = NOT_TRIED.format(settings.kafka_webhooks_topic)
    return [*found, *lacking, unchecked("rights", not_tried, "tagger webhooks send URL tries it")]


def _lacking(settings: KafkaSettings, operation: str, topic: str) -> Finding:
    text = f"this user lacks {operation} on {topic}"
    if operation == "Describe":
        text += ", so it may not even know whether it exists"
        operation = "Read"
    return wrong("rights", text, _grant(settings, operation, f"--topic {topic}"))


def _grant(settings: KafkaSettings, operation: str, resource: str) -> str:
    user = settings.kafka_sasl_username or "NAME"
    return (
        f"kafka-acls.sh --bootstrap-server {settings.kafka_bootstrap_servers} --add --allow-principal User:{user} "
        f"--operation {operation} {resource}"
    )


async def _webhooks(settings: KafkaSettings, part: KafkaPart, topic: TopicSeen, group_name: str) -> None:
    """The group on the topic of webhooks, and when the last one came."""
    options, now = settings.client_options(), now_ms()
    async with rights_of(options) as rights:
        if not await rights.on_group(group_name):
            text = f"this user lacks Read on the group {group_name}, so it cannot join it"
            part.found.append(wrong("rights", text, _grant(settings, "Read", f"--group {group_name}")))
        else:
            part.found.append(ok("rights", f"Read on the group {group_name}"))
            part.found += group.examined(await group_seen(options, topic.name, group_name), now)
        if not await rights.on_topic(topic.name, "Read"):
            return
    at_ms = await last_ms(options, topic.name, lambda key: not is_sample(key))
    part.arrived = arrivals.last_came(topic.name, at_ms, now)
    part.found += _clock(topic, at_ms, now)


def _clock(topic: TopicSeen, at_ms: int | None, now: int) -> Iterator[Finding]:
    stamped_by = (topic.settings or {}).get(CREATE_TIME)
    whose = "Kafka" if stamped_by == "LogAppendTime" else "ingest"
    if (finding := clocks.newest(topic.name, at_ms, now, whose)) is not None:
        yield finding


def _kept(tagger: TaggerSettings | None) -> dict[str, Kept]:
    age_s = tagger.tagger_chat_age_s_max if tagger else Limits().chat_age_s_max
    down, looked_at = "if taggers are down for longer, chats are lost", "nobody can look further back"
    return {
        "webhooks": Kept(age_s * 1000, 3 * DAY_MS, 7 * DAY_MS, down),
        "decisions": Kept(0, 7 * DAY_MS, 30 * DAY_MS, looked_at),
        "parked": Kept(0, 7 * DAY_MS, 30 * DAY_MS, looked_at),
    }
