"""`tagger webhooks tail` as a process: what is sent once it says that it waits is shown, all of it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaConnection
from ingest.topic import encode, record_key
from tagger.commands.webhooks_topic import LOOK_BACK_MS, arriving
from tests.deadline import DEADLINE_S
from tests.kafka.kafka import AnyKafka

PARTITIONS: Final = 4


async def send(kafka: AnyKafka, topic: str, chat: str, at_ms: int | None = None) -> None:
    """One webhook into each partition, of chats that begin with `chat`."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for partition in range(PARTITIONS):
            chat_id = f"{chat}{partition}"
            webhook = {
                "action": "incoming_chat",
                "organization_id": "org",
                "payload": {"chat": {"id": chat_id}},
            }
            value = encode(webhook, "org", chat_id, 0).value
            await producer.send_and_wait(topic, value, record_key("org", chat_id), partition, at_ms)


@asynccontextmanager
async def tailing(kafka: AnyKafka, topic: str) -> AsyncIterator[asyncio.StreamReader]:
    """Its output, from the moment at which it says that it waits."""
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap, "KAFKA_WEBHOOKS_TOPIC": topic}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tagger", "webhooks", "tail"),
        env={**os.environ, **settings},
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout
    assert process.stderr
    try:
        assert b"waiting for webhooks" in await asyncio.wait_for(process.stderr.readline(), DEADLINE_S)
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def chats_in(output: asyncio.StreamReader, count: int) -> set[str]:
    lines = [await asyncio.wait_for(output.readline(), DEADLINE_S) for _ in range(count)]
    return {line.decode().split("org:")[1].strip() for line in lines}


async def test_nothing_is_missed_of_what_is_sent_at_once(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, PARTITIONS)
    async with tailing(kafka, unique) as output:
        await send(kafka, unique, "new")
        assert await chats_in(output, PARTITIONS) == {f"new{number}" for number in range(PARTITIONS)}


@pytest.mark.embedded_gap("no time index")
async def test_what_was_sent_while_it_started_is_shown(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, PARTITIONS)
    await send(kafka, unique, "old", at_ms=now_ms() - 2 * LOOK_BACK_MS)
    await send(kafka, unique, "new", at_ms=now_ms() + 60_000)  # however long it takes to start here
    settings: dict[str, Any] = {"kafka_bootstrap_servers": kafka.bootstrap, "kafka_webhooks_topic": unique}
    async with arriving(KafkaConnection(**settings)) as consumer:
        assert {await consumer.position(tp) for tp in consumer.assignment()} == {1}
