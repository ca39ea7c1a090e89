"""Records to Kafka: one aiokafka producer at a time, kept for as long as it can be.

It promises that the outcome "kafka" means acknowledged by all in-sync replicas, and that the records of a
partition are sent in the order they came: none leaves before the one ahead of it is acknowledged.
It never waits for Kafka without an end, and it never drops what nobody was told about.

It is `up` once it is connected, and no more when a record was left without an acknowledgement for STUCK_S and
nothing else was acknowledged meanwhile, or when a producer was given up; then only an acknowledgement makes it
`up` again. Being connected alone proves nothing: a broker that lacks in-sync replicas lets anybody connect.
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
from ingest.partitioner import partition_of
from ingest.pending import Waiting
from ingest.runtime.kafka_client import FOR_GOOD, error_of, new_producer
from ingest.runtime.kafka_connections import end

# A flush costs up to half a millisecond of CPU whatever it holds, most of it by partition. So the first record of
# a burst waits for its neighbours, and then until the event loop has nothing more to read: waiting longer, the core
# would idle while all senders wait for Kafka. Under a load that never ends there is always more to read.
LINGER_S: Final = 0.002
FLUSH_EVERY_S: Final = 0.005
BATCH_BYTES_MAX: Final = 900 * 1024  # below Kafka's default max.message.bytes, above the largest record
STUCK_S: Final = 3.0  # without an acknowledgement: leaves time for the spool within a sender's patience
CONNECT_S: Final = 10.0  # for one try to connect: three brokers that do not answer, one after the other
RETRY_S_MAX: Final = 1.0  # between tries to connect, doubling from a twentieth of it
REPLACE_S_MAX: Final = 10.0  # while producers connect and then fail before anything is acknowledged
# aiokafka goes on trying with the same producer id, which writes nothing twice. What a new producer sends again
# may be written twice: so only when this long was not enough, and then less and less often.
PATIENCE_S: Final = 30.0
PATIENCE_S_MAX: Final = 240.0
RETIRE_S: Final = 10.0  # a producer that was given up may still deliver; after that it is cut off
RETIRING_MAX: Final = 1  # producers beside the one in use: each has connections to every broker
TELL_EVERY_S: Final = 10.0  # that Kafka cannot be reached
LOOK_S: Final = 0.25  # how often time is looked at

log = structlog.get_logger()


class Producer:
    """`give_back` takes, in order, what was not acknowledged in time; without it, everybody waits on."""

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
        self._flights = Flights()
        self._timer: asyncio.Handle | None = None
        self._queued = 0  # records, at the last look
        self._flushed_at = self._acknowledged_at = 0.0
        self._told_at = -TELL_EVERY_S
        self._patience_s = PATIENCE_S
        self._proven = False  # this producer has had an acknowledgement
        self._in_doubt = False
        self._lost = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop alone would not keep them
        self._retiring: set[asyncio.Task[Any]] = set()
        self.tried = asyncio.Event()  # the first try to connect is over
        self.topic_missing = False

    @property
    def connected(self) -> bool:
        return self._kafka is not None

    @property
    def up(self) -> bool:
        return self._kafka is not None and not self._in_doubt

    @property
    def settling(self) -> bool:
        """Whether records that were given back may still be acknowledged: nothing may overtake them."""
        return self._flights.settling

    def put(self, waiting: Waiting) -> None:
        """Take a record; its future tells the outcome, in time or not: deadlines are the caller's."""
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
        """Flush, unless more came since the last look: the loop reads all there is between two looks."""
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
            if self._flights.fill(batch, partition, self._flushed_at):
                batches.append((partition, batch, self._flights.of(partition)))
        if batches:
            sending = self._loop.create_task(self._send(kafka, batches))
            self._tasks.add(sending)
            sending.add_done_callback(self._tasks.discard)

    async def _send(self, kafka: AIOKafkaProducer, batches: list[tuple[int, Any, list[Waiting]]]) -> None:
        for partition, batch, records in batches:
            try:
                sent = await kafka.send_batch(batch, self._topic, partition=partition)
            except Exception as error:  # noqa: BLE001  # whatever a broken aiokafka raises, the next one tries
                self._landed(kafka, partition, records, error)
                return
            sent.add_done_callback(
                lambda done, p=partition, r=records: self._landed(kafka, p, r, error_of(done))
            )

    def _landed(
        self, kafka: AIOKafkaProducer, partition: int, records: list[Waiting], error: BaseException | None
    ) -> None:
        """A batch was acknowledged, or was not."""
        if error is None:
            for waiting in records:  # counts from a producer that was given up, too
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
        """Kafka will never take this batch; whose fault that is shows when each record is sent by itself."""
        bad = self._flights.refused(partition)
        if bad is not None:
            bad.ends("refused")
            log.error("record_refused", error_type=type(error).__name__)
        self._flush_soon()

    def replace(self, reason: str, error: BaseException | None = None) -> None:
        """Give this producer up, and everything back that it has not got acknowledged."""
        kafka = self._kafka
        if kafka is None:
            return
        self._doubt(
            self._in_doubt or not self._flights.empty
        )  # where nothing was sent, nothing speaks against Kafka
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
            # Their senders were told, and who is not up may be sent nothing more: so one of them is tried again.
            again = replace(sent, future=self._loop.create_future(), since=self._loop.time(), spooled=True)
            self._unplaced.append(again)
        self._lost.set()
        self._retire(kafka)

    async def run(self) -> None:
        """Keep a producer connected, for ever."""
        self.replace("started again")  # where an earlier run left one, nobody looks after it
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
                self._look()
            if connected and self._proven:
                retry_s = 0.0
            else:
                retry_s = min(max(2 * retry_s, RETRY_S_MAX / 20), REPLACE_S_MAX if connected else RETRY_S_MAX)
            while self._unplaced and self._unplaced[0].future.done():
                self._unplaced.popleft()

    async def _connect(self) -> bool:
        kafka = partitions = None
        try:
            # Batches are full when aiokafka gets them: it need not wait for more.
            kafka = new_producer(self._options(), "ingest", max_batch_size=BATCH_BYTES_MAX, linger_ms=0)
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
        self._acknowledged_at = self._loop.time()  # none is owed yet
        self._lost.clear()
        self._metrics.kafka_up.set(self.up)
        unplaced, self._unplaced = self._unplaced, deque()
        for waiting in unplaced:
            self.put(waiting)

    def _look(self) -> None:
        """What time alone tells: who waits for too long, and how many partitions there are."""
        if self._kafka is None:
            return
        now = self._loop.time()
        self._flights.forget_told()
        sent_at = self._flights.sent_at(now)
        if now - sent_at > self._patience_s:
            self._patience_s = min(2 * self._patience_s, PATIENCE_S_MAX)
            self.replace("not acknowledged")
            return
        if now - max(sent_at, self._acknowledged_at) > STUCK_S:
            self._doubt(True)
        elif self._give_back is None and self._flights.empty:
            self._doubt(False)  # nothing is left that could prove anything: the next record will
        if self._give_back is not None and now - self._flights.waits_since(now) > STUCK_S:
            self._give_back(self._flights.give_back())  # aiokafka tries on with what is sent
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
        """End for good. Nobody puts records any more; what is in flight gets the time that is given."""
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
