"""Reads and folds all partitions; a batch that cannot be read holds up only its own.

When a batch fails, aiokafka 0.14 skips records of other partitions (it advances before it returns, and then
raises). So after any error all positions go back to what was folded, and partitions are read one by one, a record
at a time, until it is known which one fails, and at which offset. That one stands still there and is tried again
now and then; all others continue.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    IllegalStateError,
    KafkaError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    UnsupportedCodecError,
)

from ingest.runtime.clock import now_ms
from tagger.core.partition.protocol import Seek
from tagger.kafka.assigned import Assigned, Unreadable
from tagger.kafka.batches import Batch, reading
from tagger.kafka.origins import Origins
from tagger.metrics import Metrics

# One poll's records are folded at once: at 10 µs each this holds the event loop for 20 ms, far below the
# heartbeat's interval of seconds.
POLL_RECORDS_MAX: Final = 2_000
POLL_WAIT_MS: Final = 200
RETRY_S: Final = 1.0
CAREFUL_S: Final = 10.0  # after an error partitions are read one by one; each is fetched several times
CAREFUL_WAIT_MS: Final = 50  # for a partition that has nothing; the others wait meanwhile
CAREFUL_RECORDS_MAX: Final = 200  # of one partition before the next one has its turn
# Between two tries of a batch that cannot be read, doubling: a disk or a network may recover.
RECOVER_S_MIN: Final = 1.0
RECOVER_S_MAX: Final = 60.0
LOOK_S: Final = 0.5
PASSED_MAX: Final = 1_000  # unreadable batches that one replay steps over; at the next one it stands still
# Records wait and none came for this long: the broker may fail to read them, which aiokafka does not report.
SILENT_S: Final = 10.0

# Kafka's errors about what was fetched. Errors that are not Kafka's come from decoding, too: each codec has its own.
OF_DATA: Final = (CorruptRecordException, RecordTooLargeError, UnsupportedCodecError)

log = structlog.get_logger()


class Polling:
    """Reads all partitions of `assigned`, which others fill and empty."""

    def __init__(  # noqa: PLR0913, PLR0917 - what reading takes
        self,
        kafka: AIOKafkaConsumer,
        options: Mapping[str, Any],
        assigned: Mapping[int, Assigned],
        obey: Callable[[Assigned, Seek | None], None],
        begin_again: Callable[[Assigned], None],
        metrics: Metrics,
        origins: Origins | None,
    ) -> None:
        self._metrics, self._origins = metrics, origins
        self._kafka, self._options, self._assigned = kafka, options, assigned
        self._obey = obey  # does what the core asks for
        self._begin_again = begin_again  # finds out again where to read from
        self._careful_until = 0.0  # monotonic
        self._moved: dict[int, tuple[int, float]] = {}  # position of each partition, and since when

    async def run(self) -> None:
        """Read forever. What was fetched and not folded when an earlier run ended is read again."""
        self._back_to_what_was_folded()
        while True:
            if time.monotonic() >= self._careful_until:
                await self._poll_all()
            else:
                for assigned in self._readable():
                    await self._poll_one(assigned)
            await asyncio.sleep(0)

    def _readable(self) -> list[Assigned]:
        paused = self._kafka.paused()
        return [a for a in self._assigned.values() if a.ready and a.unreadable is None and a.tp not in paused]

    async def _poll_all(self) -> None:
        try:
            batches = await self._kafka.getmany(timeout_ms=POLL_WAIT_MS, max_records=POLL_RECORDS_MAX)
        except OffsetOutOfRangeError as error:
            self._out_of_range(error)
        except Exception as error:  # noqa: BLE001 - damaged data raises any error that a codec has
            self._back_to_what_was_folded()
            log.warning("kafka_read_failed", error_type=type(error).__name__)
            if _is_of_data(error):
                self._careful_until = time.monotonic() + CAREFUL_S
            else:
                await asyncio.sleep(RETRY_S)
        else:
            self._fold(batches)

    async def _poll_one(self, assigned: Assigned) -> None:
        """Some records of one partition, one at a time, so that an error is its own and loses nothing."""
        wait_ms = CAREFUL_WAIT_MS
        for _ in range(CAREFUL_RECORDS_MAX):
            try:
                batches = await self._kafka.getmany(assigned.tp, timeout_ms=wait_ms, max_records=1)
            except OffsetOutOfRangeError as error:
                self._out_of_range(error)
                return
            except Exception as error:  # noqa: BLE001 - as above
                if _is_of_data(error):
                    self._stand_still(assigned, type(error).__name__)
                else:
                    log.warning("kafka_read_failed", error_type=type(error).__name__)
                    await asyncio.sleep(RETRY_S)
                return
            self._fold(batches)
            if not batches or not assigned.ready:
                return
            wait_ms = 0

    def _fold(self, batches: Mapping[TopicPartition, list[Any]]) -> None:
        for tp, records in batches.items():
            assigned = self._assigned.get(tp.partition)
            if assigned is None or not assigned.ready or assigned.unreadable is not None:
                continue
            if self._origins is not None:
                self._origins.note(tp.partition, records)
            try:
                move = assigned.state.receive(records, now_ms())
            except Exception as error:  # a fault of ours, in this partition; the others continue
                self._metrics.faults.labels(error_type=type(error).__name__).inc()
                log.error("records_not_folded", partition=tp.partition, exc_info=error)
                self._stand_still(assigned, type(error).__name__)
                continue
            self._obey(assigned, move)

    def _out_of_range(self, error: OffsetOutOfRangeError) -> None:
        for tp in error.args[0]:
            if (lost := self._assigned.get(tp.partition)) and lost.ready:
                self._begin_again(lost)

    def _back_to_what_was_folded(self) -> None:
        for assigned in self._assigned.values():
            if assigned.ready and assigned.unreadable is None:
                self._read_again(assigned)

    def _read_again(self, assigned: Assigned) -> int:
        """Go back to what was folded, past batches that are stepped over; the offset."""
        move = assigned.state.reread()
        offset = assigned.past(assigned.state.stats().position if move is None else move.offset)
        if move is not None:
            with suppress(IllegalStateError):  # a rebalance has begun, and records are ignored
                self._kafka.seek(assigned.tp, offset)
                assigned.state.sought()
        return offset

    def _stand_still(self, assigned: Assigned, error_type: str) -> None:
        """Read no further in this partition; `recover` tries it again."""
        now = time.monotonic()
        offset = self._read_again(assigned)
        before = assigned.recovered
        tries = before.tries if before is not None and before.offset == offset else 0
        try_at = now + (_wait_s(tries) if tries else 0.0)
        self._careful_until = 0.0  # found; if another partition is bad, too, the next error shows it
        assigned.unreadable = Unreadable(offset, error_type, try_at, tries)
        with suppress(IllegalStateError):
            self._kafka.pause(assigned.tp)
        where = assigned.tp._asdict() | {"offset": offset}
        log.error("batch_unreadable", error_type=error_type, attempts=tries, **where)

    async def recover(self) -> None:
        """Try again, forever, what could not be read, and partitions that fell silent."""
        while True:
            for assigned in list(self._assigned.values()):
                unreadable, now = assigned.unreadable, time.monotonic()
                if unreadable is not None and now >= unreadable.try_at:
                    await self._look_again(assigned, unreadable)
                elif unreadable is None and self._is_silent(assigned, now):
                    await self._look_at_the_silent(assigned)
            await asyncio.sleep(LOOK_S)

    async def _look_again(self, assigned: Assigned, unreadable: Unreadable) -> None:
        unreadable.tries += 1
        unreadable.try_at = time.monotonic() + _wait_s(unreadable.tries)
        batch = await self._batch_at(assigned, unreadable.offset)
        if assigned.closed or assigned.unreadable is not unreadable or batch is None:
            return
        where = assigned.tp._asdict() | {"offset": unreadable.offset}
        if batch.readable_to > unreadable.offset:
            log.info("batch_readable_again", attempts=unreadable.tries, **where)
        elif batch.last < assigned.began_at and len(assigned.passed) < PASSED_MAX:
            # Everything in it was settled before this assignment. Threads that it cuts are completed by get_chat.
            assigned.passed.append(batch)
            self._metrics.batches_passed.inc()
            count = batch.last + 1 - batch.first
            log.warning("batch_passed", error_type=batch.error_type, count=count, **where)
        else:
            unreadable.error_type = batch.error_type or unreadable.error_type
            return
        assigned.unreadable, assigned.recovered = None, unreadable
        self._read_again(assigned)
        self._obey(assigned, None)

    async def _look_at_the_silent(self, assigned: Assigned) -> None:
        position = assigned.state.stats().position
        self._moved[assigned.tp.partition] = (position, time.monotonic())
        batch = await self._batch_at(assigned, assigned.past(position))
        still = assigned.state.stats().position == position and assigned.ready and not assigned.closed
        if batch is not None and batch.readable_to <= assigned.past(position) and still:
            self._stand_still(assigned, batch.error_type or "")

    def _is_silent(self, assigned: Assigned, now: float) -> bool:
        """Whether records wait, nothing stops them from being read, and none came for a while."""
        position = assigned.state.stats().position
        seen, since = self._moved.get(assigned.tp.partition, (None, now))
        waiting = assigned.ready and assigned.log_end > position and not assigned.state.paused
        if seen != position or not waiting:
            self._moved[assigned.tp.partition] = (position, now)
            return False
        return now - since >= SILENT_S

    async def _batch_at(self, assigned: Assigned, offset: int) -> Batch | None:
        """The batch there; None if there is none, or Kafka does not say now."""
        try:
            async with reading(self._options, assigned.tp.topic) as batch_at:
                return await batch_at(assigned.tp, offset)
        except OffsetOutOfRangeError:  # retention has deleted it
            if not assigned.closed:
                assigned.unreadable = None
                self._begin_again(assigned)
            return None
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("kafka_read_failed", error_type=type(error).__name__, partition=assigned.tp.partition)
            return None


def _wait_s(tries: int) -> float:
    return min(RECOVER_S_MIN * (1 << min(tries, 10)), RECOVER_S_MAX)


def _is_of_data(error: Exception) -> bool:
    return isinstance(error, OF_DATA) or not isinstance(error, KafkaError)
