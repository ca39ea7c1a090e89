"""One ended thread as LiveChat has it: judged by the keyword files in force, tagged, recorded.

What `reconcile` and `parked retry` do with a thread. As in live work, the decision is stored after the tag
calls are answered, so that whoever is interrupted finds the thread undecided and does it again. Its calls
come after all live calls of the organization.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from ingest.topic import record_key
from tagger import metrics
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision, Judge
from tagger.core.records.decision import Outcome, Source, decision_record, outcome_of, parked_record
from tagger.kafka.assigned import now_ms
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.requests import Call, Done, GivenUp, Purpose, tag_thread
from tagger.livechat.client import Client
from tagger.service.deciding import Deciding
from tagger.service.setup import equipment
from tagger.settings import RunSettings

# Longer than evidence needs for what one thread cannot get (60 s). What takes longer is an outage, and
# whoever asked for a repair comes again.
CALL_DEADLINE_S: Final = 120.0


class Repair:
    """Judges and tags threads that the log did not bring."""

    def __init__(  # noqa: PLR0913 - what the work needs
        self,
        judge: Callable[[], Judge],
        client: Client,
        producer: Producer,
        *,
        decisions_topic: str,
        parked_topic: str,
        dry_run: bool,
    ) -> None:
        self._judge, self._client, self._producer = judge, client, producer
        self._decisions_topic, self._parked_topic = decisions_topic, parked_topic
        self.dry_run = dry_run  # decided and recorded, not set
        self._deciding = Deciding()

    async def decide(self, conversation: Conversation, ended_at_ms: int) -> Decision:
        return await self._deciding.decide(self._judge(), conversation, ended_at_ms)

    async def settle(
        self,
        conversation: Conversation,
        ended_at_ms: int,
        source: Source | None = None,
        *,
        purpose: Purpose = "reconcile",
    ) -> tuple[Decision, Outcome | None]:
        """Judge, tag, record. None: LiveChat did not answer in time, nothing is recorded, come again.

        `purpose` is what the calls are counted as.
        """
        thread, decision = conversation.thread, await self.decide(conversation, ended_at_ms)
        refused = 0
        if not self.dry_run:
            wanted = [tag for tag in decision.tags if tag not in conversation.tags]
            answers = await asyncio.gather(*(self._perform(thread, tag, purpose) for tag in wanted))
            for tag, answer in zip(wanted, answers, strict=True):
                if answer is None:
                    return decision, None
                if isinstance(answer, GivenUp):
                    await self._park(thread, source, tag, answer)
                    refused += 1
        if not conversation.complete:
            partly = GivenUp("LiveChat did not give the whole chat", "incomplete", 1)
            await self._park(thread, source, None, partly)
        outcome = self._outcome(decision, conversation, refused)
        record = decision_record(
            thread,
            decision,
            outcome,
            source,
            read_from="api",
            messages=len(conversation.said),
            ended_at_ms=ended_at_ms,
            settled_at_ms=now_ms(),
        )
        not_taken = await self._producer.send(self._decisions_topic, _key(thread), record)
        if not_taken is not None:
            refusal = GivenUp("Kafka refuses the decision", not_taken.error_type, 1)
            await self._park(thread, source, None, refusal)
        metrics.DECISIONS.labels(outcome=outcome).inc()
        return decision, outcome

    def _outcome(self, decision: Decision, conversation: Conversation, refused: int) -> Outcome:
        if self.dry_run:
            return "dry_run"
        return outcome_of(
            decision.tags, complete=conversation.complete, late=False, decided=frozenset(), refused=refused
        )

    async def _perform(self, thread: ThreadKey, tag: str, purpose: Purpose) -> Done | GivenUp | None:
        call = tag_thread(thread.chat_id, thread.thread_id, tag)
        answer = await in_time(self._client, thread.organization, call, purpose)
        if answer is not None:
            metrics.TAGS.labels(result="set" if isinstance(answer, Done) else "refused").inc()
        return answer

    async def _park(self, thread: ThreadKey, source: Source | None, tag: str | None, why: GivenUp) -> None:
        record = parked_record(
            thread,
            source,
            tag=tag,
            reason=why.reason,
            error_type=why.error_type,
            attempts=why.attempts,
            parked_at_ms=now_ms(),
        )
        await self._producer.send(self._parked_topic, _key(thread), record)
        metrics.PARKED.labels(error_type=why.error_type).inc()


async def in_time(client: Client, organization: str, call: Call, purpose: Purpose) -> Done | GivenUp | None:
    """Perform a call behind all live ones; None where that takes longer than CALL_DEADLINE_S."""
    try:
        async with asyncio.timeout(CALL_DEADLINE_S):
            return await client.perform(organization, call, background=True, purpose=purpose)
    except TimeoutError:
        return None


def _key(thread: ThreadKey) -> bytes:
    return record_key(thread.organization, thread.chat_id)


def repair_of(settings: RunSettings, keywords: Keywords, client: Client, producer: Producer) -> Repair:
    """A repair that judges by whatever keyword files are in force."""
    return Repair(
        lambda: keywords.judge,
        client,
        producer,
        decisions_topic=settings.kafka_decisions_topic,
        parked_topic=settings.kafka_parked_topic,
        dry_run=settings.tagger_dry_run,
    )


@dataclass(frozen=True, slots=True)
class Tools:
    """What a command needs to repair."""

    who: Credentials
    client: Client
    producer: Producer
    repair: Repair


@asynccontextmanager
async def tools(settings: RunSettings) -> AsyncIterator[Tools]:
    """For a command: made from its settings, taken apart at the end. Exits 2 where something lacks."""
    who, keywords = equipment(settings)
    client = Client(who, settings.livechat_api_url)
    producer = Producer(settings.client_options(), COMMAND_PATIENCE_S)
    try:
        yield Tools(who, client, producer, repair_of(settings, keywords, client, producer))
    finally:
        await client.close()
        await producer.stop()
