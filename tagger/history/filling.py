"""Fills a kept ledger from `livechat.decisions`: from where it was to the end, then as decisions come.

It never ends over what the world does: while Kafka is away or the disk is full it says so and tries again. A topic
that was recreated is read from its start, and records that Kafka deleted before they were read are counted. What is
older than the topic keeps goes, in small steps.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple

import structlog

from ingest.runtime.advice import DAY_MS, DECISIONS_TOPIC
from ingest.runtime.clock import now_ms
from tagger.history import ledger as ledger_module
from tagger.history.kept_ledger import KeptLedger
from tagger.history.ledger import Ledger
from tagger.kafka.inspection import UNLIMITED, retention_ms
from tagger.kafka.log import OF_DATA, Chunk, Log, Stretch, follow, opened
from tagger.kafka.reader import NO_KAFKA, TopicMissingError

TAKEN_AT_ONCE: Final = 200  # records of one transaction: some 10 ms, in which nobody else writes
FOLLOWED_S: Final = 600.0  # then the topic is looked at again: partitions may have been added
RETRY_S: Final = 10.0  # while Kafka does not answer
CLEAN_EVERY_S: Final = 60.0
DELETED_AT_ONCE: Final = 200  # threads of one transaction
BREATH_S: Final = 0.02  # between two steps of deleting
# Where the topic's settings are hidden from us: what is advised.
KEPT_MS: Final = (DECISIONS_TOPIC.retention_days or 30) * DAY_MS
CANNOT: Final = (*NO_KAFKA, TopicMissingError)

Options = Callable[[], Mapping[str, Any]]  # makes the keyword arguments of an aiokafka client

log = structlog.get_logger()


class Progress(NamedTuple):
    """How far the reading after a start is."""

    done: int  # records
    total: int


class Filling:
    """What fills a ledger, and how that stands."""

    def __init__(self, ledger: KeptLedger, options: Options, topic: str) -> None:
        self.topic = topic
        self.progress: Progress | None = Progress(0, 0)  # None: everything there was is in the ledger
        self.seen_ms: int | None = None  # when Kafka answered last
        self.trouble: Exception | None = None  # why nothing comes at present
        self.recreated_ms: int | None = None  # when it was noticed that the topic is another one
        self.lost = 0  # records that were deleted before they were read
        self.kept_ms: int | None = KEPT_MS  # what is older goes; None: nothing does
        self._ledger, self._options = ledger, options
        self._changed = asyncio.Event()

    def share(self) -> int | None:
        """How much of what was there is read, in percent; None: all, or nothing comes at present."""
        if self.progress is None or self.trouble is not None:
            return None
        return 100 * self.progress.done // self.progress.total if self.progress.total else 0

    async def changed(self) -> None:
        """Wait until something comes into the ledger."""
        await self._changed.wait()

    async def run(self) -> None:
        """Fill it, indefinitely."""
        while True:
            try:
                await self._to_the_end()
                self._stands(None)
                await self._as_they_come()
            except OF_DATA as error:
                log.warning("decisions_unreadable", topic=self.topic, error_type=type(error).__name__)
                await asyncio.sleep(1)  # reading to the end steps over it
            except (*CANNOT, sqlite3.Error) as error:
                if self.trouble is None:
                    log.warning("ledger_not_filled", topic=self.topic, error_type=type(error).__name__)
                self._stands(error)
                await asyncio.sleep(RETRY_S)

    async def clean(self) -> None:
        """Delete what the topic no longer keeps, indefinitely."""
        while True:
            try:
                kept_ms = await retention_ms(self._options(), self.topic)
                self.kept_ms = None if kept_ms == UNLIMITED else KEPT_MS if kept_ms is None else kept_ms
                await self._delete_old()
            except (*CANNOT, sqlite3.Error) as error:
                log.debug("ledger_not_cleaned", error_type=type(error).__name__)
            await asyncio.sleep(CLEAN_EVERY_S)

    def _stands(self, trouble: Exception | None) -> None:
        """Note that Kafka answers, or why not."""
        self.trouble = trouble
        if trouble is None:
            self.progress, self.seen_ms = None, now_ms()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _to_the_end(self) -> None:
        """Read what is there, stepping over what cannot be read."""
        positions = await self._ledger.write(partial(Ledger.positions, topic=self.topic))
        positions = await self._of_this_topic(positions)
        async with opened(self._options(), self.topic, positions=positions) as topic:
            self._note_lost(topic, positions)
            done, self.progress = 0, Progress(0, topic.records)
            for stretch in topic.stretches:
                at = stretch.first
                async for chunk in topic.read(stretch):
                    await self._take(chunk)
                    done, at = done + chunk.to - at, chunk.to
                    self.progress, self.seen_ms = Progress(done, topic.records), now_ms()

    async def _of_this_topic(self, positions: dict[int, int]) -> dict[int, int]:
        """Return the positions that belong to the topic as it is; the others are of one that had its name before."""
        times = await self._ledger.write(partial(Ledger.last_times, topic=self.topic))
        async with opened(self._options(), self.topic, positions=positions) as topic:
            ends = {each.partition: each.end for each in topic.stretches}
            other = {partition for partition, at in positions.items() if at > ends.get(partition, 0)}
            for partition in set(positions) - other:
                if await _is_another(topic, partition, positions[partition], times.get(partition)):
                    other.add(partition)
        if other:
            self.recreated_ms = now_ms()
            log.warning("decisions_topic_recreated", topic=self.topic, count=len(other))
        return {partition: at for partition, at in positions.items() if partition not in other}

    def _note_lost(self, topic: Log, positions: Mapping[int, int]) -> None:
        lost = sum(max(0, each.first - positions.get(each.partition, each.first)) for each in topic.stretches)
        if lost:
            self.lost += lost
            log.warning("decisions_deleted_before_read", topic=self.topic, count=lost)

    async def _as_they_come(self) -> None:
        positions = await self._ledger.write(partial(Ledger.positions, topic=self.topic))
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + FOLLOWED_S
        async with aclosing(follow(self._options(), self.topic, positions)) as chunks:
            async for chunk in chunks:
                self.seen_ms = now_ms()
                if chunk.records:
                    await self._take(chunk)
                    self._wake()
                if loop.time() > ends_at:
                    return

    async def _take(self, chunk: Chunk) -> None:
        """Take a chunk in small transactions, each with the position behind it."""
        for values, to, last_ms in _pieces(chunk):
            await self._ledger.write(
                partial(
                    Ledger.take,
                    topic=self.topic,
                    partition=chunk.partition,
                    values=values,
                    to=to,
                    last_ms=last_ms,
                )
            )

    async def _delete_old(self) -> None:
        while True:
            before_ms = 0 if self.kept_ms is None else now_ms() - self.kept_ms
            deleted = await self._ledger.write(partial(_delete_some, before_ms=before_ms))
            if not deleted:
                return
            await asyncio.sleep(BREATH_S)


def _delete_some(ledger: Ledger, before_ms: int) -> int:
    """Delete a few of what is too old, or the oldest ones where the ledger is nearly full."""
    if ledger.decisions > ledger_module.DECISIONS_MAX - 10 * TAKEN_AT_ONCE:
        return ledger.delete_oldest(DELETED_AT_ONCE)
    return ledger.delete_before(before_ms, DELETED_AT_ONCE)


async def _is_another(topic: Log, partition: int, at: int, last_ms: int | None) -> bool:
    """Whether the record before a position is not the one that was read; unknown where Kafka deleted it."""
    if last_ms is None or at <= 0:
        return False
    async for chunk in topic.read(Stretch(partition, at - 1, at)):
        return any(record.offset == at - 1 and record.timestamp != last_ms for record in chunk.records)
    return False


def _pieces(chunk: Chunk) -> Iterator[tuple[list[bytes | None], int, int | None]]:
    """Yield values, the offset behind them, and the last one's time."""
    records = chunk.records
    if not records:
        yield [], chunk.to, None
    for first, end in pairwise([*range(0, len(records), TAKEN_AT_ONCE), len(records)]):
        to = records[end].offset if end < len(records) else chunk.to
        yield [record.value for record in records[first:end]], to, records[end - 1].timestamp
