"""Writes decisions and parked items to Kafka, each acknowledged by all in-sync replicas before it counts.

`send` returns only when the record is stored or Kafka has refused it for good. The service waits as long as Kafka
is away, which lag shows; a command gives up. aiokafka retries and writes nothing twice, so a producer is replaced
only when it failed or got no answer for long, and then less and less often. At most two exist at a time.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
from aiokafka.partitioner import DefaultPartitioner

from ingest.runtime.kafka_client import FOR_GOOD, FORBIDDEN, new_producer
from ingest.runtime.kafka_connections import end
from tagger.metrics import Metrics

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
BATCH_BYTES: Final = 16_384  # what aiokafka sends together, its default; a larger record is sent alone
# Key and value. Our records are far smaller, our topics accept no larger one (Kafka's limit is 1 MiB), and a broker
# cuts the connection on a much larger one, which would look like an outage.
RECORD_BYTES_MAX: Final = 1 << 20

# Not the producer's fault: a right or a topic is missing, its buffer is full, or it was replaced.
PRODUCER_IS_FINE: Final = (*FORBIDDEN, UnknownTopicOrPartitionError, KafkaTimeoutError, ProducerClosed)

log = structlog.get_logger()
choose = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Kafka will never accept the record, most likely because its topic allows none so large."""

    error_type: str


class Producer:
    """One idempotent aiokafka producer, made for the first record and replaced when it fails."""

    def __init__(
        self, client_options: Mapping[str, Any], metrics: Metrics, patience_s: float = math.inf
    ) -> None:
        self._options, self._metrics, self._patience_s = client_options, metrics, patience_s
        self._kafka: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._retiring: set[asyncio.Task[Any]] = set()
        self._ack_s = PATIENCE_S
        self._logged_at = -math.inf
        self._waiting: dict[object, float] = {}  # records, and since when; as many as jobs in flight

    async def send(self, topic: str, key: bytes, value: Mapping[str, Any]) -> NotTaken | None:
        """Store one record; None once all in-sync replicas have it, or why Kafka will never accept it.

        KafkaError, TimeoutError or OSError after `patience_s`.
        """
        this, began = object(), time.monotonic()
        self._waiting[this] = began
        try:
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
        """Close, within STOP_DEADLINE_S."""
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
            kafka = None
            try:
                kafka = await self._connected()
                await self._acknowledged(kafka, topic, key, payload, alone, began)
                return None
            except FOR_GOOD as error:
                if alone:
                    return self._not_taken(topic, len(payload), error)
                alone = True  # the fault may be another record's in the batch, so it is sent alone
                continue
            except (KafkaError, TimeoutError, OSError) as error:
                self._failed(kafka, topic, error)
                if time.monotonic() - began + retry_s > self._patience_s:
                    raise
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, RETRY_S_MAX)

    async def _acknowledged(  # noqa: PLR0913, PLR0917 - a record, and how to send it
        self, kafka: AIOKafkaProducer, topic: str, key: bytes, payload: bytes, alone: bool, began: float
    ) -> None:
        """Return once the record is stored; TimeoutError if that takes too long."""
        if alone:
            batch = kafka.create_batch()
            batch.append(timestamp=None, key=key, value=payload)
            batch.close()
            partitions = sorted(await kafka.partitions_for(topic))
            sent = await kafka.send_batch(batch, topic, partition=choose(key, partitions, partitions))
        else:
            sent = await kafka.send(topic, payload, key=key)
        sent.add_done_callback(_seen)  # even if nobody waits for it any more
        left_s = began + self._patience_s - time.monotonic()
        await asyncio.wait([sent], timeout=max(0.0, min(self._ack_s, left_s)))
        if not sent.done():
            raise TimeoutError
        sent.result()
        self._ack_s = PATIENCE_S

    async def _connected(self) -> AIOKafkaProducer:
        async with self._making:
            if self._kafka is None:
                while len(self._retiring) > RETIRING_MAX:
                    await asyncio.wait(self._retiring, return_when=asyncio.FIRST_COMPLETED)
                # Decisions come in bursts; a few milliseconds make one request of many.
                kafka = new_producer(self._options, "tagger", linger_ms=5, max_batch_size=BATCH_BYTES)
                try:
                    async with asyncio.timeout(CONNECT_S):
                        await kafka.start()
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


def _seen(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()
