"""Kafka's side of the tagger: poll, assign, revoke, commit, pause, resume.

Every decision about offsets is `core.partition`'s; this file carries it out. It never commits an offset
that the core did not name, and hands on no record of a partition that was not prepared: aiokafka may
return records from the committed offset before the listener has run (its issue 738).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    OffsetMetadataTooLargeError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata

from tagger import metrics
from tagger.core.limits import Limits
from tagger.core.partition import Partition
from tagger.core.work import FindTime, Seek, Work

# One poll's records are folded in one go: at 10 µs each this holds the event loop for 20 ms, far below
# the heartbeat's interval of seconds.
POLL_RECORDS_MAX: Final = 2_000
POLL_WAIT_MS: Final = 200
TICK_S: Final = 0.25
# Work of one partition that is under way at a time; each holds its conversation, some 10 KB. What is due
# beyond waits in the core, in a compact form.
WORKS_MAX: Final = 1_000
COMMIT_EVERY_S: Final = 1.0
# A commit is given up after this and made again with newer offsets; at most one is under way.
COMMIT_DEADLINE_S: Final = 10.0
# Looking up offsets at an assignment; then it is tried again, and health says so.
PREPARE_DEADLINE_S: Final = 20.0
RETRY_S: Final = 1.0
# Work under way gets this long to finish when partitions are taken away; the group waits meanwhile,
# for at most the rebalance time-out.
REVOKE_DRAIN_S: Final = 5.0
# After SIGTERM; with the last commit the process ends well within the 30 s that Kubernetes gives.
STOP_DRAIN_S: Final = 8.0
REBALANCE_TIMEOUT_MS: Final = 60_000
# Longer than the rebalance time-out, or a member that joins after a kill gives up before it is let in.
REQUEST_TIMEOUT_MS: Final = 70_000
# How long the broker holds a fetch open when there is nothing to read: ten small requests a second when idle.
FETCH_WAIT_MS: Final = 100
# A record is at most 1 MiB (the topic's max.message.bytes); a fetch must be able to hold one.
FETCH_BYTES_MAX: Final = 2 << 20

# What the core counts where chats may have ended in records that are gone.
RECORDS_LOST: Final = ("lost_range", "recreated")

log = structlog.get_logger()


def now_ms() -> int:
    """The wall clock, milliseconds since the epoch: what record timestamps are compared with."""
    return time.time_ns() // 1_000_000


class Assigned:
    """One partition for as long as it is ours. After `closed`, completions of its work mean nothing."""

    def __init__(self, tp: TopicPartition, state: Partition) -> None:
        self.tp = tp
        self.state = state
        self.ready = False  # its position was sought and confirmed
        self.closed = False
        self.log_end = 0
        self.committed: int | None = None
        self.tasks: set[asyncio.Task[None]] = set()


Settle = Callable[[Assigned, Work], Awaitable[None]]


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Reads one topic in a group and keeps the committed offset true."""

    def __init__(  # noqa: PLR0913 - what a consumer is made of
        self,
        topic: str,
        group_id: str,
        client_options: Mapping[str, Any],
        *,
        session_timeout_s: float,
        group_instance_id: str | None,
        limits: Limits,
        open_bytes_max: int,
        settle: Settle,
    ) -> None:
        self.topic = topic
        self.assigned: dict[int, Assigned] = {}
        self.retired: Counter[tuple[str, str]] = Counter()  # what partitions counted that are ours no more
        self.rebalanced_at: float | None = None  # monotonic; None before the first assignment
        self.commits_fail_since: float | None = None  # monotonic; None: the last one succeeded
        self._group_id = group_id
        self._limits = limits
        self._open_bytes_max = open_bytes_max  # of all partitions together
        self._settle = settle
        self._kept: dict[int, Partition] = {}  # from a revoke to the next assignment
        self._preparing: set[asyncio.Task[None]] = set()
        self._committing = asyncio.Lock()
        self._admin = AIOKafkaAdminClient(**client_options)
        self._kafka = AIOKafkaConsumer(
            **client_options,
            group_id=group_id,
            group_instance_id=group_instance_id,
            enable_auto_commit=False,  # aiokafka's own commits know nothing of metadata and of our work
            auto_offset_reset="none",  # a lost position is judged by the core, never skipped over
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=int(session_timeout_s * 1000),
            heartbeat_interval_ms=int(min(3.0, session_timeout_s / 5) * 1000),
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )

    async def start(self) -> None:
        """Connect and join the group. KafkaError where no broker answers."""
        await self._admin.start()
        await self._kafka.start()
        self._kafka.subscribe([self.topic], listener=self)

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until told to stop, then drain, commit and leave the group."""
        loops = [asyncio.create_task(loop) for loop in (self._poll(), self._beat(), self._commit_regularly())]
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({stop, *loops}, return_when=asyncio.FIRST_COMPLETED)
        broken = next((task for task in loops if task.done()), None)
        stop.cancel()
        for assigned in self.assigned.values():
            assigned.ready = False  # nothing new is begun
        loops[0].cancel()  # the poll; a cancelled getmany is harmless now, nothing is read after it
        await self._drain(STOP_DRAIN_S)
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._commit(self.assigned.values())
        cancelled = self._close_all()
        await asyncio.gather(*cancelled, return_exceptions=True)
        await self.close()
        if broken is not None and not stopping.is_set():
            broken.result()  # raises what ended it

    async def close(self) -> None:
        for client in (self._kafka, self._admin):
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(COMMIT_DEADLINE_S):
                    await (client.stop() if client is self._kafka else client.close())

    # The listener. aiokafka sends no heartbeat while `on_partitions_assigned` runs and swallows its
    # exceptions, so it only takes note; the looking-up is a task of its own.

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        mine = sorted(assigned)
        self._kafka.pause(*mine)
        for tp in mine:
            self._kafka.seek(tp, 0)  # any position: without one aiokafka looks for its own
        metrics.REBALANCES.inc()
        self.rebalanced_at = time.monotonic()
        self.commits_fail_since = None
        self.assigned = {
            tp.partition: Assigned(tp, self._kept.get(tp.partition) or Partition(self._limits)) for tp in mine
        }
        for number, state in self._kept.items():
            if number not in self.assigned:
                self.retired.update(state.stats().counters)
        self._kept = {}
        log.info("partitions_assigned", topic=self.topic, count=len(mine))
        for partition in self.assigned.values():
            self._prepare_soon(partition)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for assigned in self.assigned.values():
            assigned.ready = False
        await self._drain(REVOKE_DRAIN_S)
        await self._commit(self.assigned.values())
        self._close_all()
        log.info("partitions_revoked", topic=self.topic, count=len(list(revoked)))

    def _close_all(self) -> list[asyncio.Task[None]]:
        """End everything that goes on for the partitions, keep their state; the tasks that were cancelled."""
        cancelled = list(self._preparing)
        for assigned in self.assigned.values():
            assigned.closed = True
            cancelled += assigned.tasks
            assigned.state.suspended()
        for task in cancelled:
            task.cancel()
        self._kept = {number: assigned.state for number, assigned in self.assigned.items()}
        self.assigned = {}
        return cancelled

    async def _drain(self, deadline_s: float) -> None:
        """Let work under way finish, for a while; what does not is done again by the next owner."""
        tasks = {task for assigned in self.assigned.values() for task in assigned.tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=deadline_s)

    # Preparing: where to read from.

    def _prepare_soon(self, assigned: Assigned, first: Seek | FindTime | None = None) -> None:
        assigned.ready = False
        task = asyncio.create_task(self._prepare(assigned, first))
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    async def _prepare(self, assigned: Assigned, move: Seek | FindTime | None) -> None:
        """Find out where to read from and go there, however often it takes."""
        while not assigned.closed:
            try:
                async with asyncio.timeout(PREPARE_DEADLINE_S):
                    await self._go(assigned, move or await self._begin(assigned))
                return
            except Exception as error:  # noqa: BLE001 - the admin client of aiokafka 0.14 fails with AttributeError too
                log.warning(
                    "partition_not_prepared",
                    topic=self.topic,
                    partition=assigned.tp.partition,
                    error_type=type(error).__name__,
                )
                move = None
                await asyncio.sleep(RETRY_S)

    async def _begin(self, assigned: Assigned) -> Seek | FindTime:
        tp = assigned.tp
        # A group whose coordinator is still loading is answered without the partition, not with -1: taken for
        # "no commit", the offset would go back to the log's start. The KeyError makes us ask again.
        stored = (await self._admin.list_consumer_group_offsets(self._group_id, partitions=[tp]))[tp]
        committed, metadata = (stored.offset, stored.metadata or "") if stored.offset >= 0 else (None, "")
        log_start = (await self._kafka.beginning_offsets([tp]))[tp]
        assigned.log_end = (await self._kafka.end_offsets([tp]))[tp]
        bytes_max = self._open_bytes_max // max(1, len(self.assigned))
        counted = assigned.state.stats().counters
        move = assigned.state.begin(committed, metadata, log_start, assigned.log_end, bytes_max=bytes_max)
        for key, count in assigned.state.stats().counters.items():
            if key[0] in RECORDS_LOST and count > counted.get(key, 0):
                where = {"topic": self.topic, "partition": tp.partition, "committed": committed}
                log.error("records_lost", reason=key[0], offset=log_start, **where)
        return move

    async def _go(self, assigned: Assigned, move: Seek | FindTime) -> None:
        while isinstance(move, FindTime):
            found = (await self._kafka.offsets_for_times({assigned.tp: max(0, move.ms)}))[assigned.tp]
            move = assigned.state.found(found.offset if found else None)
        if assigned.closed:
            return
        self._kafka.seek(assigned.tp, move.offset)
        assigned.state.sought()
        assigned.ready = True
        self._kafka.resume(assigned.tp)
        number = assigned.tp.partition
        log.info("partition_ready", topic=self.topic, partition=number, replay_from=move.offset)

    # The loops.

    async def _poll(self) -> None:
        while True:
            try:
                batches = await self._kafka.getmany(timeout_ms=POLL_WAIT_MS, max_records=POLL_RECORDS_MAX)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    if (lost := self.assigned.get(tp.partition)) and lost.ready:
                        self._kafka.pause(tp)
                        self._prepare_soon(lost)
                continue
            except KafkaError as error:
                log.warning("kafka_read_failed", topic=self.topic, error_type=type(error).__name__)
                await asyncio.sleep(RETRY_S)
                continue
            for tp, records in batches.items():
                assigned = self.assigned.get(tp.partition)
                if assigned is not None and assigned.ready:
                    self._obey(assigned, assigned.state.receive(records, now_ms()))
            await asyncio.sleep(0)

    async def _beat(self) -> None:
        """Tell every partition that time passes; between two polls, never between a fetch and its fold."""
        while True:
            for assigned in list(self.assigned.values()):
                if assigned.ready:
                    with suppress(IllegalStateError):  # a rebalance has begun
                        position = await self._kafka.position(assigned.tp)
                        self._obey(assigned, assigned.state.tick(now_ms(), assigned.log_end, position))
            await asyncio.sleep(TICK_S)

    def _obey(self, assigned: Assigned, move: Seek | FindTime | None) -> None:
        if move is None:
            self.pump(assigned)
        else:
            self._kafka.pause(assigned.tp)
            self._prepare_soon(assigned, move)

    def pump(self, assigned: Assigned) -> None:
        """Begin the work that has come up, and read on or not as the core says."""
        if assigned.closed or not assigned.ready:
            return
        for work in assigned.state.work(WORKS_MAX - len(assigned.tasks)):
            task = asyncio.create_task(self._run(assigned, work))
            assigned.tasks.add(task)
            task.add_done_callback(assigned.tasks.discard)
        paused = assigned.tp in self._kafka.paused()
        if assigned.state.paused and not paused:
            self._kafka.pause(assigned.tp)
        elif paused and not assigned.state.paused:
            self._kafka.resume(assigned.tp)

    async def _run(self, assigned: Assigned, work: Work) -> None:
        await self._settle(assigned, work)
        self.pump(assigned)

    # Committing.

    async def _commit_regularly(self) -> None:
        while True:
            await self._commit(self.assigned.values())
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(COMMIT_DEADLINE_S):
                    await self._look_at_ends()
            await asyncio.sleep(COMMIT_EVERY_S)

    async def _look_at_ends(self) -> None:
        """The log's ends, for lag: aiokafka knows them of partitions that it reads only."""
        if not self.assigned:
            return
        for tp, end in (await self._kafka.end_offsets([a.tp for a in self.assigned.values()])).items():
            if assigned := self.assigned.get(tp.partition):
                assigned.log_end = end

    async def _commit(self, partitions: Iterable[Assigned]) -> None:
        async with self._committing:
            offers = [(assigned, assigned.state.committable()) for assigned in partitions]
            wanted = {a.tp: OffsetAndMetadata(c.offset, c.metadata) for a, c in offers if c is not None}
            if not wanted:
                return
            result = await self._send_commit(wanted)
            metrics.COMMITS.labels(result=result).inc()
            if result == "failed":
                self.commits_fail_since = self.commits_fail_since or time.monotonic()
            if result == "ok":
                self.commits_fail_since = None
                metrics.COMMIT_TIME.set_to_current_time()
                for assigned, offer in offers:
                    if offer is not None:
                        assigned.committed = offer.offset
                        assigned.state.committed(offer.offset)

    async def _send_commit(self, wanted: dict[TopicPartition, OffsetAndMetadata]) -> str:
        try:
            async with asyncio.timeout(COMMIT_DEADLINE_S):  # aiokafka retries for ever by itself
                await self._kafka.commit(wanted)
            return "ok"
        except (CommitFailedError, IllegalStateError):
            return "rebalanced"  # another member owns the partitions; it begins where we committed last
        except (KafkaError, TimeoutError) as error:
            if isinstance(error, OffsetMetadataTooLargeError) and any(o.metadata for o in wanted.values()):
                # The broker allows less than our 70 characters. An offset without metadata is true too:
                # the next owner looks further back.
                bare = {tp: OffsetAndMetadata(offer.offset, "") for tp, offer in wanted.items()}
                return await self._send_commit(bare)
            log.warning("commit_failed", topic=self.topic, error_type=type(error).__name__)
            return "failed"
