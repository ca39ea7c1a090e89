"""Records to Kafka: one aiokafka producer at a time, replaced when it is stuck.

It promises that the outcome "kafka" means acknowledged by all in-sync replicas, and that the records of a
partition are sent in the order they came: none leaves before the one ahead of it is acknowledged.
It never waits for Kafka without an end, and it never drops what nobody was told about.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.partitioner import murmur2

from ingest.metrics import Metrics
from ingest.waiting import Waiting

# A flush costs up to half a millisecond of CPU whatever it holds, most of it by partition. So the first record of
# a burst waits for its neighbours, and then until the event loop has nothing more to read: waiting longer, the core
# would idle while all senders wait for Kafka. Under a load that never ends there is always more to read.
LINGER_S: Final = 0.002
FLUSH_EVERY_S: Final = 0.005
BATCH_BYTES_MAX: Final = (
    900 * 1024
)  # below the topic's max.message.bytes (1 MiB by default), above the largest record
STUCK_S: Final = 3.0  # without an acknowledgement: leaves time for another try within a sender's patience
CONNECT_S: Final = 3.0  # for one try to connect
RETRY_S_MAX: Final = 1.0  # between tries to connect, doubling from a twentieth of it
RETIRE_S: Final = 10.0  # a producer that was given up may still deliver; after that it is cut off
CUT_S: Final = 1.0  # for cutting it off
REQUEST_S: Final = 10.0  # aiokafka's patience with one request
TELL_EVERY_S: Final = 10.0  # that Kafka cannot be reached
LOOK_S: Final = 0.25  # how often time is looked at
KEYS_REMEMBERED: Final = 65_536  # a chat's key comes 20 times on average, and hashing it costs 9 µs; 10 MB

# Answers of Kafka that are about the record itself, so that another try gets the same.
FOR_GOOD: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)

log = structlog.get_logger()
key_hash = lru_cache(KEYS_REMEMBERED)(murmur2)


def partition_of(key: bytes, partitions: int) -> int:
    """As Kafka's own default partitioner chooses, so that other producers of the topic agree."""
    return int(key_hash(key) & 0x7FFFFFFF) % partitions


