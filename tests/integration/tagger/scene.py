"""One topic, consumers that come and go, and a test that settles their jobs itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from ingest.runtime.kafka import KafkaSettings
from ingest.topic import encode
from tagger.core.limits import Limits
from tagger.core.partition.offsets import Hint
from tagger.core.partition.offsets import encode as encode_hint
from tagger.core.partition.protocol import Job
from tagger.kafka.assigned import Assigned
from tagger.kafka.consumer import Consumer
from tagger.metrics import Metrics
from tests.kafka.kafka import AnyKafka
from tests.webhooks import chat_deactivated, get_chat, incoming_chat, incoming_event, message


def started(thread: str, text: str) -> dict[str, Any]:
    events = [message(f"{thread}_1", text)]
    return incoming_chat(
        get_chat(thread, events=events, active=True, chat=f"CHAT{thread}", created_at="2026-11-23T12:00:00Z")
    )


def said(thread: str, number: int, text: str) -> dict[str, Any]:
    return incoming_event(f"CHAT{thread}", thread, message(f"{thread}_{number}", text))


def ended(thread: str) -> dict[str, Any]:
    return chat_deactivated(f"CHAT{thread}", thread)


def whole_thread(number: int) -> list[dict[str, Any]]:
    """Begin, word and end of the thread of that number."""
    return [started(f"T{number}", "hello"), said(f"T{number}", 2, "refund"), ended(f"T{number}")]


def position_of(consumer: Consumer, partition: int = 0) -> int:
    """How far it has read; -1 where it does not have the partition."""
    return consumer.assigned[partition].state.stats().position if consumer.assigned else -1


class Scene:
    """One topic, and consumers that come and go."""

    def __init__(self, kafka: AnyKafka, topic: str, partitions: int = 1) -> None:
        self.kafka, self.topic, self.partitions = kafka, topic, partitions
        self.metrics = Metrics()
        self.jobs: list[Job] = []
        self.settled: list[str] = []  # thread ids
        self.hold: set[str] = set()  # threads that are not settled
        self.hold_all = False

    async def write(self, *webhooks: dict[str, Any]) -> None:
        """Put webhooks on the topic, in this order."""
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap)
        await producer.start()
        try:
            for webhook in webhooks:
                payload = webhook["payload"]
                chat_id = payload["chat"]["id"] if "chat" in payload else payload["chat_id"]
                record = encode(webhook, "org", chat_id, 0)
                await producer.send(self.topic, record.value, key=record.key)
            await producer.flush()
        finally:
            await producer.stop()

    async def settle(self, assigned: Assigned, job: Job) -> None:
        self.jobs.append(job)
        while self.hold_all or job.thread.thread_id in self.hold:
            await asyncio.sleep(0.02)
        if not assigned.closed:
            self.settled.append(job.thread.thread_id)
            assigned.state.settled(job.id, frozenset())

    def tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    async def commit(self, partition: int, *, offset: int, replay_from: int, record_ms: int) -> None:
        """What an earlier member of the group committed."""
        group = f"group-{self.topic}"
        member = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap, group_id=group, enable_auto_commit=False
        )
        await member.start()
        try:
            member.assign([self.tp(partition)])
            hint = encode_hint(Hint(replay_from, record_ms, 0))
            await member.commit({self.tp(partition): OffsetAndMetadata(offset, hint)})
        finally:
            await member.stop()

    async def committed_is(self, partition: int, offset: int) -> bool:
        return (await self.committed(partition))[0] == offset

    @asynccontextmanager
    async def running(
        self, limits: Limits | None = None, instance_id: str | None = None
    ) -> AsyncIterator[Consumer]:
        """A member of the group, until the block ends."""
        stopping = asyncio.Event()
        kafka: dict[str, Any] = {
            "kafka_bootstrap_servers": self.kafka.bootstrap,
            "kafka_webhooks_topic": self.topic,
            "kafka_session_timeout_s": 6,
            "kafka_group_instance_id": instance_id,
        }
        consumer = Consumer(
            KafkaSettings(**kafka),
            f"group-{self.topic}",
            limits=limits or Limits(),
            open_bytes_max=1 << 24,
            settle=self.settle,
            metrics=self.metrics,
        )
        await consumer.start()
        running = asyncio.create_task(consumer.run(stopping))
        try:
            yield consumer
        finally:
            stopping.set()
            await running

    async def ends(self) -> dict[TopicPartition, int]:
        """The next offset of each partition."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap)
        await reader.start()
        try:
            ends: dict[TopicPartition, int] = await reader.end_offsets(
                [TopicPartition(self.topic, number) for number in range(self.partitions)]
            )
            return ends
        finally:
            await reader.stop()

    async def committed(self, partition: int = 0) -> tuple[int, str]:
        """(offset, metadata) of the group; offset -1 where there is none."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            tp = TopicPartition(self.topic, partition)
            stored = (await admin.list_consumer_group_offsets(f"group-{self.topic}", partitions=[tp]))[tp]
            return stored.offset, stored.metadata
        except (KafkaError, AttributeError, KeyError):  # a new broker's first group: its topic is being made
            return -1, ""
        finally:
            await admin.close()

    def has_settled(self, threads: int) -> bool:
        """Whether it were so many."""
        return len(set(self.settled)) >= threads

    async def all_committed(self) -> bool:
        """Whether the group's offsets stand at the log's ends."""
        ends = await self.ends()
        return all([(await self.committed(tp.partition))[0] == end for tp, end in ends.items()])
