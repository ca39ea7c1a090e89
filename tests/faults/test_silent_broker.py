"""One of three brokers falls silent, its connections open: what it led is read from its next leader within seconds."""

from typing import Any

import pytest

from tests.deadline import until
from tests.integration.tagger.scene import Scene, ended, started

clusters = pytest.importorskip("tests.kafka.cluster")


@pytest.mark.timeout(240)
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
