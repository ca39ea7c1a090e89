"""A decision or a parked item that Kafka will never take holds up nothing: it is parked, or at least counted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any, Final, cast

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.runtime.kafka import KafkaSettings
from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.partition.protocol import Job
from tagger.core.rules.model import Keyword, Rule, RuleSet
from tagger.kafka.assigned import Assigned
from tagger.kafka.producer import Producer
from tagger.kafka.recall import Recall
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.settle import Ended, Settle
from tagger.service.worker import Worker
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.removals import NothingRemoved

PRODUCE, MESSAGE_TOO_LARGE = 0, 10  # https://kafka.apache.org/protocol
THREAD: Final = ThreadKey("org", "CHAT", "THREAD")
METRICS: Final = Metrics()
CLIENT: Final = cast(Client, SimpleNamespace(has_credentials=lambda _: True))
WAIT_S: Final = 60.0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"decisions": 1, "parked": 1}) as broker:
        yield broker


@pytest.fixture
async def producer(broker: EmbeddedBroker) -> AsyncIterator[Producer]:
    producer = Producer({"bootstrap_servers": broker.bootstrap}, METRICS)
    yield producer
    await producer.stop()


def decider() -> Decider:
    return Decider.compile(RuleSet((Rule("r", "T", any=(Keyword("hello", "hello"),)),), "0123456789ab"))


def conversation() -> Conversation:
    return Conversation(THREAD, (Said("1", "customer", ("hello",)),))


async def read(broker: EmbeddedBroker, topic: str) -> list[dict[str, Any]]:
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end, found = (await consumer.end_offsets([place]))[place], []
        while await consumer.position(place) < end:
            for record in (await consumer.getmany(place, timeout_ms=200)).get(place, []):
                found.append(orjson.loads(record.value))
    return found


def refused() -> float:
    return float(METRICS.records_refused._value.get())


def a_settle(producer: Producer) -> Settle:
    topics: Any = {"kafka_decisions_topic": "decisions", "kafka_parked_topic": "parked"}
    return Settle(decider, CLIENT, producer, METRICS, KafkaSettings(**topics), dry_run=True)


async def settled_by_worker(producer: Producer) -> list[int]:
    """Settle one chat as the service does; the ids of what was settled."""
    settled: list[int] = []
    state = SimpleNamespace(
        removed=lambda _: (), sets=lambda *_: None, settled=lambda work_id, *_, **__: settled.append(work_id)
    )
    assigned = cast(Assigned, SimpleNamespace(tp=TopicPartition("webhooks", 0), state=state))
    worker = Worker(a_settle(producer), CLIENT, cast(Recall, NothingRemoved()), "webhooks", METRICS)
    async with asyncio.timeout(WAIT_S):
        await worker.settle(assigned, Job(7, "end", THREAD, 5, 0, conversation()))
    return settled


async def settled_by_reconcile(producer: Producer) -> list[int]:
    """Settle one chat as `reconcile` does."""
    async with asyncio.timeout(WAIT_S):
        _, outcome = await a_settle(producer).thread(Ended(conversation(), 0))
    return [7] if outcome else []


@pytest.mark.parametrize("settle", [settled_by_worker, settled_by_reconcile])
async def test_a_decision_that_kafka_refuses_is_parked_and_settled(
    broker: EmbeddedBroker, producer: Producer, settle: Any
) -> None:
    before = refused()
    broker.inject(PRODUCE, *[MESSAGE_TOO_LARGE] * 2)  # with others, and by itself
    assert await settle(producer) == [7]
    assert await read(broker, "decisions") == []
    (item,) = await read(broker, "parked")
    assert (item["thread_id"], item["tag"], item["error_type"]) == (
        "THREAD",
        None,
        "MessageSizeTooLargeError",
    )
    assert refused() - before == 1


async def test_where_even_the_parked_item_is_refused_the_chat_is_settled_and_both_are_counted(
    broker: EmbeddedBroker, producer: Producer
) -> None:
    before = refused()
    broker.inject(PRODUCE, *[MESSAGE_TOO_LARGE] * 4)
    assert await settled_by_worker(producer) == [7]
    assert refused() - before == 2
