"""A topic's records in chunks, without a group: stretch by stretch up to their ends, or as they come.

Promises that each record comes once and in order, and that a batch that cannot be read is counted and stepped over:
it costs its own records, and no others. Memory: what was fetched, a few MB. Raises one of NO_KAFKA where Kafka does
not answer.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, RecordTooLargeError, UnsupportedCodecError

from tagger.kafka.batches import reading
from tagger.kafka.reader import ANSWER_S, POLL_RECORDS_MAX, connected, fetched, first_since

OF_DATA: Final = (CorruptRecordException, RecordTooLargeError, UnsupportedCodecError)
CAREFUL_RECORDS: Final = 2_000  # read one at a time after an error: more than a batch holds
TRIES_MAX: Final = 3  # of a batch that can be read when it is fetched alone, and fails again
# Records wait and none came for this long: the broker may fail to read them, which aiokafka does not report.
SILENT_S: Final = 5.0


class Stretch(NamedTuple):
    """Offsets of one partition: from `first` to before `end`."""

    partition: int
    first: int
    end: int


class Chunk(NamedTuple):
    """Some records of a partition, or offsets that cannot be read."""

    partition: int
    records: Sequence[Any]  # aiokafka's ConsumerRecord: offset, timestamp, key, value
    to: int  # the next offset: everything before it was handed over, is unreadable or is gone
    unreadable: int = 0  # offsets stepped over


class Log:
    """A topic, as far as it went when it was opened."""

    def __init__(
        self, options: Mapping[str, Any], topic: str, consumer: AIOKafkaConsumer, stretches: Sequence[Stretch]
    ) -> None:
        self._options, self.topic, self._consumer = options, topic, consumer
        self.stretches = stretches  # one a partition, by its number; some may be empty
        self.records = sum(each.end - each.first for each in stretches)

    async def read(self, stretch: Stretch) -> AsyncIterator[Chunk]:
        """Yield the records of one stretch."""
        tp, at, careful, tries = TopicPartition(self.topic, stretch.partition), stretch.first, 0, 0
        self._consumer.assign([tp])
        self._consumer.seek(tp, at)
        while at < stretch.end:
            try:
                records, position = await self._some(tp, at, 1 if careful else POLL_RECORDS_MAX)
            except OF_DATA as error:
                to = await self._behind(tp, at) if careful else None
                self._consumer.seek(tp, to or at)
                careful = 0 if to else CAREFUL_RECORDS
                tries = 0 if to else tries + 1
                if tries > TRIES_MAX:
                    raise error from None
                if to:
                    to = min(to, stretch.end)
                    yield Chunk(tp.partition, (), to, unreadable=to - at)
                    at = to
                continue
            tries, careful = 0, max(0, careful - 1)
            kept = [record for record in records if at <= record.offset < stretch.end]
            at = position
            yield Chunk(tp.partition, kept, min(at, stretch.end))
            await asyncio.sleep(0)

    async def _some(self, tp: TopicPartition, at: int, records_max: int) -> tuple[list[Any], int]:
        """Records from `at` on, and the offset behind them; TimeoutError if none come."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        while loop.time() - asked_at < ANSWER_S:
            async with asyncio.timeout(ANSWER_S):
                batches = await fetched(self._consumer, [tp], records_max)
                position = await self._consumer.position(tp)
            if position > at:
                return batches.get(tp, []), position
            if loop.time() - asked_at > SILENT_S and await self._behind(tp, at) is not None:
                raise CorruptRecordException
        raise TimeoutError

    async def _behind(self, tp: TopicPartition, offset: int) -> int | None:
        """The offset behind the batch at this one, if that cannot be read; None: it can."""
        async with reading(self._options, self.topic) as batch_at:
            batch = await batch_at(tp, offset)
        return batch.last + 1 if batch is not None and batch.readable_to <= offset else None


@asynccontextmanager
async def opened(
    options: Mapping[str, Any],
    topic: str,
    *,
    since_ms: int = 0,
    positions: Mapping[int, int] = MappingProxyType({}),
) -> AsyncIterator[Log]:
    """Open a topic to read it from `since_ms` (record time) to its present end.

    `positions` are offsets to go on from, by partition. One that is outside the log counts for nothing: the topic
    was recreated. TopicMissingError if there is no such topic.
    """
    async with connected(options, topic) as (consumer, partitions, _):
        async with asyncio.timeout(ANSWER_S):
            starts, ends = (
                await consumer.beginning_offsets(partitions),
                await consumer.end_offsets(partitions),
            )
        stretches = []
        for tp in sorted(partitions):
            first, end = positions.get(tp.partition, -1), ends[tp]
            if first > end or first < 0:
                first = starts[tp]
                if first < end:
                    first = await first_since(consumer, tp, since_ms, first, end)
            stretches.append(Stretch(tp.partition, max(first, starts[tp]), end))
        yield Log(options, topic, consumer, stretches)


async def follow(
    options: Mapping[str, Any], topic: str, positions: Mapping[int, int] | None = None
) -> AsyncGenerator[Chunk, None]:
    """Yield what comes from now on, or from these positions, of all partitions, until the caller stops.

    First comes an empty chunk of each partition: nothing that is written afterwards is missed. While nothing comes,
    an empty chunk says now and then that Kafka answers.
    """
    async with connected(options, topic) as (consumer, partitions, _):
        async with asyncio.timeout(ANSWER_S):
            ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for tp in partitions:
            at = ends[tp] if positions is None else min(positions.get(tp.partition, 0), ends[tp])
            consumer.seek(tp, at)
            yield Chunk(tp.partition, (), at)
        while True:
            # Silence is not a sign of trouble here; what fails for good is raised by the next look at the ends.
            batches = await fetched(consumer, partitions)
            for tp, records in batches.items():
                yield Chunk(tp.partition, records, await consumer.position(tp))
            if not batches:
                async with asyncio.timeout(ANSWER_S):
                    await consumer.end_offsets(partitions[:1])
                yield Chunk(partitions[0].partition, (), await consumer.position(partitions[0]))
