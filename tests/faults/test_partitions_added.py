"""What happens: the topic of webhooks gets more partitions, with everything running and by the procedure of deploy/kafka.md.
What must hold: T C L N M Q after that procedure; with everything running, after its last two steps.
Measured: by the tags, by who reads the new partitions, and by where each chat's records lie.
"""

import asyncio
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from ingest.metrics import Metrics
from ingest.runtime import kafka_client
from ingest.runtime.partitioner import partition_of
from ingest.store import Store
from ingest.topic import Record, record_key
from tagger.kafka.producer import Producer
from tagger.metrics import Metrics as TaggerMetrics
from tagger.simulator.livechat.account import Chat
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import PARTITIONS
from tests.deadline import DEADLINE_S, until
from tests.faults.conftest import MakeWorld
from tests.faults.world import LOOK_EVERY_S
from tests.integration.tagger.scene import Scene, ended, started
from tests.integration.test_repair import AGO, tagger
from tests.integration.watch import figures
from tests.kafka.kafka import Kafka
from tests.stage import a_stage

MORE: Final = 2 * PARTITIONS
NEW: Final = frozenset(range(PARTITIONS, MORE))
WAIT_S: Final = 60.0


async def records_by_partition(bootstrap: str, topic: str) -> dict[int, int]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        places = [TopicPartition(topic, number) for number in range(MORE)]
        return {place.partition: end for place, end in (await consumer.end_offsets(places)).items()}


async def keys_by_partition(bootstrap: str, topic: str) -> dict[int, set[bytes]]:
    places = [TopicPartition(topic, number) for number in range(MORE)]
    found: dict[int, set[bytes]] = {number: set() for number in range(MORE)}
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, 0)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place.partition].update(record.key for record in records)
    return found


async def there_are_more(kafka: Kafka, topic: str) -> None:
    """Raise the number of partitions; return when each has a leader, so that whoever connects now knows of it."""
    await asyncio.to_thread(kafka.add_partitions, topic, MORE)
    await until(lambda: -1 not in (led := kafka.leaders(topic)).values() and len(led) == MORE)


def key_of(chat: Chat) -> bytes:
    by = chat.organization
    return record_key(str(by.license_id) if by.version == "3.3" else by.id, chat.id)


async def test_both_producers_use_new_partitions_without_a_restart(
    kafka_real: Kafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kafka_client.METADATA_AGE_S <= 15
    monkeypatch.setattr(kafka_client, "METADATA_AGE_S", 0.2)
    options = {"bootstrap_servers": kafka_real.bootstrap}
    for name in (f"{unique}.ingest", f"{unique}.tagger"):
        kafka_real.create_topic(name, PARTITIONS)
    store = Store(lambda: options, f"{unique}.ingest", None, Metrics())
    producer = Producer(options, TaggerMetrics())
    running = [asyncio.create_task(run()) for run in store.loops().values()]
    try:
        async with asyncio.timeout(WAIT_S):
            for number in range(20):
                await store.keep(Record(b"%d" % number, b"{}", ()))
                await producer.send(f"{unique}.tagger", b"%d" % number, {})
            for name in (f"{unique}.ingest", f"{unique}.tagger"):
                await there_are_more(kafka_real, name)
                while not all((await records_by_partition(kafka_real.bootstrap, name)).values()):
                    number += 1
                    await store.keep(Record(b"%d" % number, b"{}", ()))
                    await producer.send(f"{unique}.tagger", b"%d" % number, {})
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        await store.stop(1)
        await producer.stop()


@pytest.mark.long
async def test_partitions_are_added_twice_while_everything_runs(world: MakeWorld) -> None:
    async with world(partitions=6, ingests=2, taggers=2) as w:
        w.stage.livechat.now = lambda: (
            datetime.now(UTC) - AGO
        )  # of what ended just now, reconcile says nothing
        async with w.chats():
            for more in (12, 18):
                await w.tagged(15)
                await asyncio.to_thread(w.kafka.add_partitions, w.names.webhooks, more)
                w.proof.did(f"partitions were raised to {more}")

                async def all_are_read(count: int = more) -> bool:
                    committed = await w.truth.committed()
                    unheld = (await figures(w.stage.tagger))["tagger_partitions_unheld"]
                    return len(committed) == count and min(committed.values()) >= 0 and not unheld

                await until(all_are_read, LOOK_EVERY_S)
                await w.tagged(15)
        for member in w.taggers:
            await w.crowd.restart(member)
        ran = await tagger(w.stage, "reconcile", "--since", "3h")
        assert ran.code == 0, ran.errors
        await w.everything_holds()


@pytest.mark.long
async def test_the_procedure_that_adds_partitions_while_chats_are_open_loses_no_tag(
    kafka_real: Kafka, unique: str, tmp_path: Path
) -> None:
    async with a_stage(kafka_real, unique, tmp_path, pause_s=0.5) as stage:
        playing = asyncio.create_task(stage.play(visits(3, 60), 10))
        while len(stage.player.played) < 30:  # some are over, others open
            await asyncio.sleep(0.05)
        assert await stage.ingest.stop() == 0
        await there_are_more(kafka_real, stage.names.webhooks)
        await stage.ingest.start()
        assert await stage.tagger.stop() == 0
        await stage.tagger.start()
        await playing
        stage.player.pause_s = 0.0
        begun, homes, more = len(stage.player.played), dict[bytes, int](), visits(4)
        while (
            not set(homes.values()) >= NEW
        ):  # its id says where a chat is, and that is made up when it begins
            await stage.play(islice(more, 10))
            played = list(stage.player.played.values())[begun:]
            homes = {(key := key_of(one.thread.chat)): partition_of(key, MORE) for one in played}
        ran = await tagger(stage, "reconcile", "--since", "1h")
        assert ran.code == 0, ran.errors
        # A webhook that LiveChat sends again can come after its chat's end, too late to keep a tag off: so only what
        # is missing counts.
        result = await stage.settled(DEADLINE_S)
        assert (result.missing, result.expected > 0) == ((), True)
        found = await keys_by_partition(kafka_real.bootstrap, stage.names.webhooks)
        for key, home in homes.items():
            assert {number for number, keys in found.items() if key in keys} == {home}


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 2)
    return Scene(kafka_real, unique, partitions=2)


async def test_partitions_that_are_added_are_named_and_then_taken_on(scene: Scene) -> None:
    async with scene.running() as consumer:
        await until(lambda: len(consumer.assigned) == 2)
        assert await consumer._unheld.look() == set()
        admin = AIOKafkaAdminClient(bootstrap_servers=scene.kafka.bootstrap)
        await admin.start()
        await admin.create_partitions({scene.topic: NewPartitions(6)})
        await admin.close()

        async def unheld(wanted: set[int]) -> bool:
            return await consumer._unheld.look() == wanted

        await until(lambda: unheld({2, 3, 4, 5}))
        await until(lambda: len(consumer.assigned) == 6)  # long before aiokafka's own five minutes
        await until(lambda: unheld(set()))
        await scene.write(*[w for n in range(20) for w in (started(f"T{n}", "hello"), ended(f"T{n}"))])
        await until(lambda: len(set(scene.settled)) == 20)
        assert any(number > 1 and a.state.stats().position for number, a in consumer.assigned.items())
        # The records went where the consumer expects them.
        for job in scene.jobs:
            homes = [n for n in range(6) if consumer.is_home(n, job.thread.organization, job.thread.chat_id)]
            assert len(homes) == 1
            assert consumer.assigned[homes[0]].state.stats().position > job.offset
