"""What a cluster shows of itself: brokers, topics and their settings, the group and its progress.

Reads only, and commits nothing. Raises one of NO_KAFKA if Kafka does not answer.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from ingest.runtime import topic_check
from ingest.runtime.kafka_connections import end
from ingest.runtime.topic_settings import topic_settings
from tagger.core.diagnosis.group import GroupSeen, Progress
from tagger.core.diagnosis.topics import NAMES, RETENTION, PartitionSeen, TopicSeen
from tagger.kafka.reader import ANSWER_S, committed, connected, oldest_unfinished_ms
from tagger.kafka.rights import Rights

CLOSE_S: Final = 2.0
CONNECT_S: Final = 3.0  # of a TCP connection, to tell a wrong address from a wrong password
SETTINGS: Final = (topic_check.CLEANUP, topic_check.LARGEST, *NAMES)
UNLIMITED: Final = -1  # of a retention
Unseen = Literal["missing", "hidden"]  # hidden: this user may not know whether it exists
_ADDRESS: Final = re.compile(r"\[?([^\]]+?)\]?:(\d+)")


async def brokers(options: Mapping[str, Any]) -> int:
    """How many brokers the cluster has now."""
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ANSWER_S * 1000))
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            return len((await admin.describe_cluster())["brokers"])
    finally:
        await end(admin, CLOSE_S)


async def listening(bootstrap_servers: str) -> bool:
    """Whether anybody takes a connection at one of the addresses."""
    taken = await asyncio.gather(*map(_is_taken, bootstrap_servers.split(",")))
    return any(taken)


async def _is_taken(address: str) -> bool:
    if (parts := _ADDRESS.fullmatch(address.strip())) is None:
        return False
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(parts[1], int(parts[2]))
    except OSError:  # TimeoutError is one
        return False
    writer.transport.abort()
    return True


async def settings_of(options: Mapping[str, Any], topics: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """The settings of topics, without those whose settings are hidden from us."""
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ANSWER_S * 1000))
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            return await topic_settings(admin, topics, SETTINGS)
    finally:
        await end(admin, CLOSE_S)


async def retention_ms(options: Mapping[str, Any], topic: str) -> int | None:
    """For how long a topic keeps its records, in ms; UNLIMITED: for good; None: its settings are hidden from us."""
    kept = (await settings_of(options, [topic])).get(topic, {}).get(RETENTION, "")
    return max(int(kept), UNLIMITED) if kept.removeprefix("-").isdecimal() else None


async def described(rights: Rights, topic: str, settings: Mapping[str, str] | None) -> TopicSeen | Unseen:
    """A topic as it is, or why nothing is seen of it."""
    seen = await rights.describe(topic)
    if seen is None:
        return "hidden"
    if seen["error_code"] or not seen["partitions"]:
        return "missing"
    partitions = [
        PartitionSeen(one["partition"], one["leader"], len(one["replicas"]), len(one["isr"]))
        for one in sorted(seen["partitions"], key=lambda one: int(one["partition"]))
    ]
    return TopicSeen(topic, partitions, settings)


async def group_seen(options: Mapping[str, Any], topic: str, group: str) -> GroupSeen:
    """The group's members and its progress on a topic that exists; TopicMissingError if it does not."""
    async with connected(options, topic) as (consumer, partitions, admin):
        progress = await _progress(consumer, admin, group, partitions)
        members, held, is_changing = await _members(admin, group, topic)
    oldest_ms = (
        await oldest_unfinished_ms(options, topic, group) if any(one.lag for one in progress) else None
    )
    return GroupSeen(group, progress, members, held, is_changing, oldest_ms)


async def _progress(
    consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, group: str, partitions: Sequence[TopicPartition]
) -> list[Progress]:
    async with asyncio.timeout(ANSWER_S):
        starts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
    stored = await committed(admin, group, list(partitions))
    return [
        Progress(tp.partition, stored[tp] if stored[tp] >= 0 else None, starts[tp], ends[tp])
        for tp in sorted(partitions)
    ]


async def _members(
    admin: AIOKafkaAdminClient, group: str, topic: str
) -> tuple[int | None, frozenset[int], bool]:
    """How many members, which partitions they hold, whether that is changing; None members: Kafka does not tell."""
    try:
        async with asyncio.timeout(ANSWER_S):
            (answer,) = await admin.describe_consumer_groups([group])
    except (KafkaError, OSError, AttributeError):  # AttributeError: aiokafka 0.14, no connection
        return None, frozenset(), False
    error_code, _, state, _, _, members = answer.groups[0][:6]
    if error_code:
        return None, frozenset(), False
    held: set[int] = set()
    for member in members:
        if member[-1]:
            assignment: Any = ConsumerProtocolMemberAssignment.decode(member[-1])
            for name, numbers in assignment.assignment:
                held |= set(numbers) if name == topic else set()
    return len(members), frozenset(held), bool(members) and state != "Stable"
