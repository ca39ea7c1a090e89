"""Whether the committed offsets tell the truth: the topics are read beside the taggers and held against them."""

import asyncio
from typing import NamedTuple, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tagger.core.partition.offsets import Hint, decode
from tagger.simulator.stage.stage import PARTITIONS, Names
from tests.deadline import DEADLINE_S


class Group(NamedTuple):
    """What the group has committed of one partition."""

    offset: int
    metadata: str

    @property
    def hint(self) -> Hint:
        hint = decode(self.metadata)
        assert isinstance(hint, Hint), self.metadata
        return hint


class Look(NamedTuple):
    """One look at everything. Records are (partition, offset)."""

    untrue: list[tuple[int, int]]  # ends below the committed offset of which no decision tells
    went_back: list[tuple[int, int, int]]  # (partition, offset at the look before, offset now)
    lag: int  # records from the committed offsets to the ends


class Truth:
    """An async context manager. Keeps the ends of all threads and the threads that were decided."""

    def __init__(self, bootstrap: str, names: Names) -> None:
        self._names = names
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._webhooks = [TopicPartition(names.webhooks, number) for number in range(PARTITIONS)]
        self._decisions = [TopicPartition(names.decisions, number) for number in range(PARTITIONS)]
        self._ends: dict[tuple[int, int], str] = {}  # (partition, offset) → thread
        self._committed: dict[TopicPartition, int] = {}
        self.decided: dict[str, int] = {}  # thread → its decisions

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await self._admin.start()
        self._consumer.assign(self._webhooks + self._decisions)
        for tp in self._consumer.assignment():
            self._consumer.seek(tp, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def look(self) -> Look:
        """First the offsets, then the topics: what is decided later does not excuse an offset."""
        committed = {tp: group.offset for tp, group in (await self.committed()).items()}
        ends = await self._read_on()
        untrue = [
            (number, offset)
            for (number, offset), thread in self._ends.items()
            if offset < committed[TopicPartition(self._names.webhooks, number)] and thread not in self.decided
        ]
        went_back = [
            (tp.partition, before, committed[tp])
            for tp, before in self._committed.items()
            if committed[tp] < before
        ]
        self._committed = committed
        return Look(untrue, went_back, sum(ends[tp] - max(committed[tp], 0) for tp in self._webhooks))

    async def true_lag(self) -> dict[int, int]:
        """By partition: records from the oldest end that is not decided to the log's end; 0 where all are."""
        log_ends = await self._read_on()
        return {
            tp.partition: log_ends[tp]
            - min(
                (
                    offset
                    for (number, offset), thread in self._ends.items()
                    if number == tp.partition and thread not in self.decided
                ),
                default=log_ends[tp],
            )
            for tp in self._webhooks
        }

    async def committed(self) -> dict[TopicPartition, Group]:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    found = await self._admin.list_consumer_group_offsets(
                        self._names.group, partitions=self._webhooks
                    )
                    return {tp: Group(found[tp].offset, found[tp].metadata) for tp in self._webhooks}
                except (KafkaError, KeyError, AttributeError):  # the broker is away, or has just come back
                    await asyncio.sleep(0.2)

    async def _read_on(self) -> dict[TopicPartition, int]:
        """Read to the present ends, which are returned."""
        async with asyncio.timeout(DEADLINE_S):
            ends: dict[TopicPartition, int] = await self._consumer.end_offsets(
                self._webhooks + self._decisions
            )
            while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):
                for tp, records in (await self._consumer.getmany(timeout_ms=200)).items():
                    for record in records:
                        self._take(tp, record.offset, orjson.loads(record.value))
            return ends

    def _take(self, tp: TopicPartition, offset: int, value: dict[str, str | dict[str, str]]) -> None:
        if tp.topic == self._names.decisions:
            thread = str(value["thread_id"])
            self.decided[thread] = self.decided.get(thread, 0) + 1
        elif value["action"] == "chat_deactivated":
            payload = value["payload"]
            assert isinstance(payload, dict)
            self._ends[tp.partition, offset] = payload["thread_id"]
