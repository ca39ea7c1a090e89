"""`tagger skip` as a person runs it: what it steps over, what it refuses, and what comes of it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from tagger.commands import skip
from tagger.core.records.decision import Source
from tagger.core.records.parked import OpenItems
from tagger.kafka import polling
from tagger.kafka.reader import read_topic
from tests.deadline import until
from tests.integration.tagger.damage import damaged, put
from tests.integration.tagger.scene import Scene, ended, said, started
from tests.kafka.broker import Broker
from tests.kafka.kafka import AnyKafka, Kafka

NOW_MS = time.time_ns() // 1_000_000 - 3_600_000


def thread(number: int, after_ms: int) -> bytes:
    webhooks = [started(f"T{number}", "refund"), ended(f"T{number}")]
    return damaged("good", webhooks, NOW_MS + after_ms)


@pytest.fixture
def scene(kafka_embedded: AnyKafka, unique: str) -> Scene:
    kafka_embedded.create_topic(unique, 1)
    kafka_embedded.create_topic(f"{unique}.parked", 1)
    return Scene(kafka_embedded, unique)


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "RECOVER_S_MIN", 0.05)


async def skipped(scene: Scene, *arguments: Any) -> Result:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": scene.kafka.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": scene.topic,
        "KAFKA_PARKED_TOPIC": f"{scene.topic}.parked",
        "KAFKA_GROUP_ID": f"group-{scene.topic}",
    }
    words = [str(argument) for argument in arguments]
    return await asyncio.to_thread(CliRunner().invoke, skip.command, words, env=env, input="n\n")


async def test_what_is_stepped_over_is_recorded_and_read_no_more(scene: Scene) -> None:
    opens = damaged("good", [started("OPEN", "hello")], NOW_MS)
    bad = damaged("crc", [said("OPEN", 2, "refund"), ended("LOST")], NOW_MS + 1_000)
    await put(scene.kafka, scene.topic, 0, opens, bad, thread(1, 2_000))
    # The embedded broker takes a group for a live one forever, so no member ran yet.
    await scene.commit(0, offset=1, replay_from=0, record_ms=NOW_MS)
    done = await skipped(scene, 0, 1, "--yes", "--format", "json")
    assert done.exit_code == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert (told["first"], told["last"], told["error_type"]) == (1, 2, "CorruptRecordException")
    parked = OpenItems()
    options = {"bootstrap_servers": scene.kafka.bootstrap}
    await read_topic(options, f"{scene.topic}.parked", parked.take)
    (item,) = parked.matching()
    assert (item.error_type, item.identity.source) == ("unreadable_batch", Source(scene.topic, 0, 1))
    assert told["reconcile"] in item.reason
    await put(scene.kafka, scene.topic, 0, damaged("good", [ended("OPEN")], NOW_MS + 3_000))
    async with scene.running() as consumer:
        await until(lambda: set(scene.settled) == {"T1", "OPEN"})
        await until(lambda: scene.committed_is(0, 6))
        assert consumer.assigned[0].unreadable is None
    assert all(job.incomplete for job in scene.jobs)  # both may have begun before it or in it


@pytest.mark.parametrize(
    ("offset", "held", "why"),
    [
        (0, False, "can be read"),
        (9, False, "nothing at offset 9"),
        (2, True, "has finished only what is before offset 1"),
    ],
)
async def test_it_refuses_what_can_be_read_and_what_is_not_finished(
    scene: Scene, offset: int, held: bool, why: str
) -> None:
    if held:
        scene.hold_all = True
    await put(scene.kafka, scene.topic, 0, thread(1, 0), damaged("codec", [ended("LOST")], NOW_MS))
    async with scene.running() as consumer:
        await until(lambda: 0 in consumer.assigned and consumer.assigned[0].unreadable is not None)
        await until(lambda: scene.committed_is(0, 1 if held else 2))
    refused = await skipped(scene, 0, offset, "--yes")
    assert refused.exit_code == 1
    assert why in refused.stderr


async def test_it_refuses_while_members_run_and_records_nothing(scene: Scene) -> None:
    await put(scene.kafka, scene.topic, 0, damaged("crc", [ended("LOST")], NOW_MS))
    async with scene.running() as consumer:
        await until(lambda: 0 in consumer.assigned and consumer.assigned[0].unreadable is not None)
        await until(lambda: scene.committed_is(0, 0))
        refused = await skipped(scene, 0, 0, "--yes")
    assert refused.exit_code == 1
    assert "stop every `tagger run`" in refused.stderr
    parked = OpenItems()
    await read_topic({"bootstrap_servers": scene.kafka.bootstrap}, f"{scene.topic}.parked", parked.take)
    assert not parked.matching()


async def test_without_a_yes_nothing_is_done(scene: Scene) -> None:
    await put(scene.kafka, scene.topic, 0, damaged("crc", [ended("LOST")], NOW_MS))
    await scene.commit(0, offset=0, replay_from=0, record_ms=NOW_MS)
    asked = await skipped(scene, 0, 0)
    assert asked.exit_code == 2
    assert await scene.committed_is(0, 0)


@pytest.mark.timeout(240)
async def test_a_byte_that_a_disk_turned_costs_one_batch_of_a_real_log(
    kafka_own: Broker, unique: str
) -> None:
    kafka = Kafka(kafka_own.bootstrap)
    kafka.create_topic(unique, 2)
    kafka.create_topic(f"{unique}.parked", 1)
    scene = Scene(kafka, unique, partitions=2)
    await scene.write(started("A", "CORRUPT" + "ME"), ended("A"))  # one batch
    await scene.write(
        *[webhook for n in range(20) for webhook in (started(f"T{n}", "refund"), ended(f"T{n}"))]
    )
    await asyncio.to_thread(kafka_own.shut_down)
    number = turn_a_byte(kafka_own.data, unique, b"CORRUPTME")
    await asyncio.to_thread(kafka_own.start_again)
    async with scene.running() as consumer:
        await until(lambda: number in consumer.assigned and consumer.assigned[number].unreadable is not None)
        stopped_at = consumer.assigned[number].unreadable
        assert stopped_at is not None
        await until(lambda: scene.committed_is(number, stopped_at.offset))
        refused = await skipped(scene, number, stopped_at.offset, "--yes")
        assert refused.exit_code == 1
        assert "stop every `tagger run`" in refused.stderr
    done = await skipped(scene, number, stopped_at.offset, "--yes")
    assert done.exit_code == 0, done.stderr
    async with scene.running():
        await until(lambda: {f"T{n}" for n in range(20)} <= set(scene.settled))
    assert "A" not in scene.settled


def turn_a_byte(data: Path, topic: str, mark: bytes) -> int:
    """Damage the batch that holds the mark; its partition."""
    for log in data.glob(f"{topic}-*/*.log"):
        content = bytearray(log.read_bytes())
        if (at := content.find(mark)) >= 0:
            content[at] ^= 1
            log.write_bytes(content)
            return int(log.parent.name.rpartition("-")[2])
    raise AssertionError("the mark is in no log")
