"""What has the tagger's input and output and does not think, as a process.

    python -m tests.bench.tagger.bare BOOTSTRAP TOPIC DECISIONS URL

aiokafka's `getmany`, `orjson.loads` of each record; at each end one POST through aiohttp for two of three chats, and
then one record with acks=all. Its offsets are committed every second, whatever is under way.
"""

import asyncio
import sys
from typing import Final

import aiohttp
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.tagger.chats import is_tagged

UNDER_WAY_MAX: Final = 1_000  # ends, as in the tagger


HEADERS: Final = {"Authorization": "Basic abc", "Content-Type": "application/json"}


async def connections(
    bootstrap: str, topic: str, group: str
) -> tuple[AIOKafkaConsumer, AIOKafkaProducer, aiohttp.ClientSession]:
    """To Kafka and to LiveChat; they end with the process."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        auto_commit_interval_ms=1_000,
        max_partition_fetch_bytes=2 << 20,
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5)
    await consumer.start()
    await producer.start()
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=256), cookie_jar=aiohttp.DummyCookieJar(), headers=HEADERS
    )
    return consumer, producer, session


async def serve(bootstrap: str, topic: str, decisions: str, url: str) -> None:
    consumer, producer, session = await connections(bootstrap, topic, f"{topic}-bare")
    room = asyncio.Semaphore(UNDER_WAY_MAX)
    running: set[asyncio.Task[None]] = set()

    async def settle(key: bytes, chat_id: str, thread_id: str) -> None:
        async with room:
            if is_tagged(int(chat_id[-7:])):
                body = orjson.dumps({"chat_id": chat_id, "thread_id": thread_id, "tag": "Tag 1"})
                async with session.post(f"{url}/agent/action/tag_thread", data=body) as answer:
                    await answer.read()
            record = orjson.dumps({"chat_id": chat_id, "thread_id": thread_id, "tags": ["Tag 1"]})
            await producer.send_and_wait(decisions, record, key=key)

    while True:
        for batch in (await consumer.getmany(timeout_ms=200, max_records=2_000)).values():
            for record in batch:
                webhook = orjson.loads(record.value)
                if webhook["action"] == "chat_deactivated":
                    payload = webhook["payload"]
                    task = asyncio.create_task(settle(record.key, payload["chat_id"], payload["thread_id"]))
                    running.add(task)
                    task.add_done_callback(running.discard)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
