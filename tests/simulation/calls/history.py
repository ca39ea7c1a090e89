"""One history: each chat ends at its time, and the real worker and client settle it on virtual time."""

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

from aiokafka import TopicPartition

from ingest.runtime.kafka import KafkaSettings
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.partition.protocol import Job
from tagger.kafka.producer import Producer
from tagger.kafka.recall import Recall
from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service import settle as settle_module
from tagger.service import worker as worker_module
from tagger.service.settle import Settle
from tagger.service.worker import Worker
from tests.removals import NothingRemoved
from tests.simulation.calls.setting import Chat, Setting, Trouble
from tests.simulation.calls.virtual import run
from tests.simulation.calls.world import File, LiveChat, Token, Topics

METRICS: Final = Metrics()  # which nobody reads
# After the last trouble and the last end: a hopeless call is tried for ten minutes, a minute apart.
PATIENCE_S: Final = 1_700.0
MANY: Final = 3  # chats answered 429 forever that a lane takes for a limit


class Violation(Exception):
    """A property that does not hold."""


@dataclass(slots=True)
class History:
    """What happened."""

    setting: Setting
    livechat: LiveChat
    topics: Topics
    settled: dict[str, float]  # chat → when
    lanes: int
    ended: float

    def lane(self, organization: str) -> str:
        """The credential that serves this organization."""
        return "" if self.setting.one_for_all else organization

    def troubles(self, organization: str) -> list[Trouble]:
        """Those that hit the lane of this organization."""
        return [
            one
            for one in self.setting.troubles
            if one.organization in {None, organization} or self.setting.one_for_all
        ]

    def is_good(self, chat: Chat) -> bool:
        """Whether LiveChat in order does all that is asked for this chat."""
        return chat.bad is None and self.setting.bad_tag not in chat.tags

    @property
    def like_a_limit(self) -> bool:
        """Whether so many chats are answered 429 forever that a lane takes them for a limit."""
        return sum(chat.bad == "too_many_requests" for chat in self.setting.chats) > MANY

    @property
    def seen(self) -> Counter[str]:
        parked = Counter(
            f"parked {record['error_type']}" for _, topic, record in self.topics.records if topic == "p"
        )
        return self.livechat.seen + parked + Counter({"removed by a person": len(self.livechat.removed)})


class _State:
    """The part of a partition that the worker uses."""

    def __init__(self, settled: dict[str, float], livechat: LiveChat) -> None:
        self._settled, self._livechat = settled, livechat
        self.jobs: dict[int, Job] = {}

    def completed(self, job_id: int, chat: Any, now_ms: int) -> Job:
        job = self.jobs[job_id]
        complete = isinstance(chat, dict)
        return replace(job, incomplete=None, conversation=replace(job.conversation, complete=complete))

    def removed(self, _: ThreadKey) -> tuple[str, ...]:
        return ()

    def sets(self, *_: Any) -> None:
        """What is about to be set matters to the real one only."""

    def settled(self, job_id: int, *_: Any, **__: Any) -> None:
        self._settled[self.jobs[job_id].thread.chat_id] = self._livechat.now()


class _Silent:
    """A logger that writes nothing, but raises the tagger's exceptions, which end the history."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: Any, exc_info: BaseException | None = None, **__: Any) -> None:
        if exc_info is not None:
            raise exc_info


def silent() -> ExitStack:
    patches = ExitStack()
    for module in (worker_module, settle_module):
        patches.enter_context(patch.object(module, "log", _Silent()))
    return patches


def play(setting: Setting) -> History:
    with silent():
        history: History = run(_play(setting))
        return history


async def _play(setting: Setting) -> History:
    loop = asyncio.get_running_loop()
    livechat = LiveChat(setting)
    topics = Topics(livechat)
    who = File(livechat, setting.organizations)
    single = ForAll(Token(livechat, setting.organizations[0]))
    client = Client(
        single if setting.one_for_all else who,
        clock=loop.time,
        rng=Random(setting.seed),
        transport=livechat,
    )
    settled: dict[str, float] = {}
    state = _State(settled, livechat)
    assigned: Any = SimpleNamespace(tp=TopicPartition("w", 0), state=state)
    rulebook: Any = SimpleNamespace(rules=(), pieces=partial(_pieces, livechat))
    names: Any = {"kafka_decisions_topic": "d", "kafka_parked_topic": "p"}
    worker = Worker(
        Settle(
            lambda: rulebook, client, cast(Producer, topics), METRICS, KafkaSettings(**names), dry_run=False
        ),
        client,
        cast(Recall, NothingRemoved()),
        "w",
        METRICS,
    )

    async def one(number: int, chat: Chat) -> None:
        await asyncio.sleep(chat.at)
        thread = ThreadKey(chat.organization, chat.id, "T")
        why = "no_beginning" if chat.incomplete else None
        state.jobs[number] = job = Job(number, "end", thread, number, 0, Conversation(thread, ()), why)
        await worker.settle(assigned, job)

    tasks = [asyncio.create_task(one(number, chat)) for number, chat in enumerate(setting.chats)]
    over = max([chat.at for chat in setting.chats] + [trouble.end for trouble in setting.troubles])
    _, late = await asyncio.wait(tasks, timeout=over + PATIENCE_S)
    for task in late:
        task.cancel()
    history = History(setting, livechat, topics, settled, len(client.standings()), livechat.now())
    await client.close()
    for task in tasks:
        if task not in late:
            task.result()
    return history


def _pieces(livechat: LiveChat, conversation: Conversation, _: int) -> Generator[int, None, Decision]:
    """Decide in one piece."""
    yield from ()
    return Decision(livechat.chats[conversation.thread.chat_id].tags, (), (), "hash")
