"""Reading: what is fetched is folded, and one batch that cannot be read holds up its own partition only.

aiokafka 0.14 goes past the records of other partitions when a batch fails (it advances before it returns, and
then raises). So after any error all positions go back to what was folded, and partitions are read one by one,
a record at a time, until it is known which one fails, and at which offset. It stands still there, is looked at
again now and then, and all others go on.
"""

import asyncio
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
from tagger.metrics import Metrics

# One poll's records are folded in one go: at 10 µs each this holds the event loop for 20 ms, far below
# the heartbeat's interval of seconds.
POLL_RECORDS_MAX: Final = 2_000
POLL_WAIT_MS: Final = 200
RETRY_S: Final = 1.0
# After an error partitions are read one by one for so long: each is fetched several times within it.
CAREFUL_S: Final = 10.0
CAREFUL_WAIT_MS: Final = 50  # for a partition that has nothing; the others wait meanwhile
CAREFUL_RECORDS_MAX: Final = 200  # of one partition before the next one has its turn
# A batch that cannot be read is read again after so long, doubling: a disk or a network may heal.
MEND_S_MIN: Final = 1.0
MEND_S_MAX: Final = 60.0
LOOK_S: Final = 0.5
# Unreadable batches that one replay steps over; at the next one the partition stands still.
PASSED_MAX: Final = 1_000
# Records wait and none came for so long: the broker itself may fail to read them, which aiokafka does not tell.
SILENT_S: Final = 10.0

# Of Kafka's errors those that are about what was fetched. What is no KafkaError comes from decoding, too: each
# codec has errors of its own.
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
    ) -> None:
        self._metrics = metrics
        self._kafka, self._options, self._assigned = kafka, options, assigned
        self._obey = obey  # does what the core asks for
        self._begin_again = begin_again  # finds out anew where to read from
        self._careful_until = 0.0  # the loop's time
        self._moved: dict[int, tuple[int, float]] = {}  # position of each partition, and since when

    async def run(self) -> None:
        """For ever. What was fetched and not folded when it ended is read again."""
        loop = asyncio.get_running_loop()
        self._back_to_what_was_folded()
        while True:
            if loop.time() >= self._careful_until:
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
        except Exception as error:  # noqa: BLE001 - damaged data raises whatever a codec has
            self._back_to_what_was_folded()
            log.warning("kafka_read_failed", error_type=type(error).__name__)
            if _is_of_data(error):
                self._careful_until = asyncio.get_running_loop().time() + CAREFUL_S
            else:
                await asyncio.sleep(RETRY_S)
        else:
            self._fold(batches)

    async def _poll_one(self, assigned: Assigned) -> None:
        """Some records of one partition, each by itself: an error is its own then, and loses nothing."""
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
            try:
                move = assigned.state.receive(records, now_ms())
            except Exception as error:  # a fault of ours: it is this partition's, and the others go on
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
                self.read_again(assigned)

    def read_again(self, assigned: Assigned) -> int:
        """Go back to what was folded, but for batches that are stepped over; the offset."""
        move = assigned.state.reread()
        offset = assigned.past(assigned.state.stats().position if move is None else move.offset)
        if move is not None:
            with suppress(IllegalStateError):  # a rebalance has begun, and what comes is dropped
                self._kafka.seek(assigned.tp, offset)
                assigned.state.sought()
        return offset

    # What cannot be read.

    def _stand_still(self, assigned: Assigned, error_type: str) -> None:
        """Read no further in this partition; `mend` looks after it."""
        now = asyncio.get_running_loop().time()
        offset = self.read_again(assigned)
        before = assigned.mended
        tries = before.tries if before is not None and before.offset == offset else 0
        try_at = now + (min(MEND_S_MIN * 2**tries, MEND_S_MAX) if tries else 0.0)
        self._careful_until = 0.0  # found; where another one is bad, too, the next error tells
        assigned.unreadable = Unreadable(offset, error_type, now, try_at, tries)
        with suppress(IllegalStateError):
            self._kafka.pause(assigned.tp)
        where = {"topic": assigned.tp.topic, "partition": assigned.tp.partition, "offset": offset}
        log.error("batch_unreadable", error_type=error_type, attempts=tries, **where)

    async def mend(self) -> None:
        """For ever: look again at what could not be read, and at partitions that fell silent."""
        loop = asyncio.get_running_loop()
        while True:
            for assigned in list(self._assigned.values()):
                unreadable = assigned.unreadable
                if unreadable is not None and loop.time() >= unreadable.try_at:
                    await self._look_again(assigned, unreadable)
                elif unreadable is None and self._is_silent(assigned, loop.time()):
                    await self._look_at_the_silent(assigned)
            await asyncio.sleep(LOOK_S)

    async def _look_again(self, assigned: Assigned, unreadable: Unreadable) -> None:
        unreadable.tries += 1
        wait_s = min(MEND_S_MIN * 2 ** min(unreadable.tries, 10), MEND_S_MAX)
        unreadable.try_at = asyncio.get_running_loop().time() + wait_s
        batch = await self._batch_at(assigned, unreadable.offset)
        if assigned.closed or assigned.unreadable is not unreadable or batch is None:
            return
        where = {"topic": assigned.tp.topic, "partition": assigned.tp.partition, "offset": unreadable.offset}
        if batch.readable_to > unreadable.offset:
            log.info("batch_readable_again", attempts=unreadable.tries, **where)
        elif batch.last < assigned.began_at and len(assigned.passed) < PASSED_MAX:
            # All in it was settled before this assignment. Threads that it cuts are completed by LiveChat.
            assigned.passed.append(batch)
            self._metrics.batches_passed.inc()
            log.warning(
                "batch_passed", error_type=batch.error_type, count=batch.last + 1 - batch.first, **where
            )
        else:
            unreadable.error_type = batch.error_type or unreadable.error_type
            return
        assigned.unreadable, assigned.mended = None, unreadable
        self.read_again(assigned)
        self._obey(assigned, None)

    async def _look_at_the_silent(self, assigned: Assigned) -> None:
        position = assigned.state.stats().position
        self._moved[assigned.tp.partition] = (position, asyncio.get_running_loop().time())
        batch = await self._batch_at(assigned, assigned.past(position))
        still = assigned.state.stats().position == position and assigned.ready and not assigned.closed
        if batch is not None and batch.readable_to <= assigned.past(position) and still:
            self._stand_still(assigned, batch.error_type or "")

    def _is_silent(self, assigned: Assigned, now: float) -> bool:
        """Whether records wait, nothing keeps them from being read, and none came for a while."""
        position = assigned.state.stats().position
        seen, since = self._moved.get(assigned.tp.partition, (None, now))
        waiting = assigned.ready and assigned.log_end > position and not assigned.state.paused
        if seen != position or not waiting:
            self._moved[assigned.tp.partition] = (position, now)
            return False
        return now - since >= SILENT_S

    async def _batch_at(self, assigned: Assigned, offset: int) -> Batch | None:
        """None where nothing lies there, or it cannot be told now."""
        try:
            async with reading(self._options, assigned.tp.topic) as batch_at:
                return await batch_at(assigned.tp, offset)
        except OffsetOutOfRangeError:  # retention deleted it meanwhile
            if not assigned.closed:
                assigned.unreadable = None
                self._begin_again(assigned)
            return None
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("kafka_read_failed", error_type=type(error).__name__, partition=assigned.tp.partition)
            return None


def _is_of_data(error: Exception) -> bool:
    return isinstance(error, OF_DATA) or not isinstance(error, KafkaError)
