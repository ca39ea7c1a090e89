"""A past on the topics, made up by a seed: chats with their decisions and corrections, and what must be counted."""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record, rfc3339
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of
from tests.webhooks import chat_deactivated, get_chat, incoming_chat, incoming_event, message

ORGANIZATIONS: Final = ("org-a", "org-b")
CONFIG: Final = "0123456789ab"
MINUTE: Final = 60_000
MARK: Final = "kanarienvogel"  # in everything that people say


@dataclass
class Told:
    """One thread as it was played."""

    thread: ThreadKey
    texts: list[str]
    ended_at_ms: int | None  # None: it is still open
    cut: bool  # its beginning is not on the topic
    tags: list[str] = field(default_factory=list)  # of its newest decision
    decisions: int = 0
    removed: list[str] = field(default_factory=list)


@dataclass
class Past:
    """All threads, by id, and what else is on the topics."""

    threads: dict[str, Told] = field(default_factory=dict)
    damaged: int = 0  # webhooks that cannot be read
    unusable: int = 0  # records of decisions that are not ours


class Play:
    """Writes a past to the topics of `names_of(unique)`."""

    def __init__(self, kafka: AnyKafka, unique: str, seed: int, now_ms: int) -> None:
        self._chance, self._names, self._now = Random(seed), names_of(unique), now_ms
        self._bootstrap = kafka.bootstrap
        self.past = Past()

    async def run(self, chats: int) -> Past:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, linger_ms=1)
        await self._producer.start()
        try:
            for number in range(chats):
                await self._chat(number)
            for _ in range(3):
                await self._producer.send(self._names.decisions, b"{", key=b"x")
                self.past.unusable += 1
            await self._producer.flush()
        finally:
            await self._producer.stop()
        return self.past

    async def _chat(self, number: int) -> None:
        chance, organization = self._chance, self._chance.choice(ORGANIZATIONS)
        chat_id, thread_id = f"C{number:05}", f"T{number:05}"
        began = self._now - chance.randrange(60, 600) * MINUTE
        words = [
            chance.choice(["refund", "late parcel", "thanks", "hello"]) for _ in range(chance.randrange(1, 6))
        ]
        texts = [f"{word} {MARK}" for word in words]
        told = Told(ThreadKey(organization, chat_id, thread_id), texts, None, chance.random() < 0.05)
        self.past.threads[thread_id] = told
        if not told.cut:
            first = get_chat(
                thread_id,
                events=[message(f"{thread_id}_0", texts[0])],
                active=True,
                chat=chat_id,
                created_at=rfc3339(began),
            )
            await self._webhook(told, incoming_chat(first, organization), began)
        for place, text in enumerate(texts[1:], 1):
            event = message(f"{thread_id}_{place}", text)
            await self._webhook(told, incoming_event(chat_id, thread_id, event, organization), began)
        if chance.random() < 0.1:
            return
        told.ended_at_ms = began + 10 * MINUTE
        end = chat_deactivated(chat_id, thread_id, organization)
        source = await self._webhook(told, end, told.ended_at_ms)
        if chance.random() < 0.1:
            return
        await self._decide(told, words, source)

    async def _decide(self, told: Told, words: list[str], place: Source) -> None:
        chance = self._chance
        told.tags = sorted({word.split()[0].title() for word in words if word in {"refund", "late parcel"}})
        because = tuple(Reason(tag.lower(), tag, tag.lower(), "E", 0, 4) for tag in told.tags)
        made = Decision(tuple(told.tags), because, (), CONFIG)
        assert told.ended_at_ms is not None
        record = decision_record(
            told.thread,
            made,
            "tagged" if told.tags else "no_match",
            place,
            read_from="webhooks",
            messages=len(words),
            ended_at_ms=told.ended_at_ms,
            settled_at_ms=told.ended_at_ms + 1_000,
        )
        told.decisions = 1
        for _ in range(chance.choice([1, 1, 1, 2])):  # at least once
            await self._decision(told, record)
        if told.tags and chance.random() < 0.2:
            told.removed = told.tags[:1]
            await self._decision(
                told,
                correction_record(
                    told.thread,
                    told.tags[0],
                    "removed",
                    place._replace(offset=place.offset + 1),
                    told.ended_at_ms + MINUTE,
                ),
            )

    async def _webhook(self, told: Told, webhook: dict[str, Any], at_ms: int) -> Source:
        """Only an end is waited for: its offset is needed, and all before it is there then, too."""
        organization, chat_id, _ = told.thread
        key = record_key(organization, chat_id)
        sent = await self._producer.send(
            self._names.webhooks, orjson.dumps(webhook), key=key, timestamp_ms=at_ms
        )
        if webhook["action"] != "chat_deactivated":
            return Source("", 0, 0)
        stored = await sent
        return Source(stored.topic, stored.partition, stored.offset)

    async def _decision(self, told: Told, record: dict[str, Any]) -> None:
        organization, chat_id, _ = told.thread
        await self._producer.send(
            self._names.decisions, orjson.dumps(record), key=record_key(organization, chat_id)
        )
