"""Reads a topic up to its present end, and how far a group has finished a topic.

Reads in no group and commits nothing, so it changes nothing for anybody. Every wait has a deadline: TimeoutError or
KafkaError if Kafka does not answer, TopicMissingError if there is no such topic.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CorruptRecordException, KafkaError

from ingest.runtime.kafka_connections import end

ANSWER_S: Final = 15.0  # for each answer of a broker
CLOSE_S: Final = 2.5  # for each client to close
RETRY_S: Final = 0.5
POLL_MS: Final = 500
POLL_RECORDS_MAX: Final = 2_000  # handed over at once; a service that reads has other things to do, too

NO_KAFKA: Final = (KafkaError, TimeoutError, OSError)  # what these functions raise while Kafka is away


class TopicMissingError(Exception):
    """The topic does not exist; its name is the text."""


async def read_topic(
    options: Mapping[str, Any], topic: str, take: Callable[[bytes | None], None], *, since_ms: int = 0
) -> int:
    """Hand over the values of all records from `since_ms` (record time) to the present end.

    Those of one partition come in their order.

    return  the time in ms from which the topic still holds everything; 0 if nothing that was wanted is deleted
    """
    async with connected(options, topic) as (consumer, partitions, _):
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        firsts, whole_since_ms = dict[TopicPartition, int](), 0
        for tp in partitions:
            if starts[tp] == ends[tp]:
                continue  # what such a partition held is unknown
            firsts[tp] = await first_since(consumer, tp, since_ms, starts[tp], ends[tp])
            if firsts[tp] == starts[tp] > 0:
                whole_since_ms = max(whole_since_ms, await _time_of(consumer, tp, starts[tp]))
        left = {tp: ends[tp] for tp, first in firsts.items() if first < ends[tp]}
        consumer.assign(list(left))
        for tp in left:
            consumer.seek(tp, firsts[tp])
        await _read(consumer, left, take)
        return whole_since_ms


async def read_last(
    options: Mapping[str, Any], topic: str, records_max: int, take: Callable[[bytes | None], object]
) -> None:
    """Hand over the values of the last records of partition 0, oldest first.

    If compaction removed some of the last `records_max` offsets there are fewer, but always the newest.
    """
    async with connected(options, topic) as (consumer, _, _):
        tp = TopicPartition(topic, 0)
        start, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
        if start < end:
            consumer.assign([tp])
            consumer.seek(tp, max(start, end - records_max))
            await _read(consumer, {tp: end}, take)


async def last_ms(
    options: Mapping[str, Any], topic: str, counts: Callable[[bytes | None], bool]
) -> int | None:
    """The time of the newest record, of the partitions' last ones whose key `counts`, in ms; None: there is none."""
    async with connected(options, topic) as (consumer, partitions, _):
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        last = [await _record_at(consumer, tp, ends[tp] - 1) for tp in partitions if starts[tp] < ends[tp]]
        return max((int(record.timestamp) for record in last if counts(record.key)), default=None)


async def oldest_unfinished_ms(options: Mapping[str, Any], topic: str, group: str) -> int | None:
    """The record time of the oldest record that the group has not finished; None if it finished all."""
    async with connected(options, topic) as (consumer, partitions, admin):
        stored = await committed(admin, group, partitions)
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        times = []
        for tp in partitions:
            if (first := max(stored[tp], starts[tp])) < ends[tp]:
                times.append(await _time_of(consumer, tp, first))
        return min(times, default=None)


async def committed_offsets(options: Mapping[str, Any], topic: str, group: str) -> dict[int, int]:
    """The offset that a group has committed for each partition; a partition without one is left out."""
    async with connected(options, topic) as (_, partitions, admin):
        stored = await committed(admin, group, partitions)
        return {tp.partition: offset for tp, offset in stored.items() if offset >= 0}


async def committed(
    admin: AIOKafkaAdminClient, group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """The committed offsets; -1 for none: the group has finished nothing."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            try:
                found = await admin.list_consumer_group_offsets(group, partitions=partitions)
                # A coordinator that is still loading leaves partitions out, which does not mean -1.
                return {tp: found[tp].offset for tp in partitions}
            except (KafkaError, KeyError, AttributeError):  # AttributeError: aiokafka 0.14, no connection
                await asyncio.sleep(RETRY_S)


@asynccontextmanager
async def connected(
    options: Mapping[str, Any], topic: str, group: str | None = None
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition], AIOKafkaAdminClient]]:
    """Clients, and the topic's partitions; the consumer has none of them assigned. With `group` it can commit."""
    options = {**options, "request_timeout_ms": int(ANSWER_S * 1000)}
    admin = AIOKafkaAdminClient(**options)
    consumer = AIOKafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none" if group else "earliest",  # what was deleted while we read is gone
        **options,
    )
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            # A broker may create a topic that it is asked for, so the list comes first.
            if topic not in await admin.list_topics():
                raise TopicMissingError(topic)
            (described,) = await admin.describe_topics([topic])
            await consumer.start()
        yield consumer, [TopicPartition(topic, one["partition"]) for one in described["partitions"]], admin
    finally:
        # One after the other, not with gather: a task that is cancelled before its first step would close nothing.
        try:
            await end(consumer, CLOSE_S)
        finally:
            await end(admin, CLOSE_S)


async def first_since(
    consumer: AIOKafkaConsumer, tp: TopicPartition, since_ms: int, start: int, end: int
) -> int:
    """The first offset whose record is not older than `since_ms`; `end` if there is none."""
    if since_ms <= 0:
        return start
    async with asyncio.timeout(ANSWER_S):
        found = (await consumer.offsets_for_times({tp: since_ms}))[tp]
    if found is not None and start <= found.offset < end:
        return int(found.offset)
    # All are older, or the broker keeps no times: the last record shows which.
    return end if await _time_of(consumer, tp, end - 1) < since_ms else start


async def _time_of(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> int:
    """The time of the first existing record at or after an offset, in ms."""
    return int((await _record_at(consumer, tp, offset)).timestamp)


async def _record_at(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> Any:
    """The first existing record at or after an offset."""
    consumer.assign([tp])
    consumer.seek(tp, offset)
    async with asyncio.timeout(ANSWER_S):
        return await consumer.getone(tp)


async def fetched(
    consumer: AIOKafkaConsumer, left: Iterable[TopicPartition], records_max: int = POLL_RECORDS_MAX
) -> dict[TopicPartition, Any]:
    """Records; CorruptRecordException for any error of a codec."""
    try:
        found: dict[TopicPartition, Any] = await consumer.getmany(
            *left, timeout_ms=POLL_MS, max_records=records_max
        )
    except (KafkaError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - each codec has its own
        raise CorruptRecordException(type(error).__name__) from None
    return found


async def _read(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], take: Callable[[bytes | None], object]
) -> None:
    """Read every partition from its position to its end; TimeoutError if nothing comes."""
    left = dict(ends)
    loop = asyncio.get_running_loop()
    came_at = loop.time()
    while left:
        async with asyncio.timeout(ANSWER_S):
            batches = await fetched(consumer, left)
            positions = {tp: await consumer.position(tp) for tp in left}
        for tp, records in batches.items():
            for record in records:
                if record.offset < left[tp]:
                    take(record.value)
        left = {tp: end for tp, end in left.items() if positions[tp] < end}
        if batches:
            came_at = loop.time()
        elif loop.time() - came_at > ANSWER_S:
            raise TimeoutError
        await asyncio.sleep(0)
