"""More chats than a tagger can do: played on a simulated LiveChat, written to the topic as `ingest` writes them.

A simulated sender of HTTP, `ingest` and the tagger on one machine would take CPU from each other, and the rate
would be the machine's. So the webhooks go straight to the topic, by the function that `ingest` encodes them with.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, Final, Self

import orjson
from aiokafka import AIOKafkaProducer

from ingest import delivery
from tagger.simulator.livechat.webhooks import Sender
from tagger.simulator.play.player import Comparison, Played, compare
from tagger.simulator.play.visitors import Visit, visits
from tagger.simulator.stage.stage import Stage

BEAT_S: Final = 0.05  # chats are played in small groups: 200 a second are more than timers are exact for


class TopicSender(Sender):
    """Takes webhooks in place of the HTTP sender."""

    to_write: asyncio.Queue[delivery.Keep]

    def send(self, url: str, envelope: dict[str, Any], chat_id: str, thread_id: str) -> None:
        read = delivery.read(
            orjson.dumps(envelope), (envelope["secret_key"].encode(),), time.time_ns() // 10**6
        )
        if isinstance(read, delivery.Keep):  # else an action that is not stored
            self.to_write.put_nowait(read)


class Flood:
    """An async context manager. `chats` are all that were played; nothing of them is forgotten."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.chats: list[Played] = []
        self.records = 0
        self._stage = stage
        self._visits: Iterator[Visit] = visits(seed)
        self._queue: asyncio.Queue[delivery.Keep] = asyncio.Queue()
        self._producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap, acks="all", linger_ms=5)
        old = stage.livechat.sender
        stage.livechat.sender = TopicSender(old.post, old.clock, old.rng)
        stage.livechat.sender.to_write = self._queue

    async def __aenter__(self) -> Self:
        await self._producer.start()
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writing
        await self._producer.stop()

    async def play(self, chats_per_s: float, seconds: float) -> float:
        """Play at this rate for so long; the rate that came about, when all of it is on the topic."""
        began, before = time.monotonic(), len(self.chats)
        while (passed := time.monotonic() - began) < seconds:
            while len(self.chats) - before < passed * chats_per_s:
                await self._play_visit()
            await asyncio.sleep(BEAT_S)
        await self.written()
        return (len(self.chats) - before) / (time.monotonic() - began)

    async def written(self) -> None:
        """Everything that was played is acknowledged."""
        await self._queue.join()
        await self._producer.flush()

    def compared(self) -> Comparison:
        return compare(self.chats)

    async def _play_visit(self) -> None:
        organizations, chat_id = self._stage.organizations, None
        organization = organizations[len(self.chats) % len(organizations)]
        for conversation in next(self._visits).conversations:
            thread = await self._stage.player.play_conversation(conversation, organization, chat_id)
            self.chats.append(Played(conversation, thread))
            chat_id = thread.chat.id

    async def _write(self) -> None:
        while True:
            record = (await self._queue.get()).record
            await self._producer.send(
                self._stage.names.webhooks, record.value, record.key, headers=list(record.headers)
            )
            self.records += 1
            self._queue.task_done()
