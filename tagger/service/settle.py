"""One thread settled: decided, tagged, recorded; in one place for live jobs, `reconcile` and `parked retry` alike.

Promises the order that the committed offset rests on: tag calls answered, then the decision (or parked) record
acknowledged. After an interruption the thread is undecided and is settled again. A tag that a person removed is never
set, however long its call has waited: it is held back, and the decision says so. It keeps nothing of a thread, and
moves no offset.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import structlog

from ingest.runtime.clock import now_ms
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.supervision import together
from ingest.topic import record_key
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.partition.protocol import Correction
from tagger.core.records.correction import allowed, correction_record
from tagger.core.records.decision import Outcome, Source, decision_record, outcome_of, parked_record
from tagger.kafka.producer import Producer
from tagger.livechat.calls.answers import Done, GivenUp
from tagger.livechat.calls.requests import Purpose, tag_thread
from tagger.livechat.client import WITHDRAWN, Client
from tagger.metrics import Metrics
from tagger.service.deciding import Deciding

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces

# For a call that is not live: longer than it takes to prove that one thread cannot be tagged (60 s). What
# takes longer is an outage, and `reconcile` or `retry` is run again.
CALL_DEADLINE_S: Final = 120.0

# Organizations without credentials that are named in the log, once each; the rest is only counted.
STRANGERS_MAX: Final = 1_000

# To the calls that set tags, by tag; None: no answer in time.
_Answers = dict[str, Done | GivenUp | None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ended:
    """A thread to settle, as far as it is known."""

    conversation: Conversation = field(repr=False)
    at_ms: int  # when it ended, Unix time
    source: Source | None = None  # None: LiveChat listed it, no record of its end exists
    read_from: Literal["webhooks", "api"] = "api"
    late: bool = False  # something came after it was decided
    decided: frozenset[str] = frozenset()  # tags that earlier decisions called for
    rules: frozenset[str] | None = frozenset()  # that held in earlier decisions; None: not all are known
    parked: bool = False  # a tag of an earlier decision was refused for good
    missing: GivenUp | None = None  # why LiveChat did not give all of it, which is parked
    removed: Callable[[], Collection[str]] = tuple  # tags that people removed from it, as far as is known now
    # Has `removed` know what people removed before; awaited before a tag is set. None: it knows.
    recall: Callable[[], Awaitable[None]] | None = None
    sets: Callable[[Collection[str]], None] = lambda _: None  # is told which tags are about to be set

    @property
    def thread(self) -> ThreadKey:
        """Which thread it is."""
        return self.conversation.thread


class Settle:
    """Turns decisions into calls and records; `decider` returns that of the keyword files in force."""

    def __init__(  # noqa: PLR0913 - what it takes to settle
        self,
        decider: Callable[[], Decider],
        client: Client,
        producer: Producer,
        metrics: Metrics,
        kafka: KafkaSettings,
        *,
        dry_run: bool,
        on_tag: Callable[[str, str], None] = lambda *_: None,
        traces: "Traces | None" = None,
    ) -> None:
        """`on_tag` hears of each tag that LiveChat took: organization, tag."""
        self._decider, self._client, self._producer, self._metrics = decider, client, producer, metrics
        self._on_tag, self._traces = on_tag, traces
        self._kafka = kafka
        self.dry_run = dry_run  # decided and recorded, not set
        self._deciding = Deciding(metrics)
        self._strangers: set[str] = set()  # organizations without credentials that were reported
        self._rules_hit: set[str] = set()  # bounded by the keyword files
        # Looked up once: to find a series takes as long as to count.
        self._decisions = cache(metrics.decisions.labels)
        self._tags = cache(metrics.tags.labels)

    def rules_never_hit(self) -> int:
        """How many rules in force have held in no thread so far."""
        return sum(rule.id not in self._rules_hit for rule in self._decider().rules)

    async def decide(self, conversation: Conversation, ended_at_ms: int) -> Decision:
        """Which tags the keyword files in force call for; nothing is set or recorded."""
        if self._traces is None:
            return await self._deciding.decide(self._decider(), conversation, ended_at_ms)
        with self._traces.span("decide", "internal", {"livechat.messages": len(conversation.said)}):
            decision = await self._deciding.decide(self._decider(), conversation, ended_at_ms)
            self._traces.note({"tagger.tags": len(decision.tags), "tagger.config": decision.config})
        return decision

    async def thread(
        self, ended: Ended, *, live: bool = False, purpose: Purpose = "tag"
    ) -> tuple[Decision, Outcome | None]:
        """Decide, tag, record. None: LiveChat did not answer in time and nothing is recorded, so try again later.

        A `live` thread goes before all others, however long it takes. Its calls are counted under `purpose`.
        """
        decision = await self.decide(ended.conversation, ended.at_ms)
        answers = await self._tag(ended, decision, live, purpose)
        if None in answers.values():
            return decision, None
        refused = _refused(answers)
        for tag, why in refused.items():
            await self.park(ended.thread, ended.source, why, tag=tag)
        if ended.missing is not None:
            await self.park(ended.thread, ended.source, ended.missing)
        held_back = _held_back(decision, ended.removed(), answers)
        if held_back:
            self._tags("held_back").inc(len(held_back))
        outcome = self._outcome(ended, decision, len(refused))
        record = decision_record(
            ended.thread,
            decision,
            outcome,
            ended.source,
            read_from=ended.read_from,
            messages=len(ended.conversation.said),
            ended_at_ms=ended.at_ms,
            settled_at_ms=now_ms(),
            held_back=held_back,
        )
        not_taken = await self._producer.send(self._kafka.kafka_decisions_topic, _key(ended.thread), record)
        if not_taken is not None:  # the tags are set; only the reasons for them are missing
            why = GivenUp("Kafka refuses the decision", not_taken.error_type, 1)
            await self.park(ended.thread, ended.source, why)
        self._report(ended, decision, outcome)
        return decision, outcome

    async def correct(self, thread: ThreadKey, correction: Correction, source: Source, at_ms: int) -> None:
        """Record what a person did to a thread's tags. If Kafka refuses it for good, the producer counts that."""
        record = correction_record(thread, correction.tag, correction.change, source, at_ms)
        refused = await self._producer.send(self._kafka.kafka_decisions_topic, _key(thread), record)
        if refused is None:
            self._metrics.corrections.labels(change=correction.change).inc()

    async def park(
        self,
        thread: ThreadKey,
        source: Source | None,
        why: GivenUp,
        *,
        tag: str | None = None,
        last_offset: int | None = None,
    ) -> None:
        """Set a tag aside for a person; without `tag` the thread, or the records up to `last_offset`."""
        reason, at_ms = asdict(why), now_ms()
        record = parked_record(thread, source, tag=tag, parked_at_ms=at_ms, last_offset=last_offset, **reason)
        await self._producer.send(self._kafka.kafka_parked_topic, _key(thread), record)
        self._metrics.parked.labels(error_type=why.error_type).inc()
        log.warning("parked", **thread._asdict(), tag=tag, **reason)

    async def _tag(self, ended: Ended, decision: Decision, live: bool, purpose: Purpose) -> _Answers:
        """Set the tags that are not there yet and that nobody removed; the answers by tag, None: none in time."""
        if self.dry_run or not self._client.has_credentials(ended.thread.organization):
            return {}
        known = ended.conversation.tags | ended.decided
        if ended.recall is not None and not known.issuperset(decision.tags):
            await ended.recall()
        wanted = [tag for tag in allowed(decision.tags, ended.removed()) if tag not in known]
        ended.sets(wanted)
        if len(wanted) <= 1:  # nearly always: no tasks for it
            return {tag: await self._set(ended, tag, live, purpose) for tag in wanted}
        answers = await together(self._set(ended, tag, live, purpose) for tag in wanted)
        return dict(zip(wanted, answers, strict=True))

    async def _set(self, ended: Ended, tag: str, live: bool, purpose: Purpose) -> Done | GivenUp | None:
        call = self._call(ended, tag, live, purpose)
        if live:
            answer = await call
        else:
            try:
                async with asyncio.timeout(CALL_DEADLINE_S) as deadline:
                    answer = await call
            except TimeoutError:
                if deadline.expired():
                    return None
                raise  # a fault of ours, which must not make a thread look settled
        if not _is_withdrawn(answer):
            self._tags("set" if isinstance(answer, Done) else "refused").inc()
        if isinstance(answer, Done):
            self._on_tag(ended.thread.organization, tag)
        return answer

    async def _call(self, ended: Ended, tag: str, live: bool, purpose: Purpose) -> Done | GivenUp:
        organization, chat_id, thread_id = ended.thread
        return await self._client.perform(
            organization,
            tag_thread(chat_id, thread_id, tag),
            background=not live,
            purpose=purpose,
            withdrawn=lambda: tag in ended.removed(),
        )

    def _outcome(self, ended: Ended, decision: Decision, refused: int) -> Outcome:
        if self.dry_run:
            return "dry_run"
        organization = ended.thread.organization
        if not self._client.has_credentials(organization):
            if organization not in self._strangers and len(self._strangers) < STRANGERS_MAX:
                self._strangers.add(organization)
                log.warning("no_credentials", organization=organization)
            return "no_credentials"
        return outcome_of(
            decision.tags,
            complete=ended.conversation.complete,
            late=ended.late and ended.rules is not None,
            decided=ended.decided,
            refused=refused > 0 or ended.parked,
        )

    def _report(self, ended: Ended, decision: Decision, outcome: Outcome) -> None:
        """The decision for people: metrics and one log line, ids only."""
        self._decisions(outcome).inc()
        self._rules_hit |= (rules := decision.rules)
        # Each rule counts once a thread; where earlier decisions are not all known, they counted it.
        for rule in set[str]() if ended.rules is None else rules - ended.rules:
            self._metrics.rule_hit(rule).inc()
        if self._traces is not None:
            self._traces.note({"tagger.outcome": outcome})
        organization, chat_id, thread_id = ended.thread
        log.info(
            "decided",
            organization=organization,
            chat_id=chat_id,
            thread_id=thread_id,
            outcome=outcome,
            count=len(decision.tags),
            config=decision.config,
            offset=ended.source and ended.source.offset,
        )


def _refused(answers: _Answers) -> dict[str, GivenUp]:
    return {
        tag: answer
        for tag, answer in answers.items()
        if isinstance(answer, GivenUp) and not _is_withdrawn(answer)
    }


def _held_back(decision: Decision, removed: Collection[str], answers: _Answers) -> list[str]:
    """The tags that were not set because a person removed them."""
    left_out = [tag for tag in decision.tags if tag not in answers or _is_withdrawn(answers[tag])]
    return [tag for tag in left_out if tag in removed]


def _is_withdrawn(answer: Done | GivenUp | None) -> bool:
    return isinstance(answer, GivenUp) and answer.error_type == WITHDRAWN


def partly(attempts: int = 1) -> GivenUp:
    """Why a thread is decided on only part of what was said in it."""
    return GivenUp("LiveChat did not give the whole chat", "incomplete", attempts)


def _key(thread: ThreadKey) -> bytes:
    return record_key(thread.organization, thread.chat_id)
