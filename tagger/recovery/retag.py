"""Applies a plan of `tagger retag`: calls LiveChat, and records each chat as a decision with outcome `retagged`.

Keeps no state: before each part of the plan it reads what is new on the topic of decisions, so a chat that is done
has nothing left to do, and what people corrected meanwhile is left alone. Interrupted at any point, the same plan goes
on where it stopped; only the few chats under way may get their calls a second time, which changes nothing. Its calls
go last, a few at a time, so that live jobs have their share of LiveChat's limit.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from ingest.runtime.clock import now_ms
from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records.decision import Untagged, decision_record
from tagger.core.records.retag_plan import Head
from tagger.core.review.authorship import Authorship, authorship, reasons_of
from tagger.core.review.past_chat import PastDecision
from tagger.core.review.retag import REASONS_MAX, Change, Untouched, still
from tagger.history.ledger import Ledger
from tagger.kafka.producer import Producer
from tagger.livechat.calls.answers import NOT_TAGGED, Done, Permanent, Transient, described
from tagger.livechat.calls.requests import Call, Purpose, tag_thread, untag_thread
from tagger.livechat.client import Client

AT_ONCE: Final = (
    4  # chats under way: live jobs, of up to 32 calls at a time, need their share of LiveChat's limit
)
PART_CHATS: Final = 200  # between two looks at what people corrected meanwhile
# Tries of one call, with growing pauses: about a minute. What lasts longer is an outage; the plan is applied again.
TRIES: Final = 10
STOP_S: Final = 30.0  # for the chats under way, once a person stops it
REFUSED_NAMED_MAX: Final = 20

Result = Literal["retagged", "nothing", "refused", "left"]


class Refused(NamedTuple):
    """A call that LiveChat refused."""

    thread: ThreadKey
    tag: str
    why: str


class Applied(NamedTuple):
    """What became of one chat."""

    thread: ThreadKey
    result: Result
    set: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()  # were to be removed, and were not there
    refused: tuple[Refused, ...] = ()
    untouched: Mapping[Untouched, int] = MappingProxyType({})  # tags left alone, by why


@dataclass
class Report:
    """What came of a plan, or of the part that was applied until it was stopped."""

    chats: int  # in the plan
    done: Counter[Result] = field(default_factory=Counter)
    set: int = 0  # tags
    removed: int = 0
    gone: int = 0
    untouched: Counter[Untouched] = field(default_factory=Counter)
    refused: int = 0  # calls
    named: list[Refused] = field(default_factory=list)  # the first of these
    problems: dict[str, str] = field(default_factory=dict)  # organization → why its other chats are left
    stopped: bool = False  # by a person

    def add(self, one: Applied) -> None:
        """Count one chat."""
        self.done[one.result] += 1
        self.set, self.removed = self.set + len(one.set), self.removed + len(one.removed)
        self.gone += len(one.gone)
        self.untouched.update(one.untouched)
        self.refused += len(one.refused)
        self.named += one.refused[: REFUSED_NAMED_MAX - len(self.named)]

    @property
    def left(self) -> int:
        """Chats that were not come to, or of which something is left to do."""
        return self.chats - self.done["retagged"] - self.done["nothing"] - self.done["refused"]


class CountCalls:
    """Counts what LiveChat bills."""

    def __init__(self) -> None:
        self.calls = 0

    def on_request(self, method: str, result: str, seconds: float, purpose: Purpose | None) -> None:
        """Count a request."""
        self.calls += 1


class Retagging:
    """Applies one plan."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        client: Client,
        producer: Producer,
        topic: str,
        ledger: Ledger,
        *,
        refresh: Callable[[], Awaitable[None]],
        on_chat: Callable[[Applied], None],
    ) -> None:
        """`topic` is that of decisions; `refresh` brings the ledger up to its end."""
        self._client, self._producer, self._topic = client, producer, topic
        self._ledger, self._refresh, self._on_chat = ledger, refresh, on_chat
        self._room = asyncio.Semaphore(AT_ONCE)
        self._stopping = False

    async def run(self, head: Head, changes: Iterator[Change], chats: int) -> Report:
        """Apply the plan; Ctrl-C ends it with what was done until then. Raises what `reader` and `Producer` raise."""
        report = Report(chats)
        try:
            while not self._stopping and (part := list(islice(changes, PART_CHATS))):
                await self._refresh()
                await self._part(head, part, report)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
            report.stopped = True
        return report

    async def _part(self, head: Head, part: list[Change], report: Report) -> None:
        tasks = [asyncio.create_task(self._in_turn(head, change, report)) for change in part]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stopping = not all(task.done() for task in tasks)
            if self._stopping:  # those under way come to their end, so that they are on record
                await asyncio.wait(tasks, timeout=STOP_S)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
        for task in tasks:
            task.result()

    async def _in_turn(self, head: Head, change: Change, report: Report) -> None:
        async with self._room:
            if self._stopping:
                return
            applied = await self._one(head, self._named(change), report.problems)
        report.add(applied)
        self._on_chat(applied)

    def _named(self, change: Change) -> Change:
        """A chat of a file does not say whose it is; the decisions on it do."""
        _, chat_id, thread_id = change.thread
        known = [one for one in self._ledger.threads_of(chat_id) if one.thread_id == thread_id]
        return change if change.thread.organization or len(known) != 1 else change._replace(thread=known[0])

    async def _one(self, head: Head, change: Change, problems: dict[str, str]) -> Applied:
        organization, chat_id, thread_id = change.thread
        if organization in problems:
            return Applied(change.thread, "left")
        decisions = self._ledger.decisions_on(change.thread)
        whose = authorship(decisions, self._ledger.told_of(change.thread))
        todo = still(change, whose)
        chat, began_at_ms = _Chat(change, todo.untouched), now_ms()
        calls = [(tag, tag_thread(chat_id, thread_id, tag)) for tag in todo.set]
        calls += [(tag, untag_thread(chat_id, thread_id, tag)) for tag in todo.remove]
        for tag, call in calls:
            if call.method == "untag_thread" and head.asked.rename.get(tag) in chat.refused_tags:
                continue  # the old tag stays where the new one cannot be set
            answer = await self._client.ask(organization, call, tries=TRIES, background=True, purpose="retag")
            if isinstance(answer, Transient):
                problems[organization] = described(answer)
                chat.left = True
                break
            chat.note(tag, call, answer)
        if chat.set or chat.removed or chat.gone:
            record = _record(head, change, chat, decisions, whose, began_at_ms)
            not_taken = await self._producer.send(self._topic, record_key(organization, chat_id), record)
            if not_taken is not None:
                problems[organization] = f"Kafka refuses the decision ({not_taken.error_type})"
                chat.left = True
        return chat.applied()


