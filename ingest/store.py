"""Where a webhook is kept: on the topic, or in the spool while Kafka is away.

It promises an outcome for each record within KEEP_S, and that no record overtakes an earlier one of its chat: while
the spool holds anything that the producer has not been handed, new records join its tail. It never calls a record
stored that is neither acknowledged nor synced.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

import structlog

from ingest.metrics import Metrics
from ingest.pending import Outcome, Waiting
from ingest.producer import Producer
from ingest.spool import Row, Spool
from ingest.topic import Record

KEEP_S: Final = 7.0  # to keep a record: LiveChat waits about 10 s for its answer, and the network takes some
LOOK_S: Final = 0.25  # between checks of the time
ROUND_RECORDS_MAX: Final = 1_000  # drained with one acknowledgement and one sync
ROUND_BYTES_MAX: Final = 4 * 1024 * 1024
ROUND_S_MAX: Final = 300.0  # nobody waits for a round, and the producer gives up earlier
QUICK_ROUND_S: Final = 1.0  # after such a round webhooks may go directly to Kafka again

log = structlog.get_logger()


class Store:
    """The producer and, if there is one, the spool. The `loops()` have to run meanwhile."""

    def __init__(
        self, options: Callable[[], dict[str, Any]], topic: str, spool: Spool | None, metrics: Metrics
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.spool, self._metrics = spool, metrics
        self.producer = Producer(options, topic, metrics, self._given_back if spool else None)
        self._waiting: dict[Waiting, None] = {}  # the oldest first; bounded by the requests in flight
        # In the spool and at Kafka as well; bounded by the requests in flight when Kafka was slow.
        self._doubtful: list[Waiting] = []
        self.spooling = spool is not None and spool.count > 0  # new records go to the spool
        metrics.spooling.set_function(lambda: self.spooling)

    async def keep(self, record: Record) -> Outcome:
        """Keep a record; returns where, within KEEP_S."""
        waiting = Waiting(record, self._loop.create_future(), self._loop.time())
        self._waiting[waiting] = None
        if self.spool is not None and (self.spooling or not self.producer.up):
            self._set_spooling(True)
            self.spool.append(waiting)
        else:
            self.producer.put(waiting)
        try:
            return await waiting.future
        finally:
            del self._waiting[waiting]

    def _given_back(self, unacknowledged: list[Waiting]) -> None:
        """Spool what Kafka was too slow for or a producer failed to deliver, in order and before anything new."""
        assert self.spool is not None
        if unacknowledged:
            self._set_spooling(True)  # even if all of them are in the spool already
        for waiting in unacknowledged:
            if waiting.spooled:
                waiting.ends("not_stored")
            elif not waiting.row:
                waiting.row = self.spool.append(waiting)
                self._doubtful.append(waiting)

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Endless tasks, by name: keep a producer connected, keep deadlines, drain the spool."""
        loops = {"producer": self.producer.run, "deadlines": self._keep_deadlines}
        return loops | ({} if self.spool is None else {"spool": partial(self._drain, self.spool)})

    async def _keep_deadlines(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            late = self._loop.time() + LOOK_S - KEEP_S  # better early than late
            for waiting in self._waiting:
                if waiting.since > late:
                    break
                waiting.ends("not_stored")

    async def _drain(self, spool: Spool) -> None:
        quick = False  # was the last round
        while True:
            rows = []
            may_read = self.producer.connected and not self.producer.settling
            if may_read and (self.spooling or spool.count):
                # One record tries whether Kafka stores again.
                rows = await spool.read(ROUND_RECORDS_MAX if self.producer.up else 1, ROUND_BYTES_MAX)
            if rows:
                quick = await self._round(spool, rows, quick)
            else:
                quick = False
                await self._rest(spool)
                await asyncio.sleep(LOOK_S)

    async def _rest(self, spool: Spool) -> None:
        """Nothing was read: the spool is empty, Kafka is away, or the disk fails."""
        if not self.spooling or not self.producer.up:
            return
        if spool.count == 0 and not spool.arriving:
            self._set_spooling(False)
            await spool.shrink()
        elif spool.failing:  # records out of order are better than none stored
            log.error("spool_passed_by", records=spool.count)
            self._set_spooling(False)

    async def _round(self, spool: Spool, rows: list[Row], quick: bool) -> bool:
        """Send rows to Kafka and remove what it acknowledged; True if that was quick.

        Once the newest is at the producer, new records may follow it directly: the producer keeps their order.
        """
        if not self.producer.connected:
            return False
        started = self._loop.time()
        landed = self._landed_since(rows)
        rows_due = [row for row in rows if row.id not in landed]
        handed = [Waiting(row.record, self._loop.create_future(), started, spooled=True) for row in rows_due]
        for waiting in handed:
            self.producer.put(waiting)
        if quick and rows[-1].id == spool.last_id and not spool.arriving:
            self._set_spooling(False)
        if handed:
            _, late = await asyncio.wait([waiting.future for waiting in handed], timeout=ROUND_S_MAX)
            if late:
                self.producer.replace("a round of the spool was not acknowledged")
        took_s = self._loop.time() - started
        ended = [(row.id, waiting.future.result()) for row, waiting in zip(rows_due, handed, strict=True)]
        stored = [*landed, *(row_id for row_id, outcome in ended if outcome == "kafka")]
        refused = [row_id for row_id, outcome in ended if outcome == "refused"]
        if refused:
            self._metrics.set_aside.inc(len(refused))
            log.error("records_set_aside", count=len(refused))
        while (stored or refused) and not await spool.remove(stored, refused=refused):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)  # a full disk must not make us send again
        if not self.spooling and spool.count == 0 and not spool.arriving:
            await spool.shrink()
        return len(stored) == len(rows) and took_s < QUICK_ROUND_S

    def _landed_since(self, rows: list[Row]) -> set[int]:
        """Of these rows, those that Kafka acknowledged after all: sent again, they would be duplicates."""
        self._doubtful = [waiting for waiting in self._doubtful if waiting.row >= rows[0].id]
        landed = {waiting.row for waiting in self._doubtful if waiting.landed}
        return {row.id for row in rows if row.id in landed}

    def _set_spooling(self, spooling: bool) -> None:
        if spooling != self.spooling:
            self.spooling = spooling
            log.warning("spooling") if spooling else log.info("spooling_over")

    async def stop(self, timeout_s: float) -> None:
        """End, after the `loops` were cancelled and nobody calls `keep` any more."""
        await self.producer.stop(timeout_s)
        if self.spool is not None:
            await self.spool.close()
