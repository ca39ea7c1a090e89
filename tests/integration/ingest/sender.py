"""A LiveChat that sends webhooks to one `ingest`, and a look at what came out on the topic."""

from typing import Any, Final

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.webhooks import incoming_event, message

PATIENCE_S: Final = 10  # LiveChat's own with an answer; for what measures, not for what waits
SECRET: Final = "right"


def event(chat: int, number: int, **changed: Any) -> bytes:
    """The n-th message of a chat."""
    webhook = incoming_event(f"C{chat}", f"T{chat}", message(f"T{chat}_{number}", "hi"), "o")
    return orjson.dumps({"secret_key": SECRET, **webhook, **changed})


class Sender:
    """A LiveChat that remembers what was answered 200, by chat in order."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session, self.port = session, port
        self.stored: list[tuple[str, str]] = []
        self.statuses: list[int] = []

    async def send(self, body: bytes, **headers: str) -> int:
        async with self._session.post(
            f"http://127.0.0.1:{self.port}/webhooks/livechat",
            data=body,
            headers={"Content-Type": "application/json", **headers},
        ) as answer:
            await answer.read()
        self.statuses.append(answer.status)
        return answer.status

    async def chat(self, chat: int, count: int, first: int = 0) -> None:
        """Send messages of one chat, each after the answer to the one before."""
        for number in range(first, first + count):
            if await self.send(event(chat, number)) == 200:
                self.stored.append((f"C{chat}", f"T{chat}_{number}"))


async def records(bootstrap: str, topic: str) -> list[tuple[str, str]]:
    """(chat_id, event id) of all records of a topic, partition by partition, in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for n in sorted(await partitions_of(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found = []
        for partition in partitions:
            while await consumer.position(partition) < ends[partition]:
                for record in (await consumer.getmany(partition, timeout_ms=200)).get(partition, []):
                    value = orjson.loads(record.value)
                    assert SECRET.encode() not in record.value
                    found.append((value["payload"]["chat_id"], value["payload"]["event"]["id"]))
        return found
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    cluster = await consumer._client.fetch_all_metadata()
    return set(cluster.partitions_for_topic(topic))


def assert_nothing_lost(stored: list[tuple[str, str]], found: list[tuple[str, str]]) -> None:
    """Each stored webhook is on the topic, and in each chat first copies have the order of the answers."""
    assert set(stored) <= set(found)
    first: dict[tuple[str, str], int] = {}
    for place, record in enumerate(found):
        first.setdefault(record, place)
    chats: dict[str, list[int]] = {}
    for record in stored:
        chats.setdefault(record[0], []).append(first[record])
    assert all(places == sorted(places) for places in chats.values())
