"""Plays a drawn past to a real `tagger run`: writes the webhooks as ingest does, and waits for each decision.

The records have times of the past week. Most chats belong to organizations without credentials, which costs no
call. Of the others LiveChat takes all tags but one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from ingest.topic import record_key
from tagger.simulator.livechat.account import Chat, Tag
from tagger.simulator.livechat.account import Thread as LiveChatThread
from tagger.simulator.stage.stage import Stage
from tests.deadline import until
from tests.integration.history.seeded_truth import (
    MINUTE,
    PAST,
    SETS,
    UNKNOWN_TAG,
    WINDOW,
    Drawing,
    Made,
    Thread,
    as_yaml,
    decided,
)
from tests.integration.watch import everything_on, labelled
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage
from tests.webhooks import (
    AGENT,
    CUSTOMER,
    chat_deactivated,
    get_chat,
    incoming_chat,
    incoming_event,
    message,
    tag_change,
)

Timed = tuple[int, Thread, dict[str, Any], bool]  # when, of which thread, what; is it one to be decided?
STRANGE: Final = (b"{", b"[]", b'{"kind": "other"}')  # records of somebody else
REPEATED: Final = 0.05  # of webhooks that LiveChat sends again


class Play:
    """One past on the topics of a stage."""

    def __init__(self, stage: Stage, config: Path, seed: int, now_ms: int) -> None:
        self._stage, self._config, self._chance = stage, config, Random(seed)
        self._known = stage.organizations[0]
        self._drawing, self.now_ms = Drawing(seed, now_ms, self._known.id), now_ms
        self._expected = set[tuple[str, int, int]]()  # places of decisions and corrections
        self.threads: list[Thread] = []
        self.hashes: list[str] = []
        self._rules: Sequence[Any] = ()

    async def run(self, chats: int) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._stage.bootstrap, linger_ms=5)
        await self._producer.start()
        try:
            late: list[Thread] = []
            for number, rules in enumerate(SETS):
                await self._in_force(rules)
                end = self.now_ms - PAST + (number + 1) * WINDOW
                await self._say_late(late, end - WINDOW + 2 * MINUTE)  # to chats that the last set decided
                threads = self._drawing.window(number, chats // len(SETS))
                if number == len(SETS) - 1:
                    threads += self._drawing.open()
                self.threads += threads
                await self._play(threads)
                late = [thread for thread in threads if thread.late]
                await self._correct(threads, end)
                await self._say_late(late[::2], end + MINUTE)
            await self._repeat_decisions()
        finally:
            await self._producer.stop()

    async def _in_force(self, rules: Sequence[Any]) -> None:
        draft = self._config.with_name("draft")
        draft.write_text(as_yaml(rules))
        draft.replace(self._config / "rules.yaml")

        async def is_new() -> bool:
            self._hash = await labelled(self._stage.tagger, "tagger_keywords_info", "hash")
            return self._hash not in {"", *self.hashes}

        if self.hashes:
            await until(is_new)
        else:
            assert await is_new()
        self.hashes.append(self._hash)
        self._rules = rules

    async def _play(self, threads: Sequence[Thread]) -> None:
        for thread in threads:
            if thread.organization == self._known.id:
                self._is_there(thread)
        timed = [each for thread in threads for each in self._webhooks(thread)]
        await self._write(sorted(timed, key=lambda each: each[0]))

    def _is_there(self, thread: Thread) -> None:
        """LiveChat takes tags for it."""
        made = self._known.chats.setdefault(thread.chat, Chat(thread.chat, self._known, ()))
        began = datetime.fromtimestamp(thread.began_ms / 1000, UTC)
        made.threads.append(LiveChatThread(thread.id, made, began, (0,), active=False))

    def _webhooks(self, thread: Thread) -> list[Timed]:
        minutes = ((thread.ended_ms or thread.began_ms + 5 * MINUTE) - thread.began_ms) // (
            len(thread.said) + 2
        )
        events = [
            message(f"{thread.id}_{number}", text, CUSTOMER if author == "customer" else AGENT)
            for number, (author, text) in enumerate(thread.said)
        ]
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(thread.began_ms // 1000))
        begin = get_chat(thread.id, events=events[:1], active=True, chat=thread.chat, created_at=created)
        made = [incoming_chat(begin, thread.organization)]
        made += [incoming_event(thread.chat, thread.id, event, thread.organization) for event in events[1:]]
        if not thread.is_whole:
            made = made[1:]
            thread.said = thread.said[1:]
        timed = [(thread.began_ms + number * minutes, thread, one, False) for number, one in enumerate(made)]
        last = thread.ended_ms or thread.began_ms + 5 * MINUTE
        timed += [(last - 1, thread, self._tagged(thread, "added", tag), True) for tag in thread.before]
        timed += [each for each in timed if not each[3] and self._chance.random() < REPEATED]
        if thread.ended_ms is not None:
            end = chat_deactivated(thread.chat, thread.id, thread.organization)
            timed.append((thread.ended_ms, thread, end, True))
            if self._chance.random() < REPEATED:
                timed.append((thread.ended_ms + 1, thread, end, False))
        return timed

    @staticmethod
    def _tagged(thread: Thread, change: str, tag: str) -> dict[str, Any]:
        thread.people.append((change, tag))
        action = "thread_tagged" if change == "added" else "thread_untagged"
        return tag_change(action, thread.chat, thread.id, tag, thread.organization)

    async def _write(self, timed: Sequence[Timed]) -> None:
        """Write records, and wait until those that make a decision or a correction have made it."""
        waits: list[tuple[Timed, asyncio.Future[Any]]] = []
        for each in timed:
            at_ms, thread, webhook, is_awaited = each
            sent = await self._producer.send(
                self._stage.names.webhooks,
                orjson.dumps(webhook),
                key=record_key(thread.organization, thread.chat),
                timestamp_ms=at_ms,
            )
            if is_awaited:
                waits.append((each, sent))
        for (_, thread, webhook, _), sent in waits:
            stored = await sent
            place = (stored.topic, stored.partition, stored.offset)
            self._expected.add(place)
            if webhook["action"] in {"chat_deactivated", "incoming_event"}:
                assert thread.ended_ms is not None
                tags, reasons = decided(self._rules, thread.said, is_whole=thread.is_whole)
                outcome = thread.outcome_of(tags)
                made = Made(self.hashes[-1], tags, reasons, thread.ended_ms, place, outcome)
                thread.decisions.append(made)
        await until(self._all_made)

    async def _all_made(self) -> bool:
        places = {(one["topic"], one["partition"], one["offset"]) for one in await self.records()}
        return self._expected <= places

    async def records(self) -> list[dict[str, Any]]:
        """What the service wrote on the topic of decisions."""
        values = await everything_on(self._stage.bootstrap, self._stage.names.decisions)
        return [orjson.loads(value) for value in values]

    async def _say_late(self, threads: Sequence[Thread], at_ms: int) -> None:
        """One late message to each thread, after its decision; then a second where there is one."""
        while threads := [thread for thread in threads if thread.late]:
            timed: list[Timed] = []
            for thread in threads:
                text = thread.late.pop(0)
                event = message(f"{thread.id}_late{len(thread.said)}", text, CUSTOMER)
                thread.said.append(("customer", text))
                webhook = incoming_event(thread.chat, thread.id, event, thread.organization)
                timed.append((at_ms, thread, webhook, True))
            await self._write(timed)
            at_ms += 1_000

    async def _correct(self, threads: Sequence[Thread], at_ms: int) -> None:
        timed: list[Timed] = []
        for thread in threads:
            if thread.ended_ms is None:
                continue
            if thread.tags and self._chance.random() < 0.12:
                tag = self._chance.choice(sorted(thread.tags))
                timed.append((at_ms, thread, self._tagged(thread, "removed", tag), True))
            missing = sorted({"Refund", "Upset"} - thread.tags)
            if missing and self._chance.random() < 0.06:
                tag = self._chance.choice(missing)
                timed.append((at_ms, thread, self._tagged(thread, "added", tag), True))
                if self._chance.random() < 0.3:
                    timed.append((at_ms + 1, thread, self._tagged(thread, "removed", tag), True))
        await self._write(sorted(timed, key=lambda each: each[0]))

    async def _repeat_decisions(self) -> None:
        """As after a crash before a commit."""
        for record in self._chance.sample(await self.records(), 25):
            key = record_key(record["organization"], record["chat_id"])
            await self._producer.send(self._stage.names.decisions, orjson.dumps(record), key=key)
        await self._producer.flush()


async def disturb(bootstrap: str, topic: str) -> None:
    """Put records of somebody else on the topic; after the stage, which looks at whether all fit their schema."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value in STRANGE:
            await producer.send_and_wait(topic, value, key=b"x")


@asynccontextmanager
async def played(
    kafka: AnyKafka, unique: str, folder: Path, seed: int, chats: int
) -> AsyncIterator[tuple[Play, Stage]]:
    """A past that the real service has decided on."""
    config = folder / "config"
    config.mkdir()
    (config / "rules.yaml").write_text(as_yaml(SETS[0]))
    settings = {"TAGGER_CONFIG": str(config), "TAGGER_LINGER_S": "3600"}
    async with a_stage(kafka, unique, folder, versions=("3.6",), settings=settings) as stage:
        known = stage.organizations[0]
        tags = {rule["tag"] for rules in SETS for rule in rules} - {UNKNOWN_TAG}
        known.tags = {tag.lower(): Tag(tag, (0,), "a@x.example", datetime.now(UTC)) for tag in tags}
        play = Play(stage, config, seed, time.time_ns() // 1_000_000)
        await play.run(chats)
        yield play, stage
