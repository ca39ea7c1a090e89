"""Commits the offsets that the core names, and looks up where the logs end.

Neither waits for the other: a partition without a leader has no known end, and must not hold up commits.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetMetadataTooLargeError
from aiokafka.structs import OffsetAndMetadata

from ingest.runtime.supervision import together
from tagger.kafka.assigned import Assigned
from tagger.metrics import Metrics

COMMIT_EVERY_S: Final = 1.0
COMMIT_DEADLINE_S: Final = 10.0  # then it is given up, and the next one has newer offsets; one at a time
ENDS_EVERY_S: Final = 1.0
END_DEADLINE_S: Final = 3.0  # for one partition's end; a broker answers within milliseconds

log = structlog.get_logger()


class Commits:
    """Commits for all of `assigned`, which others fill and empty."""

    def __init__(self, kafka: AIOKafkaConsumer, assigned: Mapping[int, Assigned], metrics: Metrics) -> None:
        self._kafka, self._assigned, self._metrics = kafka, assigned, metrics
        self._committing = asyncio.Lock()
        self.fail_since: float | None = None  # monotonic; None: the last one succeeded

    async def run(self) -> None:
        """Commit forever, even with nothing new: monitors take a silent group for a dead one."""
        while True:
            await self.commit(self._assigned.values())
            await asyncio.sleep(COMMIT_EVERY_S)

    async def commit(self, partitions: Iterable[Assigned], deadline_s: float = COMMIT_DEADLINE_S) -> None:
        """Commit what each partition may commit now; never raises for what Kafka answers."""
        async with self._committing:
            offers = [(assigned, assigned.state.committable()) for assigned in partitions]
            wanted = {a.tp: OffsetAndMetadata(c.offset, c.metadata) for a, c in offers if c is not None}
            if not wanted:
                return
            result = await self._send(wanted, deadline_s)
            self._metrics.commits.labels(result=result).inc()
            if result == "failed":
                self.fail_since = self.fail_since or time.monotonic()
            if result == "ok":
                self.fail_since = None
                self._metrics.commit_time.set_to_current_time()
                for assigned, offer in offers:
                    if offer is not None:
                        assigned.committed = offer.offset
                        assigned.state.committed(offer.offset)

    async def _send(self, wanted: dict[TopicPartition, OffsetAndMetadata], deadline_s: float) -> str:
        try:
            async with asyncio.timeout(deadline_s):  # aiokafka retries forever
                await self._kafka.commit(wanted)
            return "ok"
        except (CommitFailedError, IllegalStateError):
            return "rebalanced"  # another member owns the partitions; it starts where we committed last
        except (KafkaError, TimeoutError) as error:
            if isinstance(error, OffsetMetadataTooLargeError) and any(o.metadata for o in wanted.values()):
                # The broker allows less than our 70 characters. The offset alone is true, too: the next owner
                # reads from further back.
                bare = {tp: OffsetAndMetadata(offer.offset, "") for tp, offer in wanted.items()}
                return await self._send(bare, deadline_s)
            topic = next(iter(wanted)).topic
            log.warning("commit_failed", topic=topic, error_type=type(error).__name__)
            return "failed"


class LogEnds:
    """Keeps `log_end` of each partition fresh, for lag: aiokafka knows it only of those that it reads."""

    def __init__(self, kafka: AIOKafkaConsumer, assigned: Mapping[int, Assigned]) -> None:
        self._kafka, self._assigned = kafka, assigned

    async def run(self) -> None:
        """Look forever, at each partition separately: one without a leader fails all in the same request."""
        while True:
            await together(self._look(assigned) for assigned in list(self._assigned.values()))
            await asyncio.sleep(ENDS_EVERY_S)

    async def _look(self, assigned: Assigned) -> None:
        try:
            async with asyncio.timeout(END_DEADLINE_S):
                assigned.log_end = (await self._kafka.end_offsets([assigned.tp]))[assigned.tp]
                assigned.log_end_at = time.monotonic()
        except (KafkaError, TimeoutError) as error:
            log.debug("log_end_unknown", partition=assigned.tp.partition, error_type=type(error).__name__)
