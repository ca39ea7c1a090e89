"""What happens: a broker stands still (SIGSTOP) with its connections open: the leader, the group's coordinator, the only one.
What must hold: T C L N M Q; what it led is read from its next leader, and no producer is replaced.
Measured: by the topics, the group's offsets and the tags while it stands still and afterwards.
"""

from typing import Any

import pytest

from ingest import producer as ingest_producer
from tagger.kafka import producer as tagger_producer
from tests.deadline import until
from tests.faults.both import WAIT_S, sending, stored
from tests.faults.both import until as until_it
from tests.faults.conftest import MakeWorld
from tests.integration.tagger.scene import Scene, ended, started
from tests.kafka.broker import Broker
from tests.kafka.kafka import Kafka


@pytest.mark.long
async def test_the_leader_and_then_the_coordinator_stand_still(world: MakeWorld) -> None:
    async with world(brokers=3, taggers=2) as w:
        async with w.chats():
            await w.tagged(10)
            for topic in (w.names.webhooks, "__consumer_offsets"):
                broker = await w.leader(topic)
                async with w.frozen(broker):
                    await w.led_without(broker)
                    await w.tagged(20)
                await w.in_sync()
                await w.tagged(10)
        await w.everything_holds()


@pytest.mark.long
async def test_what_a_frozen_broker_led_is_read_from_the_next_leader(kafka_cluster: Any, unique: str) -> None:
    """Waits end after 30 s; with aiokafka's one time-out, which has to be 70 s, nothing came before that."""
    kafka_cluster.create_topic(unique, 6)
    scene = Scene(kafka_cluster, unique, partitions=6)
    async with scene.running() as consumer:
        await until(lambda: len(consumer.assigned) == 6 and all(a.ready for a in consumer.assigned.values()))
        victim = kafka_cluster.leaders(unique)[0]
        scene.kafka = next(broker for broker in kafka_cluster.brokers if broker is not victim)
        victim.freeze()
        try:
            await until(lambda: victim not in kafka_cluster.leaders(unique).values())
            await scene.write(*[w for n in range(60) for w in (started(f"T{n}", "hello"), ended(f"T{n}"))])
            await until(lambda: len(set(scene.settled)) == 60)
        finally:
            victim.thaw()


@pytest.mark.timeout(400)
async def test_while_the_only_broker_is_frozen_nothing_counts_as_stored_and_afterwards_all_is_there_once(
    kafka_own: Broker, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (ingest_producer, tagger_producer):
        monkeypatch.setattr(module, "PATIENCE_S", WAIT_S)
    async with sending(Kafka(kafka_own.bootstrap), unique) as both:
        kafka_own.freeze()
        await until_it(lambda: not both.store.producer.up)
        kept, refused = len(both.kept), both.outcomes["not_stored"]
        await until_it(lambda: both.outcomes["not_stored"] > refused + 5)
        assert (len(both.kept), both.store.producer.up) == (kept, False)
        kafka_own.thaw()
        await both.everything_moves()
        assert (both.store.producer.up, both.replaced()) == (True, (0, 0))
    found = await stored(kafka_own.bootstrap, unique)
    assert set(both.kept) | set(both.decided) <= set(found)
    assert len(found) == len(set(found))
