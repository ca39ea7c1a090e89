"""Whether the committed offsets tell the truth: the topics are read beside the taggers and held against them."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

import orjson
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tagger.core.partition.offsets import Hint, decode
from tagger.simulator.stage.stage import Names
from tests.deadline import DEADLINE_S
from tests.faults.topics import ASK_S, Topics, offset_of, place_of
from tests.faults.webhook import Webhook

AGAIN_S: Final = 0.2
LOOKS_KEPT_MAX: Final = 10_000  # for stories; one is 200 bytes


class Group(NamedTuple):
    """What the group has committed of one partition; offset -1 where that is nothing."""

    offset: int
    metadata: str


class Stored(NamedTuple):
    """A webhook on the topic. `at` is the wall clock's time, in seconds."""

    webhook: Webhook
    partition: int
    offset: int
    at: float


class Told(NamedTuple):
    """A record of a thread on the topic of decisions or of parked items."""

    at: float
    parked: bool
    value: dict[str, Any]


class Look(NamedTuple):
    """One look at everything. Records are (partition, offset)."""

    untrue: list[tuple[int, int]]  # ends below the committed offset of which no decision tells
    went_back: list[tuple[int, int, int]]  # (partition, offset at the look before, offset now)
    lag: int  # records from the committed offsets to the ends


class Truth:
    """An async context manager. Keeps what was stored and what was told of every thread.

    Each question raises TimeoutError where Kafka is away for too long.
    """

    def __init__(self, bootstrap: str, names: Names) -> None:
        self._names = names
        self._topics = Topics(bootstrap, (names.webhooks, names.decisions, names.parked))
        # Not librdkafka's Python: it reads beyond the end of metadata.
        self._admin = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap, request_timeout_ms=int(ASK_S * 1000), metadata_max_age_ms=1000
        )
        self._one_at_a_time = asyncio.Lock()
        self._ends: dict[tuple[int, int], str] = {}  # (partition, offset) → thread
        self._committed: dict[int, int] = {}
        self.stored: dict[str, list[Stored]] = {}  # by thread, as they lie in their partitions
        self.told: dict[str, list[Told]] = {}
        self.given_up: set[str] = set()  # threads that may be committed though nobody decided them
        self.looks: deque[tuple[float, dict[int, int]]] = deque(maxlen=LOOKS_KEPT_MAX)  # when, committed

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._one_at_a_time:
            await asyncio.to_thread(self._topics.close)
            await self._admin.close()

    @property
    def decided(self) -> dict[str, int]:
        """By thread, how many decisions there are."""
        counts = {thread: sum(not told.parked for told in all_told) for thread, all_told in self.told.items()}
        return {thread: count for thread, count in counts.items() if count}

    async def look(self) -> Look:
        """First the offsets, then the topics: what is decided later does not excuse an offset."""
        async with self._one_at_a_time:
            found = await self._ask_committed()
            ends = await self._read_on()
        committed = {partition: group.offset for partition, group in found.items()}
        untrue = [
            (partition, offset)
            for (partition, offset), thread in self._ends.items()
            if offset < committed.get(partition, -1) and thread not in self.told.keys() | self.given_up
        ]
        went_back = [
            (partition, before, committed.get(partition, -1))
            for partition, before in self._committed.items()
            if committed.get(partition, -1) < before
        ]
        self._committed = committed
        self.looks.append((time.time(), committed))
        lag = sum(end - max(committed.get(partition, 0), 0) for partition, end in ends.items())
        return Look(untrue, went_back, lag)

    def offsets_were_moved(self) -> None:
        """Somebody else did that: that they went back says nothing."""
        self._committed = {}

    async def true_lag(self) -> dict[int, int]:
        """By partition: records from the oldest end that is not decided to the log's end; 0 where all are."""
        async with self._one_at_a_time:
            log_ends = await self._read_on()
        known = self.told.keys() | self.given_up
        undecided = [place for place, thread in self._ends.items() if thread not in known]
        return {
            partition: log_end
            - min((offset for number, offset in undecided if number == partition), default=log_end)
            for partition, log_end in log_ends.items()
        }

    async def undecided(self, below: Mapping[int, int] | None = None) -> set[str]:
        """Threads that have ended and of which nothing is told, with an end below these offsets."""
        async with self._one_at_a_time:
            below = await self._read_on() | dict(below or {})
        places = [place for place, thread in self._ends.items() if thread not in self.told]
        return {self._ends[number, offset] for number, offset in places if offset < below[number]}

    async def committed(self) -> dict[int, int]:
        """By partition; -1 where nothing is."""
        async with self._one_at_a_time:
            return {partition: group.offset for partition, group in (await self._ask_committed()).items()}

    def ends(self) -> dict[str, list[tuple[int, int]]]:
        """By thread, where its ends are: (partition, offset)."""
        found: dict[str, list[tuple[int, int]]] = {}
        for place, thread in self._ends.items():
            found.setdefault(thread, []).append(place)
        return found

    async def hints(self) -> list[tuple[int, Hint]]:
        """Of each partition the committed offset and what was noted beside it."""
        async with self._one_at_a_time:
            found = await self._ask_committed()
        noted = [(group.offset, decode(group.metadata)) for group in found.values()]
        hints = [(offset, hint) for offset, hint in noted if isinstance(hint, Hint)]
        assert len(hints) == len(found), noted
        return hints

    async def _ask_committed(self) -> dict[int, Group]:
        """By partition; it asks until somebody answers."""
        topic, group = self._names.webhooks, self._names.group
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    (described,) = await self._admin.describe_topics([topic])
                    places = [TopicPartition(topic, one["partition"]) for one in described["partitions"]]
                    found = await self._admin.list_consumer_group_offsets(group, partitions=places)
                    return {tp.partition: Group(found[tp].offset, found[tp].metadata) for tp in places}
                except (KafkaError, KeyError, AttributeError):  # the broker is away, or has just come back
                    await asyncio.sleep(AGAIN_S)

    async def _read_on(self) -> dict[int, int]:
        """Read to the present ends; those of the webhooks, by partition."""
        messages, ends = await asyncio.to_thread(self._topics.read_on)
        for message in messages:
            value, at = _read(message.value()), message.timestamp()[1] / 1000
            (topic, partition), offset = place_of(message), offset_of(message)
            if topic != self._names.webhooks:
                self._take_told(Told(at, topic == self._names.parked, value))
            elif (webhook := Webhook.of(value)) is not None:
                self.stored.setdefault(webhook.thread, []).append(Stored(webhook, partition, offset, at))
                if webhook.action == "chat_deactivated":
                    self._ends[partition, offset] = webhook.thread
        return {partition: end for (topic, partition), end in ends.items() if topic == self._names.webhooks}

    def _take_told(self, told: Told) -> None:
        if told.value.get("kind", "decision") == "decision" and (thread := told.value.get("thread_id")):
            self.told.setdefault(thread, []).append(told)


def _read(value: bytes | None) -> Any:
    """What a record says; nothing where it is junk that somebody else wrote."""
    try:
        return orjson.loads(value or b"{}")
    except orjson.JSONDecodeError:
        return {}
