"""The topic of keyword sets: the last one in force outlives this process, so that a typo stops no restart.

Storing holds up nothing: while Kafka is away it is tried again in the background. Several taggers with different
files write one after the other, and the last record of partition 0 counts.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka_connections import end
from tagger.core.records.keyword_set import IN_FORCE_AT, STORED_BYTES_MAX, pack, unpack
from tagger.kafka.reader import NO_KAFKA, TopicMissingError, read_last
from tagger.keyword_files.reload import Keywords
from tagger.metrics import Metrics

# Records read from the end of the topic: the newest valid set is among them, unless the format became stricter since.
# Each is 900 KB at most.
LAST_RECORDS: Final = 8
# Between two tries while Kafka is away, doubling.
RETRY_S_MIN: Final = 1.0
RETRY_S_MAX: Final = 60.0
STORE_DEADLINE_S: Final = 30.0  # to connect and for the acknowledgement
CLOSE_S: Final = 5.0

log = structlog.get_logger()

Options = Callable[[], Mapping[str, Any]]  # makes the keyword arguments of an aiokafka client
CANNOT: Final = (*NO_KAFKA, TopicMissingError)


async def a_set_in_force(keywords: Keywords, options: Options, topic: str) -> None:
    """Wait until a set is in force: that of the files, or the newest one stored."""
    retry_s = RETRY_S_MIN
    while keywords.origin == "nowhere":
        try:
            stored = await stored_sets(options(), topic)
        except CANNOT as error:
            log.warning("keywords_not_read", topic=topic, error_type=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(retry_s):
                    await keywords.changed()
            retry_s = min(2 * retry_s, RETRY_S_MAX)
            continue
        if not await keywords.take_stored(stored) and keywords.origin == "nowhere":
            log.error("keywords_nowhere", topic=topic, count=len(stored))
            await keywords.changed()


async def stored_sets(options: Mapping[str, Any], topic: str) -> list[dict[str, bytes]]:
    """The sets stored last, newest first. Raises one of NO_KAFKA, or TopicMissingError."""
    values: deque[bytes | None] = deque(maxlen=LAST_RECORDS)
    await read_last(options, topic, LAST_RECORDS, values.append)
    sets: list[dict[str, bytes]] = []
    for value in reversed(values):
        files = await asyncio.to_thread(unpack, value)
        if isinstance(files, str):
            log.warning("keywords_record_void", topic=topic, reason=files)
        else:
            sets.append(files)
    return sets


async def keep_stored(keywords: Keywords, options: Options, topic: str, metrics: Metrics) -> None:
    """Store each set of files that comes into force, forever."""
    known, retry_s = "", RETRY_S_MIN
    while True:
        config, files, at_ms = keywords.decider.hash, keywords.files, now_ms()
        if keywords.origin != "files" or config == known:
            await keywords.changed()
            continue
        metrics.keywords_stored.set(0)
        value = await asyncio.to_thread(pack, files)
        if value is None:
            log.warning("keywords_not_stored", config=config, reason="too large", limit=STORED_BYTES_MAX)
            known = config
            continue
        try:
            # A restart with the same files writes nothing.
            if [await asyncio.to_thread(unpack, value)] != (await stored_sets(options(), topic))[:1]:
                await _store(options(), topic, config, value, at_ms)
                log.info("keywords_stored", config=config, topic=topic, bytes=len(value))
        except CANNOT as error:
            log.warning("keywords_not_stored", config=config, error_type=type(error).__name__, topic=topic)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, RETRY_S_MAX)
            continue
        metrics.keywords_stored.set(1)
        known, retry_s = config, RETRY_S_MIN


async def _store(options: Mapping[str, Any], topic: str, config: str, value: bytes, at_ms: int) -> None:
    """Write one record, with a separate producer: sets change seldom, and decisions must not wait for them."""
    producer = AIOKafkaProducer(**options, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(STORE_DEADLINE_S):
            await producer.start()
            headers = [(IN_FORCE_AT, str(at_ms).encode())]
            await producer.send_and_wait(topic, value, key=config.encode(), partition=0, headers=headers)
    finally:
        await end(producer, CLOSE_S)
