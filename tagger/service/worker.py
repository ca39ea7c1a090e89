"""One job, from the core's request until it is settled: fetches what is missing, and tries again what fails.

It keeps no offsets, and nothing of a job but how many ended.
"""

import asyncio
from functools import partial
from typing import Final

import structlog

from ingest.runtime.clock import now_ms
from tagger.core.partition.protocol import AskAgain, Job, NotGiven
from tagger.core.records.decision import Source
from tagger.kafka.assigned import Assigned
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.kafka.recall import Recall
from tagger.livechat.calls.answers import Done, GivenUp
from tagger.livechat.calls.requests import get_chat
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.settle import Ended, Settle, partly

# A bug of ours in one chat must neither end the process nor hold the offset forever: the job is tried this
# often, this far apart, then parked with the type of the error. But only while other jobs are settled: what
# fails for all is not this chat's fault, so it waits, and lag shows it.
FAULT_TRIES_MAX: Final = 3
FAULT_RETRY_S: Final = 5.0
# Between two tries to read the topic of decisions; a wait as long as Kafka is away.
RECALL_RETRY_S: Final = 1.0
RECALL_RETRY_S_MAX: Final = 10.0

log = structlog.get_logger()


class Worker:
    """Settles live jobs."""

    def __init__(
        self, settle: Settle, client: Client, removals: Recall, webhooks_topic: str, metrics: Metrics
    ) -> None:
        self._settle, self._client, self._topic, self._metrics = settle, client, webhooks_topic, metrics
        self._removals = removals
        self._settled = 0  # jobs

    async def settle(self, assigned: Assigned, job: Job) -> None:
        """Return when the job is settled. Cancelled when the partition is taken away."""
        faults, settled_before = 0, self._settled
        while True:
            try:
                await self._once(assigned, job)
                self._settled += 1
                return
            except Exception as error:
                faults += 1
                name, thread = type(error).__name__, job.thread
                self._metrics.faults.labels(error_type=name).inc()
                log.error("job_failed", exc_info=error, **thread._asdict())
                if faults >= FAULT_TRIES_MAX and self._settled > settled_before:
                    await self._give_up(assigned, job, GivenUp("a fault of the tagger", name, faults))
                    return
            await asyncio.sleep(FAULT_RETRY_S)

    async def _once(self, assigned: Assigned, job: Job) -> None:
        if job.kind == "unreadable":
            await self._give_up(assigned, job, GivenUp(job.incomplete or "unreadable", "unreadable", 1))
            return
        if job.correction is not None:
            source = self._source(assigned, job)
            await self._settle.correct(job.thread, job.correction, source, job.ended_at_ms)
            assigned.state.settled(job.id)
            return
        whole, missing = (job, None) if job.incomplete is None else await self._complete(assigned, job)
        if whole is None:
            return
        ended = Ended(
            whole.conversation,
            whole.ended_at_ms,
            self._source(assigned, whole),
            read_from="webhooks" if job.incomplete is None else "api",
            late=whole.kind == "late",
            decided=whole.decided,
            rules=whole.rules,
            parked=whole.parked,
            missing=missing,
            removed=partial(assigned.state.removed, whole.thread),
            recall=None
            if whole.recall_ms is None
            else partial(self._recall, assigned, whole, whole.recall_ms),
            sets=partial(assigned.state.sets, whole.id),
        )
        decision, outcome = await self._settle.thread(ended, live=True)
        assigned.state.settled(whole.id, frozenset(decision.tags), decision.rules, parked=outcome == "parked")
        if whole.kind == "end":  # of what comes late, or expires, the end is long past
            self._metrics.end_to_tag.observe(max(0, now_ms() - whole.ended_at_ms) / 1000)

    async def _recall(self, assigned: Assigned, job: Job, since_ms: int) -> None:
        """Let the partition know what people removed from a thread that it did not see from its beginning.

        Without that nothing is set, so a job waits for Kafka here as it does to be recorded.
        """
        wait_s = RECALL_RETRY_S
        while True:
            try:
                tags = await self._removals.of(job.thread, since_ms)
                break
            except (TopicMissingError, *NO_KAFKA) as error:
                self._metrics.recalls.labels(result="failed").inc()
                log.warning("recall_failed", error_type=type(error).__name__, **job.thread._asdict())
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RECALL_RETRY_S_MAX)
        self._metrics.recalls.labels(result="done").inc()
        assigned.state.recalled(job.id, tags)

    async def _give_up(self, assigned: Assigned, job: Job, why: GivenUp) -> None:
        """Park the whole job."""
        last_offset = job.last_offset if job.kind == "unreadable" else None
        await self._settle.park(job.thread, self._source(assigned, job), why, last_offset=last_offset)
        assigned.state.settled(job.id, frozenset())

    async def _complete(self, assigned: Assigned, job: Job) -> tuple[Job | None, GivenUp | None]:
        """Fetch what the log does not hold: the job, None if nothing is left to decide; why some is missing."""
        asked = 0
        while True:
            asked += 1
            answer = await self._fetch(job)
            chat = NotGiven(answer.error_type) if isinstance(answer, GivenUp) else answer.value
            step = assigned.state.completed(job.id, chat, now_ms())
            if isinstance(step, AskAgain):
                await asyncio.sleep(max(0.0, (step.at_ms - now_ms()) / 1000))
                continue
            if step is None or step.conversation.complete or not self._is_ours(job):
                return step, None
            return step, answer if isinstance(answer, GivenUp) else partly(asked)

    async def _fetch(self, job: Job) -> Done | GivenUp:
        organization, chat_id, thread_id = job.thread
        if not self._is_ours(job):
            return GivenUp("there are no credentials for its organization", "no_credentials", 0)
        answer = await self._client.perform(organization, get_chat(chat_id, thread_id))
        result = answer.error_type if isinstance(answer, GivenUp) else "done"
        self._metrics.backfills.labels(result=result).inc()
        return answer

    def _is_ours(self, job: Job) -> bool:
        return self._client.has_credentials(job.thread.organization)

    def _source(self, assigned: Assigned, job: Job) -> Source:
        return Source(self._topic, assigned.tp.partition, job.offset)
