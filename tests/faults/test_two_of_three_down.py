"""What happens: two of three brokers are killed, and the one that is left is named to the services or is not.
What must hold: T C L N M Q; nothing is answered 200 meanwhile, and `ingest` is not up.
Measured: by LiveChat's answers and `ingest`'s health while they are down, and by the topics and the tags afterwards.
"""

import asyncio
from typing import Final

import pytest

from ingest import producer as ingest_producer
from tagger.kafka import producer as tagger_producer
from tests.deadline import until
from tests.faults.both import WAIT_S, sending, stored
from tests.faults.both import until as until_it
from tests.faults.conftest import MakeWorld
from tests.integration.watch import figures
from tests.kafka.cluster import Cluster

REFUSED: Final = 60  # webhooks that found nobody who stores them


@pytest.mark.long
@pytest.mark.parametrize("listed", [True, False], ids=["the_third_listed", "the_third_not_listed"])
async def test_two_of_three_brokers_are_killed(world: MakeWorld, listed: bool) -> None:
    async with world(brokers=3) as w:
        gone = w.cluster.brokers[:2]
        named = w.cluster.bootstrap if listed else ",".join(broker.bootstrap for broker in gone)
        for service in (w.stage.ingest, w.stage.tagger):
            await w.stop(service)
            service.settings["KAFKA_BOOTSTRAP_SERVERS"] = named
            await w.start(service)
        async with w.chats():
            await w.tagged(10)
            await w.killed(*gone)

            async def is_refused() -> bool:
                return (
                    len(w.entrance.refused()) >= REFUSED
                    and not (await figures(w.stage.ingest))["ingest_kafka_up"]
                )

            await until(is_refused)
            stored_before = w.entrance.stored()
            refused = len(w.entrance.refused())
            await until(lambda: len(w.entrance.refused()) >= refused + REFUSED)
            assert w.entrance.stored() == stored_before
            await w.back(*gone)
            await w.tagged(10)
        await w.everything_holds()
        # One is given up where they are away for longer than its patience, which a busy machine decides.
        replaced = (await figures(w.stage.ingest))["ingest_producers_replaced_total"]
        w.proof.most("producers replaced", replaced)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_frozen_broker_and_then_two_dead_ones_cost_nobody_the_producer_and_write_nothing_twice(
    kafka_cluster: Cluster, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with two away `ingest` is not up, until a record is acknowledged."""
    for module in (ingest_producer, tagger_producer):  # whatever a busy machine takes to start two brokers
        monkeypatch.setattr(module, "PATIENCE_S", WAIT_S)
    async with sending(kafka_cluster, unique) as both:
        leader = (await asyncio.to_thread(kafka_cluster.leaders, unique))[0]
        await asyncio.to_thread(leader.freeze)
        await both.everything_moves()
        await asyncio.to_thread(leader.thaw)
        await both.everything_moves()

        gone = kafka_cluster.brokers[1:]
        await asyncio.gather(*(asyncio.to_thread(broker.kill) for broker in gone))
        await until_it(lambda: not both.store.producer.up)
        kept, refused = len(both.kept), both.outcomes["not_stored"]
        await until_it(lambda: both.outcomes["not_stored"] > refused + 20)
        assert (len(both.kept), both.store.producer.up) == (kept, False)
        await asyncio.to_thread(kafka_cluster.start, gone)
        await until_it(lambda: both.store.producer.up)
        await both.everything_moves()
        assert both.replaced() == (0, 0)
    found = await stored(kafka_cluster.bootstrap, unique)
    assert set(both.kept) | set(both.decided) <= set(found)
    assert len(found) == len(set(found))
