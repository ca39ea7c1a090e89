"""Where a webhook is kept: on the topic, or in the spool while Kafka is away.

It promises an outcome for each record within KEEP_S, and that no record overtakes an earlier one of its chat:
while the spool holds anything that Kafka has not been handed, new records join its tail.
It never calls a record stored that is neither acknowledged nor synced.
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

KEEP_S: Final = (
    7.0  # to keep a record: LiveChat waits about 10 s for its answer, and the way there and back takes some
)
LOOK_S: Final = 0.25  # how often time is looked at
ROUND_RECORDS_MAX: Final = 1_000  # drained with one acknowledgement and one sync
ROUND_BYTES_MAX: Final = 4 * 1024 * 1024
ROUND_S_MAX: Final = 300.0  # nobody waits for a round, and the producer gives up sooner
QUICK_ROUND_S: Final = 1.0  # after a round like this webhooks may go to Kafka directly again

log = structlog.get_logger()


class Store:
    """Composes the producer and, if there is one, the spool. `run()` has to run beside."""

    def __init__(
        self, options: Callable[[], dict[str, Any]], topic: str, spool: Spool | None, metrics: Metrics
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.spool, self._metrics = spool, metrics
        self.producer = Producer(options, topic, metrics, self._given_back if spool else None)
        self._in_hand: dict[Waiting, None] = {}  # by time; bounded by the requests in hand
        # In the spool and in Kafka's hand as well; bounded by the requests in hand when Kafka was slow.
        self._doubtful: list[Waiting] = []
        self._direct = spool is None or spool.count == 0
        metrics.spooling.set_function(lambda: self.spooling)

    @property
    def spooling(self) -> bool:
        return not self._direct

    async def keep(self, record: Record) -> Outcome:
        """Keep a record; tells where, within KEEP_S."""
        waiting = Waiting(record, self._loop.create_future(), self._loop.time())
        self._in_hand[waiting] = None
        if self.spool is not None and not (self._direct and self.producer.up):
            self._close_direct_way()
            self.spool.append(waiting)
        else:
            self.producer.put(waiting)
        try:
            return await waiting.future
        finally:
            del self._in_hand[waiting]

    def _given_back(self, unacknowledged: list[Waiting]) -> None:
        """Kafka is too slow, or the producer failed: what is not in the spool joins it, in order and before
        anything that comes."""
        assert self.spool is not None
        if unacknowledged:
            self._close_direct_way()  # also where all of them are in the spool already
        for waiting in unacknowledged:
            if waiting.spooled:
                waiting.ends("not_stored")
            elif not waiting.row:
                waiting.row = self.spool.append(waiting)
                self._doubtful.append(waiting)

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What goes on for ever, by name: a producer connected, deadlines kept, the spool drained."""
        loops = {"producer": self.producer.run, "deadlines": self._keep_deadlines}
        if self.spool is not None:
            loops["spool"] = partial(self._drain, self.spool)
        return loops

    async def _keep_deadlines(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            late = self._loop.time() + LOOK_S - KEEP_S  # rather a moment early than late
            for waiting in self._in_hand:
                if waiting.since > late:
                    break
                waiting.ends("not_stored")

    async def _drain(self, spool: Spool) -> None:
        quick = False  # the last round was
        while True:
            rows = []
            may_read = self.producer.connected and not self.producer.settling
            if may_read and (self.spooling or spool.count):
                # Whether Kafka stores again is tried with one record.
                rows = await spool.read(ROUND_RECORDS_MAX if self.producer.up else 1, ROUND_BYTES_MAX)
            if rows:
                quick = await self._round(spool, rows, quick)
            else:
                quick = False
                await self._rest(spool)
                await asyncio.sleep(LOOK_S)

    async def _rest(self, spool: Spool) -> None:
        """Nothing could be read: nothing is there, Kafka is away, or the disk fails."""
        if not self.spooling or not self.producer.up:
            return
        if spool.count == 0 and not spool.arriving:
            self._open_direct_way()
            await spool.shrink()
        elif spool.failing:  # worse than later records ahead of those on the disk would be to take in none
            log.error("spool_passed_by", records=spool.count)
            self._open_direct_way()

    async def _round(self, spool: Spool, rows: list[Row], quick: bool) -> bool:
        """Hand rows to Kafka and remove what it acknowledged; tells whether that was quick.

        Once the newest is handed over, new records may follow it directly: the producer keeps their order.
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
            self._open_direct_way()
        late: set[Any] = set()
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
            await asyncio.sleep(LOOK_S)  # no event tells; and a full disk must not make us send for ever
        if self._direct and spool.count == 0 and not spool.arriving:
            await spool.shrink()
        return len(stored) == len(rows) and took_s < QUICK_ROUND_S

    def _landed_since(self, rows: list[Row]) -> set[int]:
        """Of these rows, those that Kafka acknowledged after all: sent again, they would be there twice."""
        self._doubtful = [waiting for waiting in self._doubtful if waiting.row >= rows[0].id]
        landed = {waiting.row for waiting in self._doubtful if waiting.landed}
        return {row.id for row in rows if row.id in landed}

    def _close_direct_way(self) -> None:
        if self._direct:
            self._direct = False
            log.warning("spooling")

    def _open_direct_way(self) -> None:
        if not self._direct:
            self._direct = True
            log.info("spooling_over")

    async def stop(self, timeout_s: float) -> None:
        """End after `run` was cancelled and nobody keeps records any more."""
        await self.producer.stop(timeout_s)
        if self.spool is not None:
            await self.spool.close()
