"""Shows which customers wait in LiveChat's queue, and calls QUEUE_CALLBACK_URL when one begins or ceases to wait.

`incoming_chat` says that a customer waits. Here that is over when an agent writes, the thread ends, or after WAIT_S_MAX.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from typing import Any, NamedTuple

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import load

GROUP = "queue-example"
LOOK_BACK = 5_000  # records a partition that are read at the start: who waits already
WAIT_S_MAX = 3_600.0
WAITING_MAX = 10_000  # customers, about 300 bytes each; who comes later is not shown
CALL_TIMEOUT_S = 5.0
Key = tuple[str, str]  # chat and thread


class Wait(NamedTuple):
    """One customer who waits."""

    organization: str
    customer: str
    position: int  # where they began; LiveChat sends no webhook when the queue moves
    since: float  # Unix, s


def take(waiting: dict[Key, Wait], webhook: dict[str, Any], at: float) -> tuple[Key, Wait, bool] | None:
    """Note what a webhook says, at this time; who began (True) or ceased (False) to wait, if anybody did."""
    payload = webhook["payload"]
    if webhook["action"] == "incoming_chat":
        chat, thread = payload["chat"], payload["chat"]["thread"]
        customer = next((user["id"] for user in chat["users"] if user["type"] == "customer"), "")
        key, queue = (chat["id"], thread["id"]), thread.get("queue")
        if queue and thread["active"] and key not in waiting and len(waiting) < WAITING_MAX:
            owner = str(webhook.get("organization_id") or webhook.get("license_id"))
            waiting[key] = Wait(owner, customer, queue["position"], at)
            return key, waiting[key], True
        return None
    key = (payload["chat_id"], payload.get("thread_id") or "")
    if wait := waiting.get(key):
        event = payload.get("event", {})
        answered = event.get("visibility", "all") == "all" and event.get("author_id") not in {
            None,
            wait.customer,
        }
        if webhook["action"] == "chat_deactivated" or answered:
            return key, waiting.pop(key), False
    return None


class FromLately(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Reads each partition from LOOK_BACK records before its end."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Nothing is kept of them."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin there."""
        starts = await self.consumer.beginning_offsets(assigned)
        for partition, end in (await self.consumer.end_offsets(assigned)).items():
            self.consumer.seek(partition, max(starts[partition], end - LOOK_BACK))


async def call(session: aiohttp.ClientSession, key: Key, wait: Wait, begins: bool) -> None:
    """Tell it to the callback, once: an hour later nobody wants to know."""
    if url := os.environ.get("QUEUE_CALLBACK_URL"):
        told = {**wait._asdict(), "chat_id": key[0], "thread_id": key[1], "waiting": begins}
        try:
            async with session.post(url, json=told) as response:
                response.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            print(f"callback: {type(error).__name__}", file=sys.stderr, flush=True)


def show(waiting: dict[Key, Wait], now: float) -> None:
    """Print who waits, longest first; on a terminal, in place of what was there."""
    rows = [f"{now - w.since:7.0f} s  place {w.position:2}  chat {key[0]}" for key, w in waiting.items()]
    clear = "\x1b[H\x1b[J" if sys.stdout.isatty() else ""
    print(clear + "\n".join([f"{len(rows)} waiting", *rows]), flush=True)


async def main() -> None:
    """Read webhooks until somebody ends it."""
    settings, waiting, shown, began = load(KafkaSettings), dict[Key, Wait](), list[Key](), time.time()
    consumer = AIOKafkaConsumer(**settings.client_options(), group_id=GROUP)
    consumer.subscribe([settings.kafka_webhooks_topic], listener=FromLately(consumer))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CALL_TIMEOUT_S)) as session, consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    try:
                        change = take(waiting, json.loads(record.value), record.timestamp / 1000)
                    except (AttributeError, KeyError, TypeError, ValueError):
                        continue  # of a shape that nobody promised
                    if change and record.timestamp / 1000 >= began:  # who waited before was told already
                        await call(session, *change)
            now = time.time()
            for key in [key for key, wait in waiting.items() if now - wait.since > WAIT_S_MAX]:
                del waiting[key]
            if list(waiting) != shown or sys.stdout.isatty():
                show(waiting, now)
                shown = list(waiting)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
