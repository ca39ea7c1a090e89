"""Partitions as `tagger run` drives them, without Kafka and LiveChat: folded, decided, settled."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import orjson

from ingest.topic import record_key
from tagger.core.limits import Limits
from tagger.core.matching.decide import Decider
from tagger.core.partition.partition import Partition
from tagger.core.rules.model import Keyword, Rule, RuleSet
from tagger.kafka.consumer import JOBS_MAX
from tagger.kafka.polling import POLL_RECORDS_MAX
from tests.bench.tagger.chats import RECORDS, RULES, Talk, order, webhook

CHAT_MESSAGES: Final = RECORDS - 1
BYTES_MAX: Final = 16 << 30  # nothing is evicted
SLOTS: Final = 1_000  # chats that are made once; others have the same words and other ids


class Setting(NamedTuple):
    """What grows."""

    open_chats: int = 10_000  # that stay open meanwhile
    keywords: int = 1_000
    partitions: int = 6
    organizations: int = 40


class Record(NamedTuple):
    """As aiokafka gives it, as far as it is read."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes


class Tagger:
    """The partitions of one member."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        talk = Talk(setting.keywords)
        rules = (
            Rule(
                f"rule-{number}",
                f"Tag {number}",
                any=tuple(Keyword(word, word) for word in talk.keywords[number::RULES]),
            )
            for number in range(RULES)
        )
        self._decider = Decider.compile(RuleSet(tuple(rules), "hash"))
        self._partitions = [_assigned() for _ in range(setting.partitions)]
        self._offsets = [0] * setting.partitions  # of the next record that is made
        self._folded = [0] * setting.partitions
        self.settled = 0  # chats
        self._now_ms = time.time_ns() // 1_000_000
        self._next = 0  # number of the next chat
        # By number of the chat (modulo SLOTS) and of the record, with marks for what differs.
        self._bodies = [[_marked(talk, slot, number) for number in range(RECORDS)] for slot in range(SLOTS)]
        self.open_chats(setting.open_chats)

    def open_chats(self, count: int) -> float:
        """Fold so many chats that do not end; the longest step in seconds of CPU time."""
        longest = 0.0
        numbers, self._next = range(self._next, self._next + count), self._next + count
        made = (
            self._record(chat, number)
            for at in range(0, count, SLOTS)
            for number in range(CHAT_MESSAGES)
            for chat in numbers[at : at + SLOTS]
        )
        while batch := list(islice(made, POLL_RECORDS_MAX)):
            longest = max(longest, *self._fold(batch))
        return longest

    def chats(self, count: int) -> list[tuple[int, Record]]:
        """Records of chats that come and end, each with its partition."""
        numbers, self._next = range(self._next, self._next + count), self._next + count
        return [self._record(chat, number) for chat, number in order(numbers, 10)]

    def work(self, records: Sequence[tuple[int, Record]]) -> None:
        """Fold them; decide and settle what ended."""
        for at in range(0, len(records), POLL_RECORDS_MAX):
            for _ in self._fold(records[at : at + POLL_RECORDS_MAX]):
                pass
            for state in self._partitions:
                for job in state.jobs(JOBS_MAX):
                    decision = self._decider.decide(job.conversation, job.ended_at_ms)
                    state.settled(job.id, frozenset(decision.tags), decision.rules)
                    self.settled += 1

    def accounted(self) -> int:
        """Bytes that the partitions account for."""
        return sum(state.stats().bytes for state in self._partitions)

    def _fold(self, batch: Iterable[tuple[int, Record]]) -> Iterator[float]:
        """One poll, and what is done beside it; the CPU time of each step in seconds."""
        polled: dict[int, list[Record]] = {}
        for partition, record in batch:
            polled.setdefault(partition, []).append(record)
        self._now_ms += 250
        for partition, records in polled.items():
            began = time.thread_time()
            self._partitions[partition].receive(records, self._now_ms)
            self._folded[partition] = records[-1].offset + 1
            yield time.thread_time() - began
        for partition, state in enumerate(self._partitions):
            began = time.thread_time()
            state.tick(self._now_ms, self._folded[partition], self._folded[partition])
            state.committable()
            yield time.thread_time() - began

    def _record(self, chat: int, number: int) -> tuple[int, Record]:
        setting, partition = self._setting, chat % self._setting.partitions
        organization = f"{chat % setting.organizations:08x}-3e0f-4a68-8c47-b2f6a90e51d3"
        body = self._bodies[chat % SLOTS][number]
        mark = b"%09d" % chat
        value = body.replace(b"@@@@@@@@@", mark).replace(_ORGANIZATION, organization.encode())
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        key = record_key(organization, f"SRC{chat:09d}")
        return partition, Record(offset, self._now_ms, key, value)


_ORGANIZATION: Final = b"ORGANIZATION"


def _marked(talk: Talk, chat: int, number: int) -> bytes:
    """A webhook with marks for the number of the chat and the organization."""
    one = webhook(talk, chat, number)
    digits = b"%07d" % chat
    marked = one.body.replace(b"SRC" + digits, b"SRC@@@@@@@@@").replace(b"SRT" + digits, b"SRT@@@@@@@@@")
    marked = marked.replace(b"8059-%012d" % chat, b"8059-000@@@@@@@@@")
    envelope = orjson.loads(marked)
    envelope["organization_id"] = _ORGANIZATION.decode()
    return orjson.dumps(envelope)


def _assigned() -> Partition:
    """A partition that reads its log from the start, live."""
    limits = Limits(replay_records_max=1 << 40, chat_age_s_max=1 << 30, chat_idle_s_max=1 << 30)
    partition = Partition(limits)
    partition.begin(None, "", 0, 0, bytes_max=BYTES_MAX)
    partition.sought()
    return partition
