"""Decisions and parked items to Kafka, each acknowledged by all in-sync replicas before it counts.

Promises that `send` returns only when the record is stored, in the service however long Kafka is away: work
waits, and waiting work is what lag shows. A command gives up. A producer that stays broken is replaced.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tagger.metrics import KAFKA_SEND_FAILURES

# One send may take this long; then its outcome is unknown and it is sent again (readers de-duplicate).
SEND_DEADLINE_S: Final = 30.0
# Between two tries; Kafka away is logged at this pace.
RETRY_S: Final = 2.0
# Somebody who waits for a command wants to hear what is wrong; whatever was not stored is done again next time.
COMMAND_PATIENCE_S: Final = 30.0
# Closing waits this long for the broker, then gives up: what was not acknowledged is not settled.
STOP_DEADLINE_S: Final = 5.0

log = structlog.get_logger()


class Producer:
    """One idempotent aiokafka producer, made again when it fails."""

    def __init__(self, client_options: Mapping[str, Any], patience_s: float = math.inf) -> None:
        self._options, self._patience_s = client_options, patience_s
        self._producer: Any = None  # an AIOKafkaProducer once somebody sends
        self._making = asyncio.Lock()

    async def send(self, topic: str, key: bytes, value: Mapping[str, Any]) -> None:
        """Store one record; return when all in-sync replicas have it.

        KafkaError, TimeoutError or OSError when the patience is over.
        """
        payload, began = orjson.dumps(value), time.monotonic()
        while True:
            producer = None
            try:
                async with asyncio.timeout(SEND_DEADLINE_S):
                    producer = await self._started()
                    await producer.send_and_wait(topic, payload, key=key)
                return
            except (KafkaError, TimeoutError, OSError) as error:
                KAFKA_SEND_FAILURES.labels(topic=topic).inc()
                log.warning("kafka_send_failed", topic=topic, error=type(error).__name__)
                await self._discard(producer)
                if time.monotonic() - began + RETRY_S > self._patience_s:
                    raise
                await asyncio.sleep(RETRY_S)

    async def stop(self) -> None:
        await self._discard(self._producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options,
                    acks="all",  # a decision that a broker loses would be an end settled without a trace
                    enable_idempotence=True,  # keeps the order of retries inside aiokafka
                    linger_ms=5,  # decisions come in bursts; a few milliseconds make one request of many
                )
                try:
                    await producer.start()
                except BaseException:
                    with suppress(Exception):
                        await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _discard(self, producer: Any) -> None:
        """Close a producer that failed, unless another sender has replaced it already."""
        if producer is None or producer is not self._producer:
            return
        self._producer = None
        with suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(STOP_DEADLINE_S):
                await producer.stop()
