"""From a webhook to a tag: both services as processes, a simulated LiveChat, on both brokers."""

import asyncio
import os
import random
import signal
from functools import partial
from pathlib import Path

import aiohttp
import orjson
from aiokafka import AIOKafkaProducer

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.freeze import freeze
from tests.integration.watch import everything_on, finished
from tests.kafka.kafka import AnyKafka, Kafka
from tests.stage import a_stage
from tests.webhooks import incoming_event, message

CHATS = 60
# A second member on the embedded broker waits for its rebalance window of the session time-out.
quick_stage = partial(a_stage, settings={"KAFKA_SESSION_TIMEOUT_S": "6"})


async def settled_rightly(stage: Stage) -> None:
    result = await stage.settled(DEADLINE_S)
    assert result.missing == ()
    assert result.wrong == ()
    assert result.set == result.expected > 0


async def decisions_of(stage: Stage) -> list[dict[str, object]]:
    return [orjson.loads(value) for value in await everything_on(stage.bootstrap, stage.names.decisions)]


async def conflicts_of(stage: Stage) -> set[object]:
    """The threads that a late message came to, too late to take back a tag."""
    return {d["thread_id"] for d in await decisions_of(stage) if d["outcome"] == "late_conflict"}


async def test_every_chat_gets_the_tags_its_conversation_calls_for_and_no_other(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with quick_stage(kafka, unique, tmp_path) as stage:
        await stage.play(visits(7, CHATS))
        await settled_rightly(stage)
        await until(lambda: finished(stage))  # chats that call for no tag, too
        assert await stage.tagger.stop() == 0
        assert await stage.ingest.stop() == 0
        decisions = await decisions_of(stage)
        ended = [played for played in stage.player.played.values() if not played.thread.active]
        assert {d["thread_id"] for d in decisions} == {played.thread.id for played in ended}
        assert {d["outcome"] for d in decisions} == {"tagged", "no_match"}


async def test_a_tagger_that_is_killed_again_and_again_misses_no_tag(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    chance = random.Random(7)
    async with quick_stage(kafka, unique, tmp_path) as stage:
        playing = asyncio.create_task(stage.play(visits(8, CHATS), 6.0))
        for _ in range(2):
            await asyncio.sleep(chance.uniform(0.5, 2.5))  # any moment will do
            await stage.tagger.kill()
            await stage.tagger.start()
        await playing
        await settled_rightly(stage)


async def test_a_tagger_that_stood_still_beyond_its_session_misses_no_tag(
    kafka_real: Kafka, unique: str, tmp_path: Path
) -> None:
    async with quick_stage(kafka_real, unique, tmp_path) as stage:
        playing = asyncio.create_task(stage.play(visits(9, CHATS), 6.0))
        await asyncio.sleep(2)
        assert stage.tagger.pid
        freeze(stage.tagger.pid)
        await asyncio.sleep(9)  # the session is 6 s
        os.kill(stage.tagger.pid, signal.SIGCONT)
        await playing
        await settled_rightly(stage)


async def test_duplicates_disorder_and_lost_answers_change_no_tag(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with quick_stage(kafka, unique, tmp_path) as stage:
        stage.livechat.sender.sending.duplicate_share = 0.3
        stage.livechat.sender.sending.in_order = False
        stage.livechat.sender.sending.held_back_s_max = 1.0
        stage.livechat.faults.append(Fault("lost", method="tag_thread", share=0.2))
        await stage.play(visits(11, CHATS))
        result = await stage.settled(DEADLINE_S)
        assert result.missing == ()
        # A message that comes after the end and makes a `none` hold takes nothing back; the manual says so.
        wrong = {thread_id for thread_id, _ in result.wrong}
        async with asyncio.timeout(DEADLINE_S):
            while not wrong <= await conflicts_of(stage):
                await asyncio.sleep(0.2)


def junk(secret: str) -> list[bytes]:
    """Bodies that are no webhooks of LiveChat, most of them with the right secret."""
    event = message("T_1", "refund", "c")
    signed = incoming_event("C", "T", event, secret_key=secret)
    payload = signed["payload"]
    odd: list[object] = [None, True, 0, -1.5, "", "x", [], {}, [[]], {"id": {}}]
    bodies = [
        orjson.dumps({**signed, "payload": {**payload, field: value}}) for field in payload for value in odd
    ]
    bodies += [orjson.dumps({**signed, "payload": value}) for value in odd]
    bodies += [
        orjson.dumps({**signed, "payload": {**payload, "event": {**event, field: value}}})
        for field in event
        for value in odd
    ]
    whole = orjson.dumps(signed)
    bodies += [
        b"",
        b"null",
        b"\x00",
        b"{" * 100_000,
        b'{"secret_key":NaN}',
        whole[:-1],
        whole.replace(b"refund", b"\xff\xfe"),
        whole.replace(b"refund", b"\\ud83d"),
        whole.replace(b"refund", b"\\u0000"),
        whole.replace(b"refund", b"x" * 1_000_000),
        whole.replace(secret.encode(), b"wrong"),
    ]
    return bodies


async def test_junk_stops_nothing_and_the_chats_around_it_are_tagged(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with quick_stage(kafka, unique, tmp_path) as stage, aiohttp.ClientSession() as sender:
        bodies = junk(stage.secret)
        playing = asyncio.create_task(stage.play(visits(12, CHATS), 20.0))
        address = f"http://127.0.0.1:{stage.ingest.settings['INGEST_PORT']}/webhooks/livechat"
        statuses = set()
        for body in bodies:
            async with sender.post(
                address, data=body, headers={"Content-Type": "application/json"}
            ) as answer:
                statuses.add(answer.status)
        producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
        await producer.start()
        for number, body in enumerate(bodies[:-2]):
            await producer.send(stage.names.webhooks, body, key=b"junk:%d" % number)
        await producer.stop()
        await playing
        await settled_rightly(stage)
        assert statuses <= {200, 400, 401, 413}
        assert await stage.tagger.stop() == 0
