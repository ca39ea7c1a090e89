"""The consumer on a broker: what it reads, commits and gives back. Work is settled by the test itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from ingest.topic import encode
from tagger.consumer import Assigned, Consumer
from tagger.core.limits import Limits
from tagger.core.offsets import decode
from tagger.core.work import Work
from tests.kafka.kafka import AnyKafka

WAIT_S = 30.0


def started(thread: str, text: str) -> dict[str, Any]:
    event = {"id": f"{thread}_1", "type": "message", "text": text, "author_id": "c", "visibility": "all"}
    return {
        "action": "incoming_chat",
        "organization_id": "org",
        "payload": {
            "chat": {
                "id": f"CHAT{thread}",
                "users": [{"id": "c", "type": "customer"}],
                "thread": {"id": thread, "active": True, "created_at": "2026-11-23T12:00:00Z", "events": [event]},
            }
        },
    }


def said(thread: str, number: int, text: str) -> dict[str, Any]:
    event = {"id": f"{thread}_{number}", "type": "message", "text": text, "author_id": "c", "visibility": "all"}
    payload = {"chat_id": f"CHAT{thread}", "thread_id": thread, "event": event}
    return {"action": "incoming_event", "organization_id": "org", "payload": payload}


def ended(thread: str) -> dict[str, Any]:
    payload = {"chat_id": f"CHAT{thread}", "thread_id": thread}
    return {"action": "chat_deactivated", "organization_id": "org", "payload": payload}


class Scene:
    """One topic with one partition, and consumers that come and go."""

    def __init__(self, kafka: AnyKafka, topic: str) -> None:
        self.kafka, self.topic = kafka, topic
        self.works: list[Work] = []
        self.hold: set[str] = set()  # threads whose work is not settled

    async def write(self, *webhooks: dict[str, Any]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap)
        await producer.start()
        try:
            for webhook in webhooks:
                payload = webhook["payload"]
                chat_id = payload["chat"]["id"] if "chat" in payload else payload["chat_id"]
                record = encode(webhook, "org", chat_id, 0)
                await producer.send_and_wait(self.topic, record.value, key=record.key)
        finally:
            await producer.stop()

    async def settle(self, assigned: Assigned, work: Work) -> None:
        self.works.append(work)
        while work.thread.thread_id in self.hold:
            await asyncio.sleep(0.02)
        assigned.state.settled(work.id, frozenset())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consumer]:
        stopping = asyncio.Event()
        consumer = Consumer(
            self.topic,
            f"group-{self.topic}",
            {"bootstrap_servers": self.kafka.bootstrap},
            session_timeout_s=6,
            group_instance_id=None,
            limits=Limits(),
            open_bytes_max=1 << 24,
            settle=self.settle,
        )
        await consumer.start()
        running = asyncio.create_task(consumer.run(stopping))
        try:
            yield consumer
        finally:
            stopping.set()
            await running

    async def committed(self) -> tuple[int, str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            tp = TopicPartition(self.topic, 0)
            stored = (await admin.list_consumer_group_offsets(f"group-{self.topic}", partitions=[tp]))[tp]
            return stored.offset, stored.metadata
        except GroupCoordinatorNotAvailableError:  # a new broker's first group: its topic is being made
            return -1, ""
        finally:
            await admin.close()


@pytest.fixture
def scene(kafka: AnyKafka, unique: str) -> Scene:
    kafka.create_topic(unique, 1)
    return Scene(kafka, unique)


async def until(what: Callable[[], Awaitable[bool] | bool]) -> None:
    """Look until it is so; TimeoutError where it does not come."""
    async with asyncio.timeout(WAIT_S):
        while True:
            seen = what()
            if seen if isinstance(seen, bool) else await seen:
                return
            await asyncio.sleep(0.05)


async def test_the_first_position_is_committed_before_anything_is_written(scene: Scene) -> None:
    async def is_committed() -> bool:
        return (await scene.committed())[0] == 0

    async with scene.running():
        await until(is_committed)


async def test_the_committed_offset_stays_at_an_end_until_it_is_settled(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"), started("T2", "hi"))
    scene.hold.add("T1")

    async def commits(offset: int) -> bool:
        return (await scene.committed())[0] == offset

    async with scene.running():
        await until(lambda: commits(1))
        await asyncio.sleep(1.5)  # a commit interval and more: it must not move
        assert await commits(1)
        scene.hold.clear()
        await until(lambda: commits(3))


async def test_an_open_thread_is_rebuilt_by_the_next_consumer(scene: Scene) -> None:
    await scene.write(started("T1", "my parcel"), said("T1", 2, "is late"))
    async with scene.running() as consumer:
        await until(lambda: consumer.assigned[0].state.stats().position == 2 if consumer.assigned else False)
    offset, metadata = await scene.committed()
    assert offset == 2
    hint = decode(metadata)
    assert getattr(hint, "replay_from", None) == 0
    await scene.write(ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.works) == 1)
    work = scene.works[0]
    assert work.incomplete is None
    assert [field for said in work.conversation.said for field in said.fields] == ["my parcel", "is late"]


async def test_a_clean_stop_and_start_repeats_no_work(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.works) == 1)
    async with scene.running() as consumer:
        await scene.write(started("T2", "hello"), ended("T2"))
        await until(lambda: len(scene.works) == 2)
        assert consumer.assigned[0].ready
    assert [work.thread.thread_id for work in scene.works] == ["T1", "T2"]


async def test_work_that_was_not_settled_is_done_by_the_next_consumer(scene: Scene) -> None:
    await scene.write(started("T1", "hello"), ended("T1"))
    scene.hold.add("T1")
    async with scene.running():
        await until(lambda: len(scene.works) == 1)
    scene.hold.clear()
    async with scene.running():
        await until(lambda: len(scene.works) == 2)
    assert (await scene.committed())[0] == 2


async def test_an_offset_without_metadata_makes_the_next_consumer_look_back(scene: Scene) -> None:
    await scene.write(started("T1", "my parcel"), said("T1", 2, "is late"))
    async with scene.running() as consumer:
        await until(lambda: consumer.assigned[0].state.stats().position == 2 if consumer.assigned else False)
    other = AIOKafkaConsumer(
        scene.topic,
        bootstrap_servers=scene.kafka.bootstrap,
        group_id=f"group-{scene.topic}",
        enable_auto_commit=False,
        session_timeout_ms=6_000,
    )
    await other.start()
    await other.commit({TopicPartition(scene.topic, 0): 2})
    await other.stop()
    assert (await scene.committed())[1] == ""
    await scene.write(ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.works) == 1)
    assert len(scene.works[0].conversation.said) == 2


async def test_a_value_of_junk_is_parked_work_and_holds_back_nothing(scene: Scene) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=scene.kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(scene.topic, b"\x00not json", key=b"org:CHATT1")
    await producer.stop()
    await scene.write(started("T1", "hello"), ended("T1"))
    async with scene.running():
        await until(lambda: len(scene.works) == 2)
    assert [work.kind for work in scene.works] == ["unreadable", "end"]
