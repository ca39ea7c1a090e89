"""Both producers, as `ingest` and the tagger have them, on one topic."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.metrics import Metrics
from ingest.pending import Outcome
from ingest.store import Store
from ingest.topic import Record
from tagger.kafka.producer import Producer
from tagger.metrics import Metrics as TaggerMetrics
from tests.kafka.cluster import Cluster
from tests.kafka.kafka import Kafka

PARTITIONS: Final = 6
WAIT_S: Final = 120.0
PAUSE_S: Final = 0.05  # of each sender between two records


class Both:
    """`ingest`'s store without a spool and the tagger's producer; each sends one record after the other, by key."""

    def __init__(self, kafka: Cluster | Kafka, topic: str) -> None:
        options = {"bootstrap_servers": kafka.bootstrap}
        self.figures, self.of_tagger = Metrics(), TaggerMetrics()
        self.store = Store(lambda: options, topic, None, self.figures)
        self.producer = Producer(options, self.of_tagger)
        self.outcomes: Counter[Outcome] = Counter()
        self.kept: list[bytes] = []
        self.decided: list[bytes] = []
        self._topic, self._number = topic, 0

    def replaced(self) -> tuple[float, float]:
        """Producers given up, of `ingest` and of the tagger."""
        both = (self.figures, self.of_tagger)
        of_ingest, of_tagger = (metrics.producers_replaced._value.get() for metrics in both)
        return of_ingest, of_tagger

    async def keep(self) -> None:
        """Send as webhooks come, whatever became of the ones before."""
        while True:
            self._number += 1
            key = b"w%d" % self._number
            outcome = await self.store.keep(Record(key, b"{}", ()))
            self.outcomes[outcome] += 1
            if outcome == "kafka":
                self.kept.append(key)
            await asyncio.sleep(PAUSE_S)

    async def decide(self) -> None:
        while True:
            self._number += 1
            key = b"d%d" % self._number
            assert await self.producer.send(self._topic, key, {}) is None
            self.decided.append(key)
            await asyncio.sleep(PAUSE_S)

    async def everything_moves(self) -> None:
        """Return when both have stored more, in every partition as far as chance goes."""
        kept, decided = len(self.kept), len(self.decided)
        await until(lambda: len(self.kept) >= kept + 50 and len(self.decided) >= decided + 50)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not done():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def sending(kafka: Cluster | Kafka, topic: str) -> AsyncIterator[Both]:
    kafka.create_topic(topic, PARTITIONS)
    both = Both(kafka, topic)
    tasks = [asyncio.create_task(run()) for run in both.store.loops().values()]
    tasks += [asyncio.create_task(some()) for some in (both.keep, both.decide) for _ in range(10)]
    try:
        await both.everything_moves()
        yield both
        assert [task for task in tasks if task.done()] == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await both.store.stop(3)
        await both.producer.stop()


async def stored(bootstrap: str, topic: str) -> list[bytes]:
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    keys: list[bytes] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        async with asyncio.timeout(WAIT_S):
            for place in places:
                while await consumer.position(place) < ends[place]:
                    batch = await consumer.getmany(place, timeout_ms=200)
                    keys += [record.key for record in batch.get(place, [])]
    return keys
