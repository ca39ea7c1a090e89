"""One piece of work, from the core's request to its settlement: fetch what is missing, judge, tag, record.

Promises the order that the committed offset rests on: tag calls answered, then the decision (or parked)
record acknowledged, then settled. It knows no offsets and keeps no state between two pieces of work.
"""

import asyncio
from typing import Final

import structlog

from ingest.topic import record_key
from tagger import metrics
from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decision
from tagger.core.partition.protocol import Refused, Wait, Work
from tagger.core.records.decision import Outcome, Source, decision_record, outcome_of, parked_record
from tagger.kafka.assigned import Assigned, now_ms
from tagger.kafka.producer import Producer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.calls.requests import Done, GivenUp, get_chat, tag_thread
from tagger.livechat.client import Client
from tagger.service.deciding import Deciding

# A bug of ours in one chat must neither end the process nor hold the offset for ever: tried this often,
# this far apart, then parked with the type of the error. But only while other chats are settled: what fails
# for all is no matter of this chat, so it waits, and lag tells.
FAULT_TRIES_MAX: Final = 3
FAULT_RETRY_S: Final = 5.0

# Organizations without credentials that are named in the log, once each; the rest is only counted.
STRANGERS_MAX: Final = 1_000

log = structlog.get_logger()


class Worker:
    """Turns decisions into calls."""

    def __init__(  # noqa: PLR0913 - what the work needs
        self,
        keywords: Keywords,
        client: Client,
        producer: Producer,
        *,
        webhooks_topic: str,
        decisions_topic: str,
        parked_topic: str,
        dry_run: bool,
    ) -> None:
        self._keywords = keywords
        self._client = client
        self._producer = producer
        self._webhooks_topic = webhooks_topic
        self._decisions_topic = decisions_topic
        self._parked_topic = parked_topic
        self._dry_run = dry_run
        self._deciding = Deciding()
        self._settled = 0  # pieces of work that came to their end
        self._strangers: set[str] = set()  # organizations without credentials that were reported
        self._rules_hit: set[str] = set()  # bounded by the keyword files

    def rules_never_hit(self) -> int:
        return sum(rule.id not in self._rules_hit for rule in self._keywords.judge.rules)

    async def settle(self, assigned: Assigned, work: Work) -> None:
        """Do one piece of work to its end. Ended by cancellation when the partition is taken away."""
        faults, settled_before = 0, self._settled
        while True:
            try:
                await self._settle(assigned, work)
                self._settled += 1
                return
            except Exception as error:
                faults += 1
                name, thread = type(error).__name__, work.thread
                metrics.FAULTS.labels(error_type=name).inc()
                log.error("work_failed", exc_info=error, chat_id=thread.chat_id, thread_id=thread.thread_id)
                if faults >= FAULT_TRIES_MAX and self._settled > settled_before:
                    await self._park(assigned, work, None, GivenUp("a fault of the tagger", name, faults))
                    assigned.state.settled(work.id, frozenset())
                    return
            await asyncio.sleep(FAULT_RETRY_S)

    async def _settle(self, assigned: Assigned, work: Work) -> None:
        if work.kind == "unreadable":
            await self._park(assigned, work, None, GivenUp(work.incomplete or "unreadable", "unreadable", 1))
            assigned.state.settled(work.id, frozenset())
            return
        whole = work if work.incomplete is None else await self._complete(assigned, work)
        if whole is None:
            return
        decision = await self._judge(whole.conversation, whole.ended_at_ms)
        refused = await self._tag(assigned, whole, decision)
        outcome = self._outcome(whole, decision, refused)
        record = decision_record(
            whole.thread,
            decision,
            outcome,
            self._source(assigned, whole),
            read_from="webhooks" if work.incomplete is None else "api",
            messages=len(whole.conversation.said),
            ended_at_ms=whole.ended_at_ms,
            settled_at_ms=now_ms(),
        )
        not_taken = await self._producer.send(self._decisions_topic, self._key(whole), record)
        if not_taken is not None:  # the tags are set; only the reasons for them are missing
            why = GivenUp("Kafka refuses the decision", not_taken.error_type, 1)
            await self._park(assigned, whole, None, why)
        assigned.state.settled(whole.id, frozenset(decision.tags))
        self._tell(whole, decision, outcome)

    async def _judge(self, conversation: Conversation, ended_at_ms: int) -> Decision:
        return await self._deciding.decide(self._keywords.judge, conversation, ended_at_ms)

    async def _complete(self, assigned: Assigned, work: Work) -> Work | None:
        """Fetch what the log does not hold; what cannot be had is parked. None: nothing is left to judge."""
        asked = 0
        while True:
            asked += 1
            answer = await self._fetch(work)
            chat = Refused(answer.error_type) if isinstance(answer, GivenUp) else answer.value
            step = assigned.state.completed(work.id, chat, now_ms())
            if isinstance(step, Wait):
                await asyncio.sleep(max(0.0, (step.until_ms - now_ms()) / 1000))
                continue
            if step is not None and not step.conversation.complete and self._is_ours(work):
                partly = GivenUp("LiveChat did not give the whole chat", "incomplete", asked)
                await self._park(assigned, work, None, answer if isinstance(answer, GivenUp) else partly)
            return step

    async def _fetch(self, work: Work) -> Done | GivenUp:
        organization, chat_id, thread_id = work.thread
        if not self._is_ours(work):
            return GivenUp("nobody gave us credentials", "no_credentials", 0)
        answer = await self._client.perform(organization, get_chat(chat_id, thread_id))
        result = answer.error_type if isinstance(answer, GivenUp) else "done"
        metrics.BACKFILLS.labels(result=result).inc()
        return answer

    def _is_ours(self, work: Work) -> bool:
        """Whether we may speak for the organization; where not, that is reported once, not once a chat."""
        return self._client.has_credentials(work.thread.organization)

    async def _tag(self, assigned: Assigned, work: Work, decision: Decision) -> int:
        """Set the tags that are not known to be there; park those that are refused, and count them."""
        if self._dry_run or not self._is_ours(work):
            return 0
        known = work.conversation.tags | work.decided
        wanted = [tag for tag in decision.tags if tag not in known]
        answers = await asyncio.gather(*(self._set(work, tag) for tag in wanted))
        refused = 0
        for tag, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, GivenUp):
                await self._park(assigned, work, tag, answer)
                refused += 1
        return refused

    async def _set(self, work: Work, tag: str) -> Done | GivenUp:
        organization, chat_id, thread_id = work.thread
        answer = await self._client.perform(organization, tag_thread(chat_id, thread_id, tag))
        metrics.TAGS.labels(result="set" if isinstance(answer, Done) else "refused").inc()
        return answer

    def _outcome(self, work: Work, decision: Decision, refused: int) -> Outcome:
        if self._dry_run:
            return "dry_run"
        if not self._is_ours(work):
            self._report_stranger(work.thread.organization)
            return "no_credentials"
        return outcome_of(
            decision.tags,
            complete=work.conversation.complete,
            late=work.kind == "late",
            decided=work.decided,
            refused=refused,
        )

    def _report_stranger(self, organization: str) -> None:
        if organization not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(organization)
            log.warning("no_credentials", organization=organization)

    async def _park(self, assigned: Assigned, work: Work, tag: str | None, why: GivenUp) -> None:
        record = parked_record(
            work.thread,
            self._source(assigned, work),
            tag=tag,
            reason=why.reason,
            error_type=why.error_type,
            attempts=why.attempts,
            parked_at_ms=now_ms(),
            last_offset=work.last_offset if work.kind == "unreadable" else None,
        )
        await self._producer.send(self._parked_topic, self._key(work), record)
        metrics.PARKED.labels(error_type=why.error_type).inc()
        log.warning(
            "parked",
            chat_id=work.thread.chat_id,
            thread_id=work.thread.thread_id,
            tag=tag,
            reason=why.reason,
            error_type=why.error_type,
            attempts=why.attempts,
        )

    def _source(self, assigned: Assigned, work: Work) -> Source:
        return Source(self._webhooks_topic, assigned.tp.partition, work.offset)

    def _key(self, work: Work) -> bytes:
        return record_key(work.thread.organization, work.thread.chat_id)

    def _tell(self, work: Work, decision: Decision, outcome: Outcome) -> None:
        """The decision once more, for people: metrics and one log line, ids only."""
        metrics.DECISIONS.labels(outcome=outcome).inc()
        metrics.END_TO_TAG.observe(max(0, now_ms() - work.ended_at_ms) / 1000)
        hit = {each.rule for each in decision.because}
        self._rules_hit |= hit
        for rule in hit:
            metrics.RULE_HITS.labels(rule=rule).inc()
        log.info(
            "decided",
            organization=work.thread.organization,
            chat_id=work.thread.chat_id,
            thread_id=work.thread.thread_id,
            outcome=outcome,
            count=len(decision.tags),
            config=decision.config,
            offset=work.offset,
        )
