"""Finds where to read a partition from: at an assignment, and whenever the core asks for another offset."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IllegalStateError

from tagger.core.partition.protocol import Seek
from tagger.kafka.assigned import Assigned
from tagger.kafka.group import OffsetsFound
from tagger.metrics import Metrics

PREPARE_DEADLINE_S: Final = 20.0  # then it is tried again, and health says so
RETRY_S: Final = 1.0

# What the core counts if chats may have ended in records that are gone.
RECORDS_LOST: Final = ("lost_range", "recreated")

log = structlog.get_logger()


class Preparing:
    """Prepares partitions of `assigned`, each in its own task: one without a leader holds up no other."""

    def __init__(  # noqa: PLR0913, PLR0917 - where offsets come from
        self,
        kafka: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        group_id: str,
        assigned: Mapping[int, Assigned],
        open_bytes_max: int,
        metrics: Metrics,
    ) -> None:
        self._kafka, self._admin, self._group_id, self._assigned = kafka, admin, group_id, assigned
        self._open_bytes_max = open_bytes_max  # of all partitions together
        self.found = OffsetsFound(metrics)
        self.stopping = False  # nothing new is started

    def is_over(self, assigned: Assigned) -> bool:
        """Whether no task is preparing the partition."""
        return not self.stopping and (assigned.preparing is None or assigned.preparing.done())

    def soon(self, assigned: Assigned, first: Seek | None = None) -> None:
        """Read nothing until it is known from where; `is_over` shows if that failed."""
        assigned.ready = False
        with suppress(IllegalStateError):  # a rebalance has begun
            self._kafka.pause(assigned.tp)
        assigned.preparing = asyncio.create_task(self._prepare(assigned, first))

    async def _prepare(self, assigned: Assigned, move: Seek | None) -> None:
        """Find out where to read from and seek there, however often it takes."""
        while not assigned.closed and not self.stopping:
            try:
                async with asyncio.timeout(PREPARE_DEADLINE_S):
                    self._go(assigned, move or await self._begin(assigned))
                return
            except Exception as error:  # noqa: BLE001 - the admin client of aiokafka 0.14 fails with AttributeError too
                log.warning(
                    "partition_not_prepared", error_type=type(error).__name__, **assigned.tp._asdict()
                )
                move = None
                await asyncio.sleep(RETRY_S)

    async def _begin(self, assigned: Assigned) -> Seek:
        tp = assigned.tp
        # A group whose coordinator is still loading is answered without the partition, not with -1: taken for
        # "no commit", the offset would go back to the log's start. The KeyError makes us ask again.
        numbers = self._kafka.partitions_for_topic(tp.topic) or set()
        tps = [TopicPartition(tp.topic, number) for number in numbers | {tp.partition}]
        group = await self._admin.list_consumer_group_offsets(self._group_id, partitions=tps)
        stored = group[tp]
        added = stored.offset < 0 and any(other.offset >= 0 for other in group.values())
        committed, metadata = (stored.offset, stored.metadata or "") if stored.offset >= 0 else (None, "")
        log_start = (await self._kafka.beginning_offsets([tp]))[tp]
        assigned.log_end = (await self._kafka.end_offsets([tp]))[tp]
        assigned.began_at = log_start if committed is None else committed
        if not added:
            self.found.look(tp, committed, metadata, assigned.log_end, time.monotonic())
        bytes_max = self._open_bytes_max // max(1, len(self._assigned))
        counted = assigned.state.stats().counters
        move = assigned.state.begin(
            committed, metadata, log_start, assigned.log_end, bytes_max=bytes_max, added=added
        )
        for key, count in assigned.state.stats().counters.items():
            if key[0] in RECORDS_LOST and count > counted.get(key, 0):
                where = tp._asdict() | {"committed": committed, "offset": log_start}
                log.error("records_lost", reason=key[0], **where)
        return move

    def _go(self, assigned: Assigned, move: Seek) -> None:
        if assigned.closed or self.stopping:
            return
        offset = assigned.past(move.offset)
        self._kafka.seek(assigned.tp, offset)
        assigned.state.sought()
        assigned.ready = True
        if assigned.unreadable is None:
            self._kafka.resume(assigned.tp)
        log.info("partition_ready", replay_from=offset, **assigned.tp._asdict())
