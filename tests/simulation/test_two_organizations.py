"""One of two organizations in a partition fails for a quarter of an hour: the other must not notice.

The real partition, worker and client run on virtual time, so seconds here do not depend on the machine.
"""

import asyncio
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import orjson
from aiokafka import TopicPartition

from ingest.runtime.kafka import KafkaSettings
from tagger.core.limits import Limits
from tagger.core.matching.decide import Decision
from tagger.core.partition.partition import Partition
from tagger.kafka.recall import Recall
from tagger.livechat.client import Client
from tagger.service.settle import Settle
from tagger.service.worker import Worker
from tests.removals import NothingRemoved
from tests.simulation.calls.history import METRICS, silent
from tests.simulation.calls.setting import Chat, Setting, Trouble
from tests.simulation.calls.virtual import run
from tests.simulation.calls.world import File, LiveChat, Topics
from tests.simulation.world import START_MS
from tests.webhooks import Record, chat_deactivated, get_chat, incoming_chat

FAILS_S: Final = 60.0  # from this time on the token of `big` is refused
ENDS_S: Final = 900.0  # its chats would be parked a little later
JOBS_MAX: Final = 40
LIMITS: Final = Limits(unsettled_max=60)
BIG_A_SECOND: Final = 3
SMALL_EVERY_S: Final = 5


def chats() -> list[Chat]:
    ends = [
        Chat("big", f"B{number}", number / BIG_A_SECOND, ("t",))
        for number in range(int(ENDS_S) * BIG_A_SECOND)
    ]
    ends += [
        Chat("small", f"S{number}", number * SMALL_EVERY_S, ("t",))
        for number in range(int(ENDS_S) // SMALL_EVERY_S)
    ]
    return sorted(ends, key=lambda chat: chat.at)


def always() -> Generator[int, None, Decision]:
    """Decide at once that the chat calls for the tag `t`."""
    yield from ()
    return Decision(("t",), (), (), "hash")


@dataclass(slots=True)
class Seen:
    """What could be seen of the partition, second by second."""

    most_under_way: Counter[str] = field(default_factory=Counter)
    paused: int = 0
    most_waiting: int = 0


class Tagger:
    """One partition with its worker, as the consumer drives them."""

    def __init__(self, livechat: LiveChat, setting: Setting) -> None:
        loop = asyncio.get_running_loop()
        self.livechat, self.seen = livechat, Seen()
        self.topics = Topics(livechat)
        self.client = Client(
            File(livechat, setting.organizations), clock=loop.time, rng=Random(1), transport=livechat
        )
        rulebook: Any = SimpleNamespace(rules=(), pieces=lambda *_: always())
        names: Any = {"kafka_decisions_topic": "d", "kafka_parked_topic": "p"}
        topics: Any = self.topics
        settle = Settle(lambda: rulebook, self.client, topics, METRICS, KafkaSettings(**names), dry_run=False)
        self.worker = Worker(settle, self.client, cast(Recall, NothingRemoved()), "w", METRICS)
        self.partition = Partition(LIMITS)
        self.partition.begin(None, "", 0, 0, bytes_max=1 << 30)
        self.partition.sought()
        self.assigned: Any = SimpleNamespace(tp=TopicPartition("w", 0), state=self.partition, closed=False)
        self.under_way: dict[asyncio.Task[None], str] = {}
        self.log: list[Record] = []
        self.folded = 0

    def ends(self, chat: Chat) -> None:
        """Append the chat's beginning and end to the log."""
        began = get_chat("T", chat=chat.id, of=[], active=True, created_at="2033-01-01T00:00:00Z")
        for value in (
            incoming_chat(began, chat.organization),
            chat_deactivated(chat.id, "T", chat.organization),
        ):
            at_ms = START_MS + int(chat.at * 1000)
            self.log.append(Record(len(self.log), at_ms, None, orjson.dumps(value)))

    def beat(self) -> None:
        """Do what the consumer does every second."""
        now_ms = START_MS + int(self.livechat.now() * 1000)
        if not self.partition.paused:
            self.partition.receive(self.log[self.folded :], now_ms)
            self.folded = len(self.log)
        self.partition.tick(now_ms, len(self.log), self.folded)
        self.pump()
        self.seen.paused += self.partition.paused
        self.seen.most_waiting = max(self.seen.most_waiting, self.partition.stats().unsettled)

    def pump(self) -> None:
        for job in self.partition.jobs(JOBS_MAX - len(self.under_way)):
            task = asyncio.create_task(self.worker.settle(self.assigned, job))
            self.under_way[task] = job.thread.organization
            task.add_done_callback(self._done)
        self.seen.most_under_way |= Counter(self.under_way.values())

    def _done(self, task: asyncio.Task[None]) -> None:
        del self.under_way[task]
        if not task.cancelled():
            task.result()
            self.pump()


async def quarter_of_an_hour(*, fails: bool) -> tuple[Seen, dict[str, list[float]]]:
    """Return what was seen, and how long each organization's chats waited from their end to their tag."""
    all_chats = chats()
    trouble = Trouble("revoked", FAILS_S, ENDS_S, "big", 1.0, "authentication", None)
    setting = Setting(1, ["big", "small"], False, all_chats, [trouble] if fails else [])
    livechat = LiveChat(setting)
    tagger = Tagger(livechat, setting)
    came = iter([*all_chats, None])
    chat = next(came)
    while livechat.now() < ENDS_S:
        while chat is not None and chat.at <= livechat.now():
            tagger.ends(chat)
            chat = next(came)
        tagger.beat()
        await asyncio.sleep(1)
    for task in tagger.under_way:
        task.cancel()
    await tagger.client.close()
    waits: dict[str, list[float]] = {"big": [], "small": []}
    for one in all_chats:
        if (one.id, "t") in livechat.tags:
            waits[one.organization].append(livechat.tags[one.id, "t"] - one.at)
    return tagger.seen, waits


def test_an_organization_whose_jobs_are_never_settled_holds_its_share_and_delays_nobody() -> None:
    with silent():
        _, well = run(quarter_of_an_hour(fails=False))
        seen, waits = run(quarter_of_an_hour(fails=True))
    assert len(waits["big"]) < 0.1 * len(well["big"])
    assert len(waits["small"]) == len(well["small"]) == len(range(0, int(ENDS_S), SMALL_EVERY_S))
    assert max(waits["small"]) <= max(well["small"]) + 1.0
    assert seen.most_under_way["big"] <= JOBS_MAX // 2
    assert seen.paused == 0
    assert seen.most_waiting > 10 * LIMITS.unsettled_max
