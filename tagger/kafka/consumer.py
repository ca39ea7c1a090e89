"""Kafka's side of the tagger: assign, revoke, prepare, pause, resume; its parts poll and commit.

`core.partition` decides everything about offsets; this file carries it out. It never commits an offset that the
core did not name, and hands on no record of a partition that was not prepared: aiokafka may return records from
the committed offset before the listener has run (its issue 738).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.kafka_connections import end
from ingest.runtime.partitioner import partition_of
from ingest.runtime.supervision import Tasks, unless_set
from ingest.topic import record_key
from tagger.core.limits import Limits
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job, Seek
from tagger.kafka.assigned import Assigned
from tagger.kafka.brokers import ANSWER_S, consumer_of
from tagger.kafka.commits import Commits, LogEnds
from tagger.kafka.group import Membership, Unheld
from tagger.kafka.origins import Origins
from tagger.kafka.polling import Polling
from tagger.kafka.preparing import Preparing
from tagger.metrics import Metrics

TICK_S: Final = 0.25
# Jobs of one partition in flight; each holds its conversation, some 10 KB. More wait in the core, in compact form.
JOBS_MAX: Final = 1_000
RETRY_S: Final = 1.0
JOIN_RETRY_S: Final = 2.0  # Kafka may come up after us
# For jobs in flight when partitions are taken away; the group waits meanwhile, at most the rebalance time-out.
REVOKE_DRAIN_S: Final = 5.0
STOP_DRAIN_S: Final = 8.0  # after SIGTERM; with the last commit well within the 30 s that Kubernetes gives
STOP_COMMIT_S: Final = 3.0
STOP_CLOSE_S: Final = 3.0  # for each client; one whose broker is away would wait for it
REBALANCE_TIMEOUT_MS: Final = 60_000
# How long the broker holds a fetch open when there is nothing to read: ten small requests a second when idle.
FETCH_WAIT_MS: Final = 100
# A record is at most 1 MiB (the topic's max.message.bytes); a fetch must be able to hold one.
FETCH_BYTES_MAX: Final = 2 << 20

log = structlog.get_logger()

Settle = Callable[[Assigned, Job], Awaitable[None]]


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Reads one topic in a group and keeps the committed offset true."""

    def __init__(  # noqa: PLR0913 - what a consumer is made of
        self,
        kafka: KafkaSettings,
        group_id: str,
        *,
        limits: Limits,
        open_bytes_max: int,
        settle: Settle,
        metrics: Metrics,
        origins: Origins | None = None,
    ) -> None:
        self.topic, self._metrics = kafka.kafka_webhooks_topic, metrics
        client_options, session_timeout_s = kafka.client_options(), kafka.kafka_session_timeout_s
        self.assigned: dict[int, Assigned] = {}  # shared with the parts below; always the same object
        self.retired: Counter[tuple[str, str]] = Counter()  # what partitions counted that are no longer ours
        self.rebalanced_at: float | None = None  # monotonic; None before the first assignment
        self.tasks = Tasks(lambda name: metrics.task_restarts.labels(task=name).inc())
        self._limits, self._settle = limits, settle
        self._kept: dict[int, Partition] = {}  # from a revoke to the next assignment
        self._admin = AIOKafkaAdminClient(**client_options, request_timeout_ms=int(ANSWER_S * 1000))
        self._kafka = consumer_of(
            client_options,
            group_id=group_id,
            group_instance_id=kafka.kafka_group_instance_id,
            enable_auto_commit=False,  # aiokafka's own commits ignore metadata and our jobs
            auto_offset_reset="none",  # the core decides about a lost position; nothing is skipped
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=int(session_timeout_s * 1000),
            heartbeat_interval_ms=int(min(3.0, session_timeout_s / 5) * 1000),
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        self.commits = Commits(self._kafka, self.assigned, metrics)
        self.preparing = Preparing(self._kafka, self._admin, group_id, self.assigned, open_bytes_max, metrics)
        self.polling = Polling(
            self._kafka, client_options, self.assigned, self._obey, self.preparing.soon, metrics, origins
        )
        self.membership = Membership(self._kafka, kafka.kafka_group_instance_id, metrics)
        self._ends = LogEnds(self._kafka, self.assigned)
        self._unheld = Unheld(self._admin, group_id, self.topic, metrics)

    async def start(self) -> None:
        """Connect and join the group. KafkaError if no broker answers; it may be tried again."""
        await self._admin.start()
        await self._kafka.start()
        self._kafka.subscribe([self.topic], listener=self)

    async def joined(self) -> None:
        """Start, and wait while Kafka is away."""
        while True:
            try:
                return await self.start()
            except (KafkaError, OSError) as error:  # TimeoutError is an OSError
                log.warning("kafka_away", error_type=type(error).__name__)
            await asyncio.sleep(JOIN_RETRY_S)

    async def run(self, stopping: asyncio.Event, hurry: asyncio.Event | None = None) -> None:
        """Read until `stopping` is set, then drain, commit and leave the group; `hurry` ends the draining."""
        self.tasks.start("poll", self.polling.run)
        self.tasks.start("recover", self.polling.recover)
        self.tasks.start("beat", self._beat)
        self.tasks.start("commits", self.commits.run)
        self.tasks.start("log_ends", self._ends.run)
        self.tasks.start("unheld", self._unheld.run)
        await stopping.wait()
        self.preparing.stopping = True
        for assigned in self.assigned.values():
            assigned.ready = False
        await unless_set(hurry or asyncio.Event(), self._drain(STOP_DRAIN_S))
        await self.tasks.stop()
        await self.commits.commit(self.assigned.values(), STOP_COMMIT_S)
        await asyncio.gather(*self._close_all(), return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """Leave the group. Closing twice is harmless."""
        await self.tasks.stop()
        ends = (end(self._kafka, STOP_CLOSE_S), end(self._admin, STOP_CLOSE_S))
        for error in filter(None, await asyncio.gather(*ends)):
            log.info("kafka_not_closed", error_type=type(error).__name__)

    def is_home(self, partition: int, organization: str, chat_id: str) -> bool:
        """Whether the chat's records are in this partition, by the topic's present number of partitions."""
        count = len(self._kafka.partitions_for_topic(self.topic) or ())
        return not count or partition_of(record_key(organization, chat_id), count) == partition

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Start preparing the partitions, in tasks: aiokafka sends no heartbeat meanwhile and hides exceptions."""
        mine = sorted(assigned)
        self._kafka.pause(*mine)
        for tp in mine:
            self._kafka.seek(tp, 0)  # any position: without one aiokafka chooses its own
        self._metrics.rebalances.inc()
        self.rebalanced_at = time.monotonic()
        self.commits.fail_since = None
        self.assigned.clear()
        for tp in mine:
            home = partial(self.is_home, tp.partition)
            state = self._kept.get(tp.partition) or Partition(self._limits, home)
            self.assigned[tp.partition] = Assigned(tp, state)
        for number, state in self._kept.items():
            if number not in self.assigned:
                self.retired.update(state.stats().counters)
        self._kept = {}
        log.info("partitions_assigned", topic=self.topic, count=len(mine))
        for partition in self.assigned.values():
            self.preparing.soon(partition)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Drain, commit, and keep the state until the next assignment."""
        for assigned in self.assigned.values():
            assigned.ready = False
        count = len(list(revoked))
        self.membership.on_revoked(count, time.monotonic())
        await self._drain(REVOKE_DRAIN_S)
        await self.commits.commit(self.assigned.values())
        self._close_all()
        log.info("partitions_revoked", topic=self.topic, count=count)
        await self.membership.before_joining(time.monotonic())

    def _close_all(self) -> list[asyncio.Task[None]]:
        """Cancel everything that runs for the partitions, keep their state; the cancelled tasks."""
        cancelled: list[asyncio.Task[None]] = []
        for assigned in self.assigned.values():
            assigned.closed = True
            cancelled += assigned.tasks
            cancelled += [assigned.preparing] if assigned.preparing is not None else []
            assigned.state.suspended()
        for task in cancelled:
            task.cancel()
        self._kept = {number: assigned.state for number, assigned in self.assigned.items()}
        self.assigned.clear()
        return cancelled

    async def _drain(self, deadline_s: float) -> None:
        """Wait a while for jobs in flight; the next owner repeats those that are not settled."""
        tasks = {task for assigned in self.assigned.values() for task in assigned.tasks}
        if tasks:
            await asyncio.wait(tasks, timeout=deadline_s)

    async def _beat(self) -> None:
        """Give every partition the time; between two polls, never between a fetch and its fold."""
        while True:
            for assigned in list(self.assigned.values()):
                if assigned.ready and assigned.unreadable is None:
                    with suppress(IllegalStateError):  # a rebalance has begun
                        position = await self._kafka.position(assigned.tp)
                        self._obey(assigned, assigned.state.tick(now_ms(), assigned.log_end, position))
                elif assigned.ready:
                    assigned.state.tick(now_ms(), assigned.log_end, None)
                    self.pump(assigned)
                elif self.preparing.is_over(assigned):
                    self.preparing.soon(assigned)
            await asyncio.sleep(TICK_S)

    def _obey(self, assigned: Assigned, move: Seek | None) -> None:
        if move is None:
            self.pump(assigned)
        else:
            self.preparing.soon(assigned, move)

    def pump(self, assigned: Assigned) -> None:
        """Start the jobs that are due, and pause or resume reading as the core says."""
        if assigned.closed or not assigned.ready:
            return
        for job in assigned.state.jobs(JOBS_MAX - len(assigned.tasks)):
            task = asyncio.create_task(self._run(assigned, job))
            assigned.tasks.add(task)
            task.add_done_callback(assigned.tasks.discard)
        paused = assigned.tp in self._kafka.paused()
        wanted = assigned.state.paused or assigned.unreadable is not None
        if wanted and not paused:
            self._kafka.pause(assigned.tp)
        elif paused and not wanted:
            self._kafka.resume(assigned.tp)

    async def _run(self, assigned: Assigned, job: Job) -> None:
        """Try until it is settled: nothing else would start it again, and it holds the offset."""
        while True:
            try:
                await self._settle(assigned, job)
                break
            except asyncio.CancelledError as error:  # aiokafka leaks some that are not for us
                if assigned.closed:
                    raise
                failure: BaseException = error
            except Exception as error:  # noqa: BLE001 - as above
                failure = error
            self._metrics.faults.labels(error_type=type(failure).__name__).inc()
            log.error("job_failed", exc_info=failure, offset=job.offset)
            await asyncio.sleep(RETRY_S)
        self.pump(assigned)
