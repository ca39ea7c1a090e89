"""One batch that cannot be read, stepped over: recorded on the topic of parked items, then committed past.

It steps over nothing that can be read, and nothing that is unfinished. The commit says from when on threads may
be trusted, so the next owner reads from behind the batch and completes what it cuts with LiveChat.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka_connections import end
from ingest.runtime.settings import KafkaSettings
from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.limits import CLOCK_JUMP_MS, Limits
from tagger.core.partition.offsets import Hint, Void, decode, encode
from tagger.core.records.decision import Source, parked_record, rfc3339
from tagger.kafka.batches import Batch, BatchAt, reading
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.metrics import Metrics

ANSWER_S: Final = 15.0  # for each answer of a broker
CLOSE_S: Final = 5.0
# A record comes after what it tells of: LiveChat tries for a minute, and a spool may keep it for longer.
BEFORE_MS: Final = 600_000
NOBODY: Final = ThreadKey("", "", "")  # of which chats it was, nobody can tell

RUNNING: Final = (
    "members of the group {group} are running, and Kafka changes the offsets of a live group for nobody: stop all "
    "`tagger run`, wait for the session time-out (KAFKA_SESSION_TIMEOUT_S) where they did not end in order, and "
    "run this again"
)


class SkipRefusedError(Exception):
    """There is nothing to step over, or it must not be; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Skip:
    """What is stepped over, and the window in which the chats in it ended. Times in ms."""

    tp: TopicPartition
    batch: Batch
    committed: int
    metadata_now: str  # what stands beside the committed offset
    metadata: str  # to commit behind the batch
    since_ms: int
    until_ms: int

    @property
    def count(self) -> int:
        return self.batch.last + 1 - self.committed

    @property
    def reconcile(self) -> str:
        """The command that finds the chats in it."""
        return f"tagger reconcile --since {rfc3339(self.since_ms)} --until {rfc3339(self.until_ms)}"

    def json(self) -> dict[str, Any]:
        return {
            "topic": self.tp.topic,
            "partition": self.tp.partition,
            "first": self.committed,
            "last": self.batch.last,
            "error_type": self.batch.error_type,
            "reconcile": self.reconcile,
        }


class Skipping:
    """One group and one topic. KafkaError, TimeoutError or OSError where Kafka does not answer."""

    def __init__(self, kafka: KafkaSettings, group: str, member: Any, admin: Any, batch_at: BatchAt) -> None:
        self._kafka, self._group = kafka, group
        self._member, self._admin, self._batch_at = member, admin, batch_at

    async def plan(self, partition: int, offset: int) -> Skip:
        """What stepping over the batch at an offset would mean. Raises SkipRefusedError."""
        tp = TopicPartition(self._kafka.kafka_webhooks_topic, partition)
        async with asyncio.timeout(ANSWER_S):
            (topic,) = await self._admin.describe_topics([tp.topic])
            if partition not in {one["partition"] for one in topic["partitions"]}:
                raise SkipRefusedError(f"the topic {tp.topic} has no partition {partition}")
            stored = (await self._admin.list_consumer_group_offsets(self._group, partitions=[tp]))[tp]
            log_start = (await self._member.beginning_offsets([tp]))[tp]
        try:
            batch = await self._batch_at(tp, offset)
        except OffsetOutOfRangeError:
            batch = None
        if batch is None:
            raise SkipRefusedError(f"nothing lies at offset {offset} of partition {partition}")
        batch = await self._batch_at(tp, batch.first) or batch  # from its beginning: what of it can be read
        if refusal := _refusal(batch, offset, stored.offset):
            raise SkipRefusedError(refusal)
        after = await self._time_of(tp, batch.last + 1)
        before = await self._time_of(tp, batch.first - 1) if batch.first > log_start else None
        now = now_ms()
        since_ms = max(0, (before if before is not None else (after or now)) - BEFORE_MS)
        beside = stored.metadata or ""
        metadata = _hint(beside, batch.last + 1, after, now)
        until_ms = now if after is None else after
        return Skip(tp, batch, stored.offset, beside, metadata, since_ms, until_ms)

    async def carry_out(self, skip: Skip) -> None:
        """Record it, then commit past it. Raises SkipRefusedError where a member runs."""
        # What is committed, once more: Kafka takes it only while no member runs.
        await self._commit(skip.tp, skip.committed, skip.metadata_now)
        producer = Producer(self._kafka.client_options(), Metrics(), COMMAND_PATIENCE_S)
        try:
            await producer.send(self._kafka.kafka_parked_topic, record_key("", ""), _record(skip))
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
        """The time of the batch there; None where there is none, or it cannot be read either."""
        batch = await self._batch_at(tp, offset)
        return None if batch is None or batch.error_type or batch.first_ms < 0 else batch.first_ms


@asynccontextmanager
async def skipping(kafka: KafkaSettings, group: str) -> AsyncIterator[Skipping]:
    options = kafka.client_options()
    admin = AIOKafkaAdminClient(**options, request_timeout_ms=int(ANSWER_S * 1000))
    member = AIOKafkaConsumer(
        **options,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=int(ANSWER_S * 1000),
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            await member.start()
        async with reading(options, kafka.kafka_webhooks_topic) as batch_at:
            yield Skipping(kafka, group, member, admin, batch_at)
    finally:
        await asyncio.gather(end(member, CLOSE_S), end(admin, CLOSE_S))


def _refusal(batch: Batch, offset: int, committed: int) -> str | None:
    """Why a batch must not be stepped over; `committed` is -1 where the group has no offset."""
    if batch.error_type is None:
        return f"the batch at offset {offset} ({batch.first} to {batch.last}) can be read: nothing is to be stepped over"
    if committed < 0:
        return "the group has committed no offset yet: start `tagger run` once, it commits where it stands"
    if committed < batch.readable_to:
        return (
            f"the group has finished nothing from offset {committed} on, and the batch cannot be read from "
            f"{batch.readable_to} on only: stepping over it now would lose what lies between. Let `tagger run` "
            "finish that first"
        )
    if committed > batch.last:
        return f"the group is past it already: it has committed offset {committed}"
    return None


def _hint(metadata: str, offset: int, after_ms: int | None, now: int) -> str:
    """Read from behind the batch; no thread is complete that may have begun before or in it."""
    old = decode(metadata)
    cut_ms = now if after_ms is None else min(after_ms, now + CLOCK_JUMP_MS)
    since_ms = cut_ms + Limits().skew_s * 1000
    if not isinstance(old, Void):
        since_ms = max(old.complete_since_ms, since_ms)
    return encode(Hint(offset, None, since_ms))


def _record(skip: Skip) -> dict[str, Any]:
    return parked_record(
        NOBODY,
        Source(skip.tp.topic, skip.tp.partition, skip.committed),
        tag=None,
        reason=(
            f"offsets {skip.committed} to {skip.batch.last} cannot be read ({skip.batch.error_type}) and were "
            f"stepped over; this finds the chats in them: {skip.reconcile}"
        ),
        error_type="unreadable_batch",
        attempts=1,
        parked_at_ms=now_ms(),
    )
