"""Writes decisions and parked items to Kafka, each acknowledged by all in-sync replicas before it counts.

`send` returns only when the record is stored or Kafka has refused it for good. The service waits as long as Kafka
is away, which lag shows; a command gives up. aiokafka retries and writes nothing twice, so a producer is replaced
only when it failed, or had no answer for 30 s; each further one is given twice as long, up to 4 minutes, until a
record is stored. At most two exist at a time.

Each partition has one batch on its way; what comes meanwhile is its next one. So a burst takes few requests, a single
record waits for nothing, and a slow partition holds up no other.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
    UnknownTopicOrPartitionError,
)

from ingest.runtime.kafka_client import FOR_GOOD, FORBIDDEN, new_producer
from ingest.runtime.kafka_connections import end
from ingest.runtime.partitioner import partition_of
from tagger.metrics import Metrics

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces

# For an acknowledgement, before a new producer sends the record again (readers de-duplicate).
PATIENCE_S: Final = 30.0
PATIENCE_S_MAX: Final = 240.0
CONNECT_S: Final = 10.0  # for one try to connect: three brokers that do not answer, one after the other
# Between two tries of a record, doubling.
RETRY_S: Final = 1.0
RETRY_S_MAX: Final = 10.0
LOG_EVERY_S: Final = 10.0  # a thousand records may wait for the same broker; one line says so
SLOW_S: Final = 10.0  # health says so when a record waits for longer
COMMAND_PATIENCE_S: Final = 30.0  # a person waits; what was not stored is done again next time
STOP_DEADLINE_S: Final = 5.0  # to close; what was not acknowledged by then is not settled
RETIRING_MAX: Final = 1  # producers being replaced: each has connections to every broker
BATCH_BYTES: Final = 65_536  # of the records sent together, some 100 decisions; a larger record is sent alone
# Key and value. Our records are far smaller, our topics accept no larger one (Kafka's limit is 1 MiB), and a broker
# cuts the connection on a much larger one, which would look like an outage.
RECORD_BYTES_MAX: Final = 1 << 20

# Not the producer's fault: a right or a topic is missing, its buffer is full, or it was replaced.
PRODUCER_IS_FINE: Final = (*FORBIDDEN, UnknownTopicOrPartitionError, KafkaTimeoutError, ProducerClosed)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Kafka will never accept the record, most likely because its topic allows none so large."""

    error_type: str


@dataclass(eq=False, slots=True)
class _Waiting:
    """One record on its way."""

    key: bytes
    payload: bytes
    headers: list[tuple[str, bytes]]
    alone: bool  # in a batch of its own
    stored: asyncio.Future[None]


# A topic and one of its partitions.
_Place = tuple[str, int]


