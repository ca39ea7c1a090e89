"""Records to Kafka: one aiokafka producer at a time, kept for as long as it can be.

It promises that the outcome "kafka" means acknowledged by all in-sync replicas, and that a partition's records are
sent in the order of their arrival: none leaves before the one ahead of it is acknowledged. It never waits for Kafka
indefinitely, and drops no record without an outcome.

It is `up` once it is connected, until a record has no acknowledgement for STUCK_S while nothing else is acknowledged,
or a producer is given up; then only an acknowledgement makes it `up` again. A connection proves nothing: a broker
without enough in-sync replicas lets anybody connect.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ingest.flights import Flights
from ingest.metrics import Metrics
from ingest.pending import Waiting
from ingest.runtime.kafka_client import FOR_GOOD, error_of, new_producer
from ingest.runtime.kafka_connections import end
from ingest.runtime.partitioner import partition_of

# A flush costs up to half a millisecond of CPU, mostly for each partition. So the first record of a burst waits for
# its neighbours, then until the event loop has nothing more to read: after that the core would only idle. Under a
# constant load there is always more to read.
LINGER_S: Final = 0.002
FLUSH_EVERY_S: Final = 0.005
BATCH_BYTES_MAX: Final = 900 * 1024  # below Kafka's default max.message.bytes, above the largest record
STUCK_S: Final = 3.0  # without an acknowledgement: leaves time to spool before the sender gives up
CONNECT_S: Final = 10.0  # for one try to connect: three silent brokers, one after the other
RETRY_S_MAX: Final = 1.0  # between tries to connect, doubling from a twentieth of it
REPLACE_S_MAX: Final = 10.0  # while producers connect, then fail before anything is acknowledged
# aiokafka retries with the same producer id, which writes nothing twice. A new producer's repetitions may be written
# twice: so only after this long, and then less and less often.
PATIENCE_S: Final = 30.0
PATIENCE_S_MAX: Final = 240.0
RETIRE_S: Final = 10.0  # while a producer that was given up may still deliver; then it is cut off
RETIRING_MAX: Final = 1  # producers besides the one in use: each has connections to every broker
LOG_EVERY_S: Final = 10.0  # that Kafka cannot be reached
LOOK_S: Final = 0.25  # between checks of the time

GiveBack = Callable[[list[Waiting]], None]

log = structlog.get_logger()


class Producer:
    """`give_back` gets, in order, what was not acknowledged in time; if None, those records keep waiting."""

    def __init__(
        self, options: Callable[[], dict[str, Any]], topic: str, metrics: Metrics, give_back: GiveBack | None
    ) -> None:
        self._options, self._topic, self._metrics, self._give_back = options, topic, metrics, give_back
        self._loop = asyncio.get_running_loop()
        self._kafka: AIOKafkaProducer | None = None
        self._partitions = 0  # how many the topic has
        self._unplaced: deque[Waiting] = deque()  # while no producer is connected
        self._flights = Flights()
        self._timer: asyncio.Handle | None = None
        self._queued = 0  # records, at the last check
        self._flushed_at = self._acknowledged_at = 0.0
        self._logged_at = -LOG_EVERY_S
        self._patience_s = PATIENCE_S
        self._proven = False  # this producer has got an acknowledgement
        self._in_doubt = False
        self._lost = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references
        self._retiring: set[asyncio.Task[Any]] = set()
        self.tried = asyncio.Event()  # the first try to connect is over
        self.topic_missing = False

    @property
    def connected(self) -> bool:
        """Whether a producer is in use."""
        return self._kafka is not None

    @property
    def up(self) -> bool:
        """Whether Kafka is believed to store what it is sent."""
        return self._kafka is not None and not self._in_doubt

    @property
    def settling(self) -> bool:
        """Whether records that were given back may still be acknowledged: nothing may overtake them."""
        return self._flights.settling

    def put(self, waiting: Waiting) -> None:
        """Take a record; its future gets the outcome. Deadlines are the caller's."""
        if self._kafka is None:
            self._unplaced.append(waiting)
        else:
            self._flights.put(partition_of(waiting.record.key, self._partitions), waiting)
            if self._timer is None:
                self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(LINGER_S, self._flush_if_quiet)

    def _flush_if_quiet(self) -> None:
        """Flush, unless more came since the last check: between two, the loop reads all there is."""
        before, self._queued = self._queued, self._flights.queued
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
        for partition in self._flights.due():
            batch = kafka.create_batch()
            if records := self._flights.fill(batch, partition, self._flushed_at):
                batches.append((partition, batch, records))
        if batches:
            sending = self._loop.create_task(self._send(kafka, batches))
            self._tasks.add(sending)
            sending.add_done_callback(self._tasks.discard)

    async def _send(self, kafka: AIOKafkaProducer, batches: list[tuple[int, Any, list[Waiting]]]) -> None:
        for partition, batch, records in batches:
            try:
                sent = await kafka.send_batch(batch, self._topic, partition=partition)
            except Exception as error:  # noqa: BLE001  # after any error of aiokafka the next producer tries
                self._landed(kafka, partition, records, error)
                return
            sent.add_done_callback(lambda it, p=partition, r=records: self._landed(kafka, p, r, error_of(it)))

    def _landed(
        self, kafka: AIOKafkaProducer, partition: int, records: list[Waiting], error: BaseException | None
    ) -> None:
        """Take a batch's outcome."""
        if error is None:
            for waiting in records:  # even from a producer that was given up
                waiting.landed = True
                waiting.ends("kafka")
        if kafka is not self._kafka:
            return
        if error is None:
            self._acknowledged(partition, records)
        elif isinstance(error, FOR_GOOD):
            self._refused(partition, error)
        else:
            self.replace("a batch failed", error)

    def _acknowledged(self, partition: int, records: list[Waiting]) -> None:
        self._proven, self._patience_s, self._acknowledged_at = True, PATIENCE_S, self._loop.time()
        self._doubt(False)
        if not records[0].spooled:
            self._metrics.ack_seconds.observe(self._loop.time() - records[0].since)
        if self._flights.acknowledged(partition):
            self._flush_soon()

    def _refused(self, partition: int, error: BaseException) -> None:
        """Kafka will never take this batch; sending each record alone shows which one is to blame."""
        bad = self._flights.refused(partition)
        if bad is not None:
            bad.ends("refused")
            log.error("record_refused", error_type=type(error).__name__)
        self._flush_soon()

    def replace(self, reason: str, error: BaseException | None = None) -> None:
        """Give this producer up, and give back everything it got no acknowledgement for."""
        kafka = self._kafka
        if kafka is None:
            return
        self._doubt(self._in_doubt or not self._flights.empty)  # nothing sent says nothing about Kafka
        self._kafka = None
        self._metrics.kafka_up.set(0)
        self._metrics.producers_replaced.inc()
        log.warning("producer_replaced", reason=reason, error_type=type(error).__name__ if error else None)
        open_ones, sent = self._flights.take_all()
        if self._give_back is not None:
            self._give_back(open_ones)
        elif open_ones:
            self._unplaced.extend(open_ones)
        elif sent is not None:
            # Their senders were answered, and nothing new may come while Kafka is not up: so one of them is retried.
            again = replace(sent, future=self._loop.create_future(), since=self._loop.time(), spooled=True)
            self._unplaced.append(again)
        self._lost.set()
        self._retire(kafka)

    async def run(self) -> None:
        """Keep a producer connected, indefinitely."""
        self.replace("started again")  # an earlier run may have left one
        retry_s = 0.0
        while True:
            await asyncio.sleep(retry_s)
            while len(self._retiring) > RETIRING_MAX:
                await asyncio.wait(self._retiring, return_when=asyncio.FIRST_COMPLETED)
            connected = await self._connect()
            self.tried.set()
            while connected and not self._lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._lost.wait(), LOOK_S)
                self._check()
            if connected and self._proven:
                retry_s = 0.0
            else:
                retry_s = min(max(2 * retry_s, RETRY_S_MAX / 20), REPLACE_S_MAX if connected else RETRY_S_MAX)
            while self._unplaced and self._unplaced[0].future.done():
                self._unplaced.popleft()

    async def _connect(self) -> bool:
        kafka = partitions = None
        try:
            # aiokafka gets batches that are full: it need not wait for more.
            kafka = new_producer(self._options(), "ingest", max_batch_size=BATCH_BYTES_MAX, linger_ms=0)
            async with asyncio.timeout(CONNECT_S):
                await kafka.start()
                # For all topics: asking for one that is missing can create it, with one partition.
                cluster = await kafka.client.fetch_all_metadata()
                self.topic_missing = not cluster.partitions_for_topic(self._topic)
                if not self.topic_missing:
                    partitions = await kafka.partitions_for(self._topic)
        except (KafkaError, OSError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            if self._loop.time() - self._logged_at > LOG_EVERY_S:
                self._logged_at = self._loop.time()
                log.warning("kafka_away", error_type=type(error).__name__)
        finally:
            if kafka is not None and not partitions:
                self._retire(kafka)
        if kafka is not None and partitions:
            self._use(kafka, len(partitions))
        return bool(partitions)

    def _use(self, kafka: AIOKafkaProducer, partitions: int) -> None:
        log.info("kafka_connected", topic=self._topic, count=partitions)
        self._kafka, self._partitions, self._proven = kafka, partitions, False
        self._acknowledged_at = self._loop.time()  # nothing is overdue yet
        self._lost.clear()
        self._metrics.kafka_up.set(self.up)
        unplaced, self._unplaced = self._unplaced, deque()
        for waiting in unplaced:
            self.put(waiting)

    def _check(self) -> None:
        """What only time shows: which records wait too long, and how many partitions there are."""
        if self._kafka is None:
            return
        now = self._loop.time()
        self._flights.drop_answered()
        sent_at = self._flights.sent_at(now)
        if now - sent_at > self._patience_s:
            self._patience_s = min(2 * self._patience_s, PATIENCE_S_MAX)
            self.replace("not acknowledged")
            return
        if now - max(sent_at, self._acknowledged_at) > STUCK_S:
            self._doubt(True)
        elif self._give_back is None and self._flights.empty:
            self._doubt(False)  # only the next record can prove anything now
        if self._give_back is not None and now - self._flights.waits_since(now) > STUCK_S:
            self._give_back(self._flights.give_back())  # aiokafka keeps trying with those in flight
        partitions = self._kafka.client.cluster.partitions_for_topic(self._topic)
        self._partitions = len(partitions or ()) or self._partitions  # a topic can grow

    def _doubt(self, in_doubt: bool) -> None:
        if in_doubt == self._in_doubt:
            return
        if in_doubt:
            log.warning("kafka_in_doubt", topic=self._topic)
        else:
            log.info("kafka_acknowledges", topic=self._topic)
        self._in_doubt = in_doubt
        self._metrics.kafka_up.set(self.up)

    def _retire(self, kafka: AIOKafkaProducer) -> None:
        task = self._loop.create_task(end(kafka, RETIRE_S))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def stop(self, timeout_s: float) -> None:
        """End after the last `put`, with `timeout_s` seconds for what is in flight."""
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            self._retire(kafka)
        if retiring := list(self._retiring):
            try:
                await asyncio.wait(retiring, timeout=timeout_s)
            finally:
                for task in retiring:
                    task.cancel()
            await asyncio.wait(retiring)