class _Chat:
    """What LiveChat answered for one chat."""

    def __init__(self, change: Change, untouched: Counter[Untouched]) -> None:
        self._thread, self._untouched = change.thread, untouched
        self.set, self.removed, self.gone = list[str](), list[str](), list[str]()
        self.refused: list[Refused] = []
        self.left = False

    @property
    def refused_tags(self) -> list[str]:
        return [one.tag for one in self.refused]

    def note(self, tag: str, call: Call, answer: Done | Permanent) -> None:
        removes = call.method == "untag_thread"
        if isinstance(answer, Done):
            (self.removed if removes else self.set).append(tag)
        elif answer.error_type == NOT_TAGGED:
            self.gone.append(tag)
        else:
            self.refused.append(Refused(self._thread, tag, described(answer)))

    def applied(self) -> Applied:
        changed = bool(self.set or self.removed or self.gone)
        result: Result = "left" if self.left else "retagged" if changed else "nothing"
        if self.refused and not self.left:
            result = "refused"
        return Applied(
            self._thread,
            result,
            tuple(self.set),
            tuple(self.removed),
            tuple(self.gone),
            tuple(self.refused),
            self._untouched,
        )


def _record(  # noqa: PLR0913, PLR0917 - what a record tells of
    head: Head,
    change: Change,
    chat: _Chat,
    decisions: tuple[PastDecision, ...],
    whose: Authorship,
    began_at_ms: int,
) -> dict[str, object]:
    tags = tuple(sorted((whose.ours - {*chat.removed, *chat.gone}) | {*chat.set}))
    because = tuple(
        reason
        for tag in tags
        for reason in (
            [each for each in change.because if each.tag == tag]
            if tag in chat.set
            else reasons_of(decisions, tag)[:REASONS_MAX]
        )
    )
    return decision_record(
        change.thread,
        Decision(tags, because, (), head.config),
        "retagged",
        None,
        read_from="webhooks" if head.from_webhooks else "api",
        messages=max([change.messages, *(made.messages for made in decisions)]),
        ended_at_ms=change.ended_at_ms,
        settled_at_ms=now_ms(),
        held_back=tuple(chat.removed) if head.asked.keeps_away else (),
        untagged=Untagged(tuple(chat.removed), began_at_ms),
    )