class Producer:
    """`give_back` takes what a failed producer left unacknowledged, in order; else the next one tries."""

    def __init__(
        self,
        options: Callable[[], dict[str, Any]],
        topic: str,
        metrics: Metrics,
        give_back: Callable[[list[Waiting]], None] | None = None,
    ) -> None:
        self._options, self._topic, self._metrics, self._give_back = options, topic, metrics, give_back
        self._loop = asyncio.get_running_loop()
        self._kafka: AIOKafkaProducer | None = None
        self._partitions = 0  # how many the topic has
        self._unplaced: deque[Waiting] = deque()  # while no producer is connected
        self._queues: defaultdict[int, deque[Waiting]] = defaultdict(deque)  # by partition: not sent yet
        self._flights: dict[int, list[Waiting]] = {}  # by partition: the batch that is not acknowledged
        self._singly: dict[int, int] = {}  # by partition: how many records to send one by one
        self._timer: asyncio.Handle | None = None
        self._queued = 0  # records, at the last look
        self._flushed_at = self._since = 0.0
        self._told_at = -TELL_EVERY_S
        self._proven = False  # this producer has had an acknowledgement
        self._lost = asyncio.Event()
        self._hurry = asyncio.Event()  # retired producers have had their time
        self._tasks: set[asyncio.Task[None]] = set()  # the loop alone would not keep them
        self._retiring: set[asyncio.Task[None]] = set()
        self.tried = asyncio.Event()  # the first try to connect is over
        self.topic_missing = False

    @property
    def up(self) -> bool:
        return self._kafka is not None

    def put(self, waiting: Waiting) -> None:
        """Take a record; its future tells the outcome, in time or not: deadlines are the caller's."""
        if self._kafka is None:
            self._unplaced.append(waiting)
        else:
            self._queues[partition_of(waiting.record.key, self._partitions)].append(waiting)
            if self._timer is None:
                self._timer = self._loop.call_later(LINGER_S, self._flush_if_quiet)

    def _flush_if_quiet(self) -> None:
        """Flush, unless more came since the last look: the loop reads all there is between two looks."""
        before, self._queued = self._queued, sum(map(len, self._queues.values()))
        if self._queued > before and self._loop.time() < self._flushed_at + FLUSH_EVERY_S:
            self._timer = self._loop.call_soon(self._flush_if_quiet)
        else:
            self._queued = 0
            self._flush()

    def _flush(self) -> None:
        """Send a batch for each partition that has records and none in flight."""
        self._timer, self._flushed_at = None, self._loop.time()
        kafka = self._kafka
        if kafka is None:
            return
        batches = []
        for partition, queue in self._queues.items():
            if queue and partition not in self._flights:
                batch, flight = self._fill(kafka.create_batch(), partition, queue)
                if flight:
                    self._flights[partition] = flight
                    batches.append((partition, batch, flight))
        if batches:
            sending = self._loop.create_task(self._send(kafka, batches))
            self._tasks.add(sending)
            sending.add_done_callback(self._tasks.discard)

    def _fill(self, batch: Any, partition: int, queue: deque[Waiting]) -> tuple[Any, list[Waiting]]:
        flight: list[Waiting] = []
        while queue and not (flight and self._singly.get(partition)):
            waiting = queue[0]
            if not waiting.future.done():  # else its sender was told that it is not stored
                key, value, headers = waiting.record.key, waiting.record.value, list(waiting.record.headers)
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break  # full
                flight.append(waiting)
            queue.popleft()
        batch.close()  # nobody else adds to it
        return batch, flight

    async def _send(self, kafka: AIOKafkaProducer, batches: list[tuple[int, Any, list[Waiting]]]) -> None:
        for partition, batch, flight in batches:
            try:
                sent = await kafka.send_batch(batch, self._topic, partition=partition)
            except Exception as error:  # noqa: BLE001  # whatever a broken aiokafka raises, the next one tries
                self._landed(kafka, partition, flight, error)
                return
            sent.add_done_callback(
                lambda done, p=partition, f=flight: self._landed(kafka, p, f, done.exception())
            )

    def _landed(
        self, kafka: AIOKafkaProducer, partition: int, flight: list[Waiting], error: BaseException | None
    ) -> None:
        """A batch was acknowledged, or was not."""
        if error is None:
            for waiting in flight:
                waiting.ends("kafka")  # counts from a producer that was given up, too
        if kafka is not self._kafka:
            return
        if error is not None:
            self._failed(partition, flight, error)
            return
        del self._flights[partition]
        self._proven = True
        if not flight[0].spooled:
            self._metrics.ack_seconds.observe(self._loop.time() - flight[0].since)
        if self._singly.get(partition):
            self._singly[partition] -= 1
        if self._queues[partition] and self._timer is None:
            self._timer = self._loop.call_later(LINGER_S, self._flush_if_quiet)

    def _failed(self, partition: int, flight: list[Waiting], error: BaseException) -> None:
        """A batch was refused. The producer has counted its records all the same, and stays out of sequence.

        https://github.com/aio-libs/aiokafka/issues/1017
        """
        if isinstance(error, FOR_GOOD):
            if len(flight) == 1:
                flight[0].ends("refused")
            self._singly[partition] = max(self._singly.get(partition, 0), len(flight)) - (len(flight) == 1)
        self.replace("a batch was refused", error)

    def replace(self, reason: str, error: BaseException | None = None) -> None:
        """Give this producer up, and everything back that it has not got acknowledged."""
        kafka, self._kafka = self._kafka, None
        if kafka is None:
            return
        self._metrics.kafka_up.set(0)
        self._metrics.producers_replaced.inc()
        log.warning("producer replaced", reason=reason, error_type=type(error).__name__ if error else None)
        unacknowledged = [*self._flights.values(), *self._queues.values()]
        open_ones = [waiting for some in unacknowledged for waiting in some if not waiting.future.done()]
        open_ones.sort(key=lambda waiting: waiting.since)  # stable: within a partition the order stays
        self._flights.clear()
        self._queues.clear()
        if self._give_back is None:
            self._unplaced.extend(open_ones)
        else:
            self._give_back(open_ones)
        self._lost.set()
        self._retire(kafka)

    async def run(self) -> None:
        """Keep a producer connected, for ever."""
        self.replace("started again")  # where an earlier run left one, nobody looks after it
        retry_s = 0.0
        while True:
            await asyncio.sleep(retry_s)
            retry_s = min(max(2 * retry_s, RETRY_S_MAX / 20), RETRY_S_MAX)
            if await self._connect():
                while not self._lost.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._lost.wait(), LOOK_S)
                    self._look()
                if self._proven:
                    retry_s = 0.0
            self.tried.set()
            while self._unplaced and self._unplaced[0].future.done():
                self._unplaced.popleft()

    async def _connect(self) -> bool:
        kafka = partitions = None
        try:
            kafka = self._new()
            async with asyncio.timeout(CONNECT_S):
                await kafka.start()
                # All topics are asked for: asking for one that is missing can create it, with one partition.
                cluster = await kafka.client.fetch_all_metadata()
                self.topic_missing = not cluster.partitions_for_topic(self._topic)
                if not self.topic_missing:
                    partitions = await kafka.partitions_for(self._topic)
        except (KafkaError, OSError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            if self._loop.time() - self._told_at > TELL_EVERY_S:
                self._told_at = self._loop.time()
                log.warning("Kafka cannot be reached", error_type=type(error).__name__)
        finally:
            if kafka is not None and not partitions:
                self._retire(kafka)
        if kafka is not None and partitions:
            self._use(kafka, len(partitions))
        return bool(partitions)

    def _new(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._options(),
            client_id="ingest",
            acks="all",  # 200 means acknowledged by all in-sync replicas
            enable_idempotence=True,  # aiokafka's own tries write nothing twice
            max_batch_size=BATCH_BYTES_MAX,
            linger_ms=0,  # batches are full when aiokafka gets them
            request_timeout_ms=int(REQUEST_S * 1000),
        )

    def _use(self, kafka: AIOKafkaProducer, partitions: int) -> None:
        log.info("connected to Kafka", topic=self._topic, count=partitions)
        self._kafka, self._partitions, self._proven = kafka, partitions, False
        self._since = self._loop.time()
        self._lost.clear()
        self._metrics.kafka_up.set(1)
        self.tried.set()
        unplaced, self._unplaced = self._unplaced, deque()
        for waiting in unplaced:
            self.put(waiting)

    def _look(self) -> None:
        if self._kafka is None:
            return
        now = self._loop.time()
        for some in [*self._flights.values(), *self._queues.values()]:
            oldest = next((one for one in some if not one.spooled and not one.future.done()), None)
            if oldest is not None and now - max(oldest.since, self._since) > STUCK_S:
                self.replace("not acknowledged in time")
                return
        partitions = self._kafka.client.cluster.partitions_for_topic(self._topic)
        self._partitions = len(partitions or ()) or self._partitions  # a topic can grow

    def _retire(self, kafka: AIOKafkaProducer) -> None:
        task = self._loop.create_task(self._end(kafka))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _end(self, kafka: AIOKafkaProducer) -> None:
        """Stop an aiokafka producer, which by itself would flush without an end while no broker answers."""
        stopping = asyncio.ensure_future(kafka.stop())
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait([stopping, hurry], timeout=RETIRE_S, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not stopping.done() and kafka._sender.sender_task is not None:
            kafka._sender.sender_task.cancel()  # nothing public ends the flush
            await asyncio.wait([stopping], timeout=CUT_S)
        if not stopping.done():
            stopping.cancel()
            await kafka.client.close()
        elif error := stopping.exception():
            log.warning("a producer did not stop cleanly", error_type=type(error).__name__)

    async def stop(self, timeout_s: float) -> None:
        """End for good. Nobody puts records any more; what is in flight gets the time that is given."""
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            self._retire(kafka)
        self._loop.call_later(timeout_s, self._hurry.set)
        if self._retiring:
            await asyncio.wait(self._retiring, timeout=timeout_s + 2 * CUT_S)