class Producer:
    """One idempotent aiokafka producer, made for the first record and replaced when it fails."""

    def __init__(
        self,
        client_options: Mapping[str, Any],
        metrics: Metrics,
        patience_s: float = math.inf,
        traces: "Traces | None" = None,
    ) -> None:
        self._options, self._metrics, self._patience_s = client_options, metrics, patience_s
        self._traces = traces  # None: they are off
        self._kafka: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._stopped = False
        self._retiring: set[asyncio.Task[Any]] = set()
        self._ack_s = PATIENCE_S
        self._logged_at = -math.inf
        self._waiting: dict[object, float] = {}  # records, and since when; as many as jobs in flight
        self._queues: dict[_Place, deque[_Waiting]] = {}  # of partitions that have anything on its way
        self._senders: dict[_Place, asyncio.Task[None]] = {}

    async def send(self, topic: str, key: bytes, value: Mapping[str, Any]) -> NotTaken | None:
        """Store one record; None once all in-sync replicas have it, or why Kafka will never accept it.

        KafkaError, TimeoutError or OSError after `patience_s`.
        """
        this, began = object(), time.monotonic()
        self._waiting[this] = began
        try:
            if self._traces is None:
                return await self._send(topic, key, orjson.dumps(value), began)
            with self._traces.send(topic):
                return await self._send(topic, key, orjson.dumps(value), began)
        finally:
            del self._waiting[this]

    def notes(self, now: float) -> list[str]:
        """What health should say; `now` is monotonic, in seconds."""
        waits_s = now - next(iter(self._waiting.values()), now)
        if waits_s < SLOW_S:
            return []
        return [
            f"Kafka has not acknowledged a decision for {waits_s:.0f} s, so committed offsets wait: check that all "
            "partitions of the topics have enough in-sync replicas."
        ]

    async def stop(self) -> None:
        """Close, within STOP_DEADLINE_S; whoever still waits for a record, or sends one later, is cancelled."""
        self._stopped = True
        if senders := list(self._senders.values()):
            for sender in senders:
                sender.cancel()
            await asyncio.wait(senders)
        for queue in self._queues.values():  # of senders that never came to their first step
            for waiting in queue:
                waiting.stored.cancel()
        self._queues.clear()
        self._senders.clear()
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            self._retire(kafka)
        if retiring := list(self._retiring):
            try:
                await asyncio.wait(retiring, timeout=STOP_DEADLINE_S)
            finally:
                for task in retiring:
                    task.cancel()
            await asyncio.wait(retiring)

    async def _send(self, topic: str, key: bytes, payload: bytes, began: float) -> NotTaken | None:
        if len(key) + len(payload) > RECORD_BYTES_MAX:
            return self._not_taken(topic, len(payload), MessageSizeTooLargeError())
        retry_s, alone = RETRY_S, len(payload) > BATCH_BYTES
        while True:
            try:
                await self._stored(topic, key, payload, alone, began)
                return None
            except FOR_GOOD as error:
                if alone:
                    return self._not_taken(topic, len(payload), error)
                alone = True  # the fault may be another record's in the batch, so it is sent alone
                continue
            except (KafkaError, TimeoutError, OSError):
                if time.monotonic() - began + retry_s > self._patience_s:
                    raise
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, RETRY_S_MAX)

    async def _stored(self, topic: str, key: bytes, payload: bytes, alone: bool, began: float) -> None:
        """Return once the record is stored; raise why its batch was not."""
        if self._patience_s < math.inf:
            async with asyncio.timeout(began + self._patience_s - time.monotonic()):
                await self._queued(topic, key, payload, alone)
        else:
            await self._queued(topic, key, payload, alone)

    async def _queued(self, topic: str, key: bytes, payload: bytes, alone: bool) -> None:
        kafka = None
        try:
            kafka = self._kafka or await self._connected()
            count = len(kafka.client.cluster.partitions_for_topic(topic) or await kafka.partitions_for(topic))
        except (KafkaError, TimeoutError, OSError) as error:
            self._failed(kafka, topic, error)
            raise
        place = (topic, partition_of(key, count))
        headers = [] if self._traces is None else self._traces.header()
        waiting = _Waiting(key, payload, headers, alone, asyncio.get_running_loop().create_future())
        self._queues.setdefault(place, deque()).append(waiting)
        if place not in self._senders:  # it starts after this turn of the loop, in which more may come
            self._senders[place] = asyncio.get_running_loop().create_task(self._send_all(place))
        await waiting.stored

    async def _send_all(self, place: _Place) -> None:
        """Send what waits for a partition, batch by batch; nobody waits for ever, whatever is raised."""
        queue, batch = self._queues[place], list[_Waiting]()
        try:
            while queue:
                batch = _next_batch(queue)
                error = await self._send_batch(place, batch)
                for waiting in batch:
                    if not waiting.stored.done():
                        waiting.stored.set_exception(error) if error else waiting.stored.set_result(None)
        finally:
            for waiting in (*batch, *queue):  # none, unless this task was cancelled
                waiting.stored.cancel()
            self._queues.pop(place, None)
            self._senders.pop(place, None)

    async def _send_batch(self, place: _Place, waiting: list[_Waiting]) -> Exception | None:
        """Send records together; None once they are stored, or why they may not be."""
        (topic, partition), kafka = place, None
        try:
            kafka = await self._connected()
            batch = kafka.create_batch()
            for each in waiting:
                row = batch.append(timestamp=None, key=each.key, value=each.payload, headers=each.headers)
                if row is None:
                    raise MessageSizeTooLargeError  # then each is sent alone
            batch.close()
            sent = await kafka.send_batch(batch, topic, partition=partition)
            sent.add_done_callback(_seen)  # even if nobody waits for it any more
            await asyncio.wait([sent], timeout=self._ack_s)
            if not sent.done():
                raise TimeoutError
            sent.result()
        except Exception as error:  # noqa: BLE001 - a fault of ours must reach whoever waits, too
            if isinstance(error, KafkaError | TimeoutError | OSError) and not isinstance(error, FOR_GOOD):
                self._failed(kafka, topic, error)
            return error
        self._ack_s = PATIENCE_S
        return None

    async def _connected(self) -> AIOKafkaProducer:
        async with self._making:
            if self._kafka is None:
                while len(self._retiring) > RETIRING_MAX:
                    await asyncio.wait(self._retiring, return_when=asyncio.FIRST_COMPLETED)
                if self._stopped:
                    raise asyncio.CancelledError
                kafka = new_producer(self._options, "tagger", linger_ms=0, max_batch_size=RECORD_BYTES_MAX)
                try:
                    async with asyncio.timeout(CONNECT_S):
                        await kafka.start()
                    if self._stopped:
                        raise asyncio.CancelledError
                except BaseException:
                    self._retire(kafka)
                    raise
                self._kafka = kafka
            return self._kafka

    def _failed(self, kafka: AIOKafkaProducer | None, topic: str, error: Exception) -> None:
        """Log it, and replace the producer if that is the cause, unless another sender already has."""
        self._metrics.kafka_send_failures.labels(topic=topic).inc()
        now = time.monotonic()
        if now - self._logged_at > LOG_EVERY_S:
            self._logged_at = now
            log.warning("kafka_send_failed", topic=topic, error_type=type(error).__name__)
        if kafka is not None and kafka is self._kafka and not isinstance(error, PRODUCER_IS_FINE):
            if isinstance(error, TimeoutError):
                self._ack_s = min(2 * self._ack_s, PATIENCE_S_MAX)
            self._metrics.producers_replaced.inc()
            self._kafka = None
            self._retire(kafka)

    def _not_taken(self, topic: str, size: int, error: Exception) -> NotTaken:
        self._metrics.records_refused.inc()
        log.error("record_refused", topic=topic, bytes=size, error_type=type(error).__name__)
        return NotTaken(type(error).__name__)

    def _retire(self, kafka: AIOKafkaProducer) -> None:
        task = asyncio.get_running_loop().create_task(end(kafka, STOP_DEADLINE_S))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _next_batch(queue: deque[_Waiting]) -> list[_Waiting]:
    """Take what goes next, and together, off the queue; what nobody waits for any more is dropped."""
    batch: list[_Waiting] = []
    room = BATCH_BYTES
    while queue:
        waiting = queue[0]
        room -= len(waiting.key) + len(waiting.payload)
        if batch and (waiting.alone or room < 0):
            break
        queue.popleft()
        if not waiting.stored.done():
            batch.append(waiting)
            if waiting.alone:
                break
    return batch


def _seen(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()
