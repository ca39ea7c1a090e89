"""One batch of a log, as the broker holds it: whether it can be read, and which offsets are in it.

aiokafka raises an exception for what cannot be read, but says neither where that starts nor where reading can
continue. So the batch is fetched alone, and read by the same code. Reads in no group and changes nothing.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, LeaderNotAvailableError, UnknownError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from ingest.runtime.kafka_connections import Client, end

ANSWER_S: Final = 10.0  # for a broker's answer
CLOSE_S: Final = 2.0
# Brokers return the first batch whole, however large it is.
FETCH_BYTES_MAX: Final = 1 << 20
# Base offset, length, leader epoch, magic, CRC, attributes, last offset's delta, first and greatest time.
HEADER: Final = struct.Struct(">qiibIhiqq")
BEHIND_LENGTH: Final = 12  # bytes of a batch that its length does not count
# What a broker answers that cannot read the batch itself.
BROKER_CANNOT_READ: Final = (CorruptRecordException, UnknownError)
RECORDS_MAX: Final = 1_000_000  # a header that claims more in one batch is damaged


@dataclass(frozen=True, slots=True)
class Batch:
    """The batch that holds an offset."""

    first: int
    last: int
    readable_to: int  # the first of its offsets that cannot be read; last + 1 where all can
    first_ms: int  # record time in its header, which may be damaged
    error_type: str | None  # why it cannot be read; None: it can


BatchAt = Callable[[TopicPartition, int], Awaitable[Batch | None]]


@asynccontextmanager
async def reading(options: Mapping[str, Any], topic: str) -> AsyncIterator[BatchAt]:
    """A function that reads the batch at an offset of the topic; None if the log ends there.

    Both raise KafkaError, OSError or TimeoutError if Kafka does not answer, or the log starts later.
    """
    client = Client(**options, request_timeout_ms=int(ANSWER_S * 1000))

    async def batch_at(tp: TopicPartition, offset: int) -> Batch | None:
        async with asyncio.timeout(ANSWER_S):
            leader = client.cluster.leader_for_partition(tp)
            if leader in (None, -1):
                await client.force_metadata_update()
                raise LeaderNotAvailableError(tp)
            wanted = [(tp.topic, [(tp.partition, offset, FETCH_BYTES_MAX)])]
            answer = await client.send(leader, FetchRequest(0, 1, FETCH_BYTES_MAX, 0, wanted))
        _, ((_, error_code, log_end, *rest),) = answer.topics[0]
        error = for_code(error_code)
        if error in BROKER_CANNOT_READ:
            return Batch(offset, offset, offset, -1, error.__name__)
        if error_code:
            raise error(tp)
        return None if offset >= log_end else _read(bytes(rest[-1]), offset)

    try:
        async with asyncio.timeout(ANSWER_S):
            await client.bootstrap()
            await client.set_topics([topic])
        yield batch_at
    finally:
        await end(client, CLOSE_S)


def _read(data: bytes, offset: int) -> Batch | None:
    """The first batch of a broker's answer for an offset; None if the answer is empty."""
    if not data:
        return None
    first = last = readable_to = offset
    first_ms, error_type = -1, None
    try:
        base, length, _, magic, _, _, delta, first_ms, _ = HEADER.unpack_from(data)
        if magic >= 2 and base <= offset <= base + delta < base + RECORDS_MAX:
            first, last = base, base + delta
        for record in _records(data[: BEHIND_LENGTH + length]):
            readable_to = max(readable_to, record.offset + 1)
            last = max(last, record.offset)
        readable_to = last + 1  # the last ones may have been compacted away
    except Exception as error:  # noqa: BLE001 - each codec has errors of its own, and damage may raise any
        error_type = type(error).__name__
    return Batch(first, last, readable_to, first_ms, error_type)


def _records(data: bytes) -> Any:
    """As aiokafka's consumer reads them, with the same exceptions."""
    batch = MemoryRecords(data).next_batch()
    if batch is None or not batch.validate_crc():
        raise CorruptRecordException
    return () if getattr(batch, "is_control_batch", False) else batch
