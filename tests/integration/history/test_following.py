"""Decisions are followed over outages and gaps: each comes once, and what does not come is told."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from contextlib import aclosing
from typing import Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records.decision import Source, decision_record
from tagger.kafka import log as log_module
from tagger.kafka.following import Missed, News, keep_following
from tagger.kafka.log import Chunk
from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S
from tests.freeze import freeze
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import ended
from tests.integration.tagger.test_reader import write
from tests.kafka.kafka import AnyKafka

NOW: Final = time.time_ns() // 1_000_000


async def decide(bootstrap: str, topic: str, count: int) -> None:
    place, nothing = Source("webhooks", 0, 1), Decision((), (), (), "0123456789ab")
    made = decision_record(
        ThreadKey("org", "C", "T"),
        nothing,
        "no_match",
        place,
        read_from="webhooks",
        messages=1,
        ended_at_ms=NOW,
        settled_at_ms=NOW,
    )
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for _ in range(count):
            await producer.send_and_wait(topic, orjson.dumps(made), partition=0)


async def gathered(kafka: AnyKafka, topic: str, at: dict[int, int], count: int) -> list[News]:
    """News until so many records came or were missed."""
    news, came = list[News](), 0
    following = keep_following(lambda: {"bootstrap_servers": kafka.bootstrap}, topic, at)
    async with asyncio.timeout(DEADLINE_S), aclosing(following):
        async for one in following:
            news.append(one)
            if isinstance(one, Chunk):
                came += len(one.records) + one.unreadable
            elif isinstance(one, Missed):
                came += one.records
            if came >= count:
                return news
    raise AssertionError


def offsets(news: list[News]) -> list[int]:
    return [record.offset for one in news if isinstance(one, Chunk) for record in one.records]


async def test_what_was_deleted_meanwhile_is_counted(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW] * 5)
    kafka.delete_records(unique, 0, 3)
    news = await gathered(kafka, unique, {0: 1}, 4)
    assert offsets(news) == [3, 4]
    assert [one for one in news if isinstance(one, Missed)] == [Missed(0, 2)]


async def test_a_topic_that_was_recreated_is_read_from_its_beginning(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await write(kafka, unique, [NOW] * 2)
    assert offsets(await gathered(kafka, unique, {0: 7}, 2)) == [0, 1]


async def test_a_damaged_batch_is_counted_and_stepped_over(
    kafka_embedded: AnyKafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "SILENT_S", 1.0)
    kafka_embedded.create_topic(unique, 1)
    good = damaged("good", [ended("T1")], NOW)
    bad = damaged("crc", [ended(f"B{n}") for n in range(2)], NOW)
    await put(kafka_embedded, unique, 0, good, bad, good)
    news = await gathered(kafka_embedded, unique, {0: 0}, 4)
    assert offsets(news) == [0, 3]
    assert sum(one.unreadable for one in news if isinstance(one, Chunk)) == 2


async def test_tail_goes_on_when_kafka_is_back_and_ctrl_c_is_no_failure() -> None:
    """Frozen for longer than an answer may take."""
    topic, env = "decisions", environment_for({"KAFKA_DECISIONS_TOPIC": "decisions"})
    server = (sys.executable, "-m", "tests.embedded_broker", f"{topic}:1")
    broker = await asyncio.create_subprocess_exec(*server, stdin=PIPE, stdout=PIPE, env=environment_for({}))
    assert broker.stdout is not None
    bootstrap = (await broker.stdout.readline()).decode().strip()
    command = (sys.executable, "-m", "tagger", "decisions", "tail")
    tail = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=PIPE, env={**os.environ, **env, "KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert b"waiting for decisions" in await tail.stderr.readline()
            freeze(broker.pid)
            assert b"Kafka does not answer" in await tail.stderr.readline()
            broker.send_signal(signal.SIGCONT)
            assert b"Kafka answers again" in await tail.stderr.readline()
            await decide(bootstrap, topic, 3)
            lines = [(await tail.stdout.readline()).decode() for _ in range(3)]
            tail.send_signal(signal.SIGINT)
            rest, _ = await tail.communicate()
    finally:
        broker.kill()
        await broker.communicate()
        if tail.returncode is None:
            tail.kill()
            await tail.communicate()
    assert (lines, rest, tail.returncode) == ([lines[0]] * 3, b"", 0)
    assert lines[0].endswith("C  T  no_match  no tag\n")
