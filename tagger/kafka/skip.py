"""Steps over one batch that cannot be read: records it on the topic of parked items, then commits past it.

It steps over nothing that can be read, and nothing that is unfinished. The commit says since when the log is complete,
so the next owner reads from after the batch and completes the threads that it cuts with get_chat.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaSettings
from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.limits import CLOCK_JUMP_MS, Limits
from tagger.core.partition.offsets import Hint, Void, decode, encode
from tagger.core.records.decision import Source, parked_record, rfc3339
from tagger.kafka.batches import Batch, BatchAt, reading
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.kafka.reader import ANSWER_S, connected
from tagger.metrics import Metrics

# A record is written after what it reports: LiveChat tries for a minute, and a spool may keep it for longer.
BEFORE_MS: Final = 600_000
NOBODY: Final = ThreadKey("", "", "")  # whose chats they were is unknown

RUNNING: Final = (
    "members of the group {group} are running, and Kafka lets nobody else change the offsets of a live group: stop "
    "every `tagger run`, wait for the session time-out (KAFKA_SESSION_TIMEOUT_S) if one was killed, and run this "
    "again"
)


class SkipRefusedError(Exception):
    """There is nothing to step over, or it must not be done; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Skip:
    """What is stepped over, and the window in which the chats in it ended. Times in ms."""

    tp: TopicPartition
    batch: Batch
    committed: int
    metadata_now: str  # committed with that offset
    metadata: str  # to commit after the batch
    since_ms: int
    until_ms: int

    @property
    def count(self) -> int:
        """How many records that are."""
        return self.batch.last + 1 - self.committed

    @property
    def reconcile(self) -> str:
        """The command that finds the chats in it."""
        return f"tagger reconcile --since {rfc3339(self.since_ms)} --until {rfc3339(self.until_ms)}"

    def json(self) -> dict[str, Any]:
        """What was stepped over, for a program."""
        return {
            "topic": self.tp.topic,
            "partition": self.tp.partition,
            "first": self.committed,
            "last": self.batch.last,
            "error_type": self.batch.error_type,
            "reconcile": self.reconcile,
        }


class Skipping:
    """One group and one topic. KafkaError, TimeoutError or OSError if Kafka does not answer."""

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        clients: tuple[Any, list[TopicPartition], Any],
        batch_at: BatchAt,
    ) -> None:
        self._kafka, self._group, self._batch_at = kafka, group, batch_at
        self._member, self._partitions, self._admin = clients

    async def plan(self, partition: int, offset: int) -> Skip:
        """What stepping over the batch at an offset would do. Raises SkipRefusedError."""
        tp = TopicPartition(self._kafka.kafka_webhooks_topic, partition)
        if tp not in self._partitions:
            raise SkipRefusedError(f"the topic {tp.topic} has no partition {partition}")
        async with asyncio.timeout(ANSWER_S):
            stored = (await self._admin.list_consumer_group_offsets(self._group, partitions=[tp]))[tp]
            log_start = (await self._member.beginning_offsets([tp]))[tp]
        try:
            batch = await self._batch_at(tp, offset)
        except OffsetOutOfRangeError:
            batch = None
        if batch is None:
            raise SkipRefusedError(f"partition {partition} has nothing at offset {offset}")
        batch = await self._batch_at(tp, batch.first) or batch  # from its start: how much of it can be read
        if refusal := _refusal(batch, offset, stored.offset):
            raise SkipRefusedError(refusal)
        after = await self._time_of(tp, batch.last + 1)
        before = await self._time_of(tp, batch.first - 1) if batch.first > log_start else None
        now = now_ms()
        until_ms = now if after is None else after
        since_ms = max(0, (until_ms if before is None else before) - BEFORE_MS)
        metadata_now = stored.metadata or ""
        metadata = _hint(metadata_now, batch.last + 1, after, now)
        return Skip(tp, batch, stored.offset, metadata_now, metadata, since_ms, until_ms)

    async def carry_out(self, skip: Skip) -> None:
        """Record it, then commit past it. Raises SkipRefusedError if a member runs."""
        # What is committed, again: Kafka accepts it only while no member runs.
        await self._commit(skip.tp, skip.committed, skip.metadata_now)
        reason = (
            f"offsets {skip.committed} to {skip.batch.last} cannot be read ({skip.batch.error_type}) and were "
            f"stepped over; this finds the chats in them: {skip.reconcile}"
        )
        source, kind = Source(skip.tp.topic, skip.tp.partition, skip.committed), "unreadable_batch"
        record = parked_record(
            NOBODY, source, tag=None, reason=reason, error_type=kind, attempts=1, parked_at_ms=now_ms()
        )
        producer = Producer(self._kafka.client_options(), Metrics(), COMMAND_PATIENCE_S)
        try:
            await producer.send(self._kafka.kafka_parked_topic, record_key("", ""), record)
        finally:
            await producer.stop()
        await self._commit(skip.tp, skip.batch.last + 1, skip.metadata)

    async def _commit(self, tp: TopicPartition, offset: int, metadata: str) -> None:
        self._member.assign([tp])
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._member.commit({tp: OffsetAndMetadata(offset, metadata)})
        except CommitFailedError:
            raise SkipRefusedError(RUNNING.format(group=self._group)) from None

    async def _time_of(self, tp: TopicPartition, offset: int) -> int | None:
        """The time of the batch there; None if there is none, or it cannot be read either."""
        batch = await self._batch_at(tp, offset)
        return None if batch is None or batch.error_type or batch.first_ms < 0 else batch.first_ms


@asynccontextmanager
async def skipping(kafka: KafkaSettings, group: str) -> AsyncIterator[Skipping]:
    """What steps over batches, for as long as the block lasts. TopicMissingError, or as Skipping raises."""
    options, topic = kafka.client_options(), kafka.kafka_webhooks_topic
    async with connected(options, topic, group) as clients, reading(options, topic) as batch_at:
        yield Skipping(kafka, group, clients, batch_at)


def _refusal(batch: Batch, offset: int, committed: int) -> str | None:
    """Why a batch must not be stepped over; `committed` is -1 if the group has no offset."""
    if batch.error_type is None:
        return f"the batch at offset {offset} ({batch.first} to {batch.last}) can be read: there is nothing to step over"
    if committed < 0:
        return "the group has committed no offset yet: start `tagger run` once, which commits one"
    if committed < batch.readable_to:
        return (
            f"the group has finished only what is before offset {committed}, and the batch can be read up to "
            f"{batch.readable_to}: stepping over it now would lose what is between. Let `tagger run` finish that first"
        )
    if committed > batch.last:
        return f"the group is already past it: it has committed offset {committed}"
    return None


def _hint(metadata: str, offset: int, after_ms: int | None, now: int) -> str:
    """Read from after the batch; no thread that may have started before its end is complete."""
    old = decode(metadata)
    cut_ms = now if after_ms is None else min(after_ms, now + CLOCK_JUMP_MS)
    since_ms = cut_ms + Limits().skew_s * 1000
    if not isinstance(old, Void):
        since_ms = max(old.complete_since_ms, since_ms)
    return encode(Hint(offset, None, since_ms))
