"""One thread settled: decided, tagged, recorded; in one place for live jobs, `reconcile` and `parked retry` alike.

Promises the order that the committed offset rests on: tag calls answered, then the decision (or parked) record
acknowledged. So whoever is interrupted finds the thread undecided, and does it again. It keeps nothing of a
thread, and moves no offset.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

import structlog

from ingest.runtime.clock import now_ms
from ingest.topic import record_key
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision, Judge
from tagger.core.records.decision import Outcome, Source, decision_record, outcome_of, parked_record
from tagger.kafka.producer import Producer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.calls.requests import Done, GivenUp, Purpose, tag_thread
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.deciding import Deciding
from tagger.settings import RunSettings

# Of a call that is not live: longer than evidence needs for what one thread cannot get (60 s). What takes
# longer is an outage, and whoever asked for the thread comes again.
CALL_DEADLINE_S: Final = 120.0

# Organizations without credentials that are named in the log, once each; the rest is only counted.
STRANGERS_MAX: Final = 1_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """A thread to settle, as far as it is known."""

    conversation: Conversation = field(repr=False)
    at_ms: int  # when it ended, Unix time
    source: Source | None = None  # None: LiveChat listed it, no record of its end exists
    read_from: Literal["webhooks", "api"] = "api"
    late: bool = False  # something came after it was decided
    decided: frozenset[str] = frozenset()  # tags that an earlier decision called for
    lacking: GivenUp | None = None  # why something of it could not be had, which is parked

    @property
    def thread(self) -> ThreadKey:
        return self.conversation.thread


class Settle:
    """Turns decisions into calls and records, by the keyword files in force."""

    def __init__(  # noqa: PLR0913 - what it takes to settle
        self,
        judge: Callable[[], Judge],
        client: Client,
        producer: Producer,
        metrics: Metrics,
        *,
        decisions_topic: str,
        parked_topic: str,
        dry_run: bool,
    ) -> None:
        self._judge, self._client, self._producer, self._metrics = judge, client, producer, metrics
        self._decisions_topic, self._parked_topic = decisions_topic, parked_topic
        self.dry_run = dry_run  # decided and recorded, not set
        self._deciding = Deciding(metrics)
        self._strangers: set[str] = set()  # organizations without credentials that were reported
        self._rules_hit: set[str] = set()  # bounded by the keyword files

    def rules_never_hit(self) -> int:
        return sum(rule.id not in self._rules_hit for rule in self._judge().rules)

    async def decide(self, conversation: Conversation, ended_at_ms: int) -> Decision:
        return await self._deciding.decide(self._judge(), conversation, ended_at_ms)

    async def thread(
        self, ended: Ended, *, live: bool = False, purpose: Purpose = "tag"
    ) -> tuple[Decision, Outcome | None]:
        """Decide, tag, record. None: LiveChat did not answer in time, nothing is recorded, come again.

        A `live` thread goes before all others, however long that takes. `purpose` is what its calls are counted as.
        """
        decision = await self.decide(ended.conversation, ended.at_ms)
        refused = await self._tag(ended, decision, live, purpose)
        if refused is None:
            return decision, None
        if ended.lacking is not None:
            await self.park(ended.thread, ended.source, ended.lacking)
        outcome = self._outcome(ended, decision, refused)
        record = decision_record(
            ended.thread,
            decision,
            outcome,
            ended.source,
            read_from=ended.read_from,
            messages=len(ended.conversation.said),
            ended_at_ms=ended.at_ms,
            settled_at_ms=now_ms(),
        )
        not_taken = await self._producer.send(self._decisions_topic, _key(ended.thread), record)
        if not_taken is not None:  # the tags are set; only the reasons for them are missing
            why = GivenUp("Kafka refuses the decision", not_taken.error_type, 1)
            await self.park(ended.thread, ended.source, why)
        self._tell(ended, decision, outcome)
        return decision, outcome

    async def park(
        self,
        thread: ThreadKey,
        source: Source | None,
        why: GivenUp,
        *,
        tag: str | None = None,
        last_offset: int | None = None,
    ) -> None:
        """Set one thing aside for a person; `tag` None: the thread, or the records up to `last_offset`."""
        told = asdict(why)
        record = parked_record(
            thread, source, tag=tag, parked_at_ms=now_ms(), last_offset=last_offset, **told
        )
        await self._producer.send(self._parked_topic, _key(thread), record)
        self._metrics.parked.labels(error_type=why.error_type).inc()
        log.warning("parked", **thread._asdict(), tag=tag, **told)

    async def _tag(self, ended: Ended, decision: Decision, live: bool, purpose: Purpose) -> int | None:
        """Set the tags that are not known to be there, park those that are refused; how many, None: come again."""
        if self.dry_run or not self._client.has_credentials(ended.thread.organization):
            return 0
        known = ended.conversation.tags | ended.decided
        wanted = [tag for tag in decision.tags if tag not in known]
        answers = await asyncio.gather(*(self._set(ended.thread, tag, live, purpose) for tag in wanted))
        if None in answers:
            return None
        refused = [(tag, why) for tag, why in zip(wanted, answers, strict=True) if isinstance(why, GivenUp)]
        for tag, why in refused:
            await self.park(ended.thread, ended.source, why, tag=tag)
        return len(refused)

    async def _set(self, thread: ThreadKey, tag: str, live: bool, purpose: Purpose) -> Done | GivenUp | None:
        call = tag_thread(thread.chat_id, thread.thread_id, tag)
        try:
            async with asyncio.timeout(None if live else CALL_DEADLINE_S) as deadline:
                answer = await self._client.perform(
                    thread.organization, call, background=not live, purpose=purpose
                )
        except TimeoutError:
            if deadline.expired():
                return None
            raise  # a fault of ours: a live thread must never be taken for settled because of it
        self._metrics.tags.labels(result="set" if isinstance(answer, Done) else "refused").inc()
        return answer

    def _outcome(self, ended: Ended, decision: Decision, refused: int) -> Outcome:
        if self.dry_run:
            return "dry_run"
        if not self._client.has_credentials(ended.thread.organization):
            self._report_stranger(ended.thread.organization)
            return "no_credentials"
        return outcome_of(
            decision.tags,
            complete=ended.conversation.complete,
            late=ended.late,
            decided=ended.decided,
            refused=refused,
        )

    def _report_stranger(self, organization: str) -> None:
        if organization not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(organization)
            log.warning("no_credentials", organization=organization)

    def _tell(self, ended: Ended, decision: Decision, outcome: Outcome) -> None:
        """The decision once more, for people: metrics and one log line, ids only."""
        self._metrics.decisions.labels(outcome=outcome).inc()
        hit = {each.rule for each in decision.because}
        self._rules_hit |= hit
        for rule in hit:
            self._metrics.rule_hits.labels(rule=rule).inc()
        log.info(
            "decided",
            **ended.thread._asdict(),
            outcome=outcome,
            count=len(decision.tags),
            config=decision.config,
            offset=ended.source and ended.source.offset,
        )


def partly(attempts: int = 1) -> GivenUp:
    """Why a thread is decided on less than was said in it, where LiveChat does not say so."""
    return GivenUp("LiveChat did not give the whole chat", "incomplete", attempts)


def _key(thread: ThreadKey) -> bytes:
    return record_key(thread.organization, thread.chat_id)


def settle_of(
    settings: RunSettings, keywords: Keywords, client: Client, producer: Producer, metrics: Metrics
) -> Settle:
    """By whatever keyword files are in force."""
    return Settle(
        lambda: keywords.judge,
        client,
        producer,
        metrics,
        decisions_topic=settings.kafka_decisions_topic,
        parked_topic=settings.kafka_parked_topic,
        dry_run=settings.tagger_dry_run,
    )
