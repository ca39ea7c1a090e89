"""How a topic is kept: its partitions, replicas and retention. Pure.

Whether it exists, is compacted and takes our largest record is `ingest.runtime.topic_check`'s, for the services too.
The reasons are in deploy/kafka.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tagger.core.diagnosis.finding import Finding, doubtful, ok, wrong
from tagger.core.diagnosis.span import span
from tagger.core.plurals import counted

CHECK: Final = "topics"
CLEANUP = "cleanup.policy"
RETENTION, MIN_IN_SYNC = "retention.ms", "min.insync.replicas"
RETENTION_BYTES, UNCLEAN = "retention.bytes", "unclean.leader.election.enable"
NAMES: Final = (RETENTION, RETENTION_BYTES, MIN_IN_SYNC, UNCLEAN, "message.timestamp.type")
DAY_MS: Final = 86_400_000
NAMED_MAX: Final = 10  # partitions named in one sentence


@dataclass(frozen=True, slots=True)
class PartitionSeen:
    """One partition, as the cluster describes it."""

    number: int
    leader: int  # below 0: none
    replicas: int
    in_sync: int


@dataclass(frozen=True, slots=True)
class TopicSeen:
    """A topic that exists."""

    name: str
    partitions: Sequence[PartitionSeen]
    settings: Mapping[str, str] | None  # None: hidden from us

    def number(self, setting: str) -> int | None:
        """A setting that is a number; None: unknown."""
        text = (self.settings or {}).get(setting) or ""
        return int(text) if text.lstrip("-").isdecimal() else None


@dataclass(frozen=True, slots=True)
class Kept:
    """How long a topic's records are needed, in ms: below `least` something breaks, below `enough` it is a doubt."""

    least: int
    enough: int
    advised: int
    why: str  # what too short a retention does


def examined(topic: TopicSeen, kept: Kept | None, brokers: int, alter: str) -> list[Finding]:
    """All that is to be said; `alter` is the command that changes a setting, up to the setting.

    kept  None: compacted, so nothing expires
    """
    found = [*_partitions(topic), *_retention(topic, kept, alter), *_copies(topic, brokers, alter)]
    return found or [ok(CHECK, f"{topic.name}: {_described(topic)}")]


def _partitions(topic: TopicSeen) -> Iterator[Finding]:
    leaderless = [one.number for one in topic.partitions if one.leader < 0]
    if leaderless:
        text = f"{_numbers(topic.name, leaderless)} without a leader, so nothing can be read or written there"
        yield wrong(CHECK, text, "start the brokers that hold a replica, or look why they do not lead")
    least = topic.number(MIN_IN_SYNC) or 1
    short = [one.number for one in topic.partitions if one.leader >= 0 and one.in_sync < least]
    if short:
        which = _numbers(topic.name, short)
        text = f"{which} with fewer replicas in sync than {MIN_IN_SYNC} ({least}): all writes are refused"
        yield wrong(
            CHECK, text, "start the brokers that are missing, and wait until their replicas are in sync"
        )


def _retention(topic: TopicSeen, kept: Kept | None, alter: str) -> Iterator[Finding]:
    held_ms, most = topic.number(RETENTION), topic.number(RETENTION_BYTES)
    if kept is None or held_ms is None:
        return
    if 0 <= held_ms < kept.enough:
        say = wrong if held_ms < kept.least else doubtful
        text = f"{topic.name} keeps records for {span(held_ms)} only: {kept.why}"
        yield say(CHECK, text, f"{alter} {RETENTION}={kept.advised}")
    if most is not None and most >= 0:
        text = f"{topic.name} keeps {most:,} bytes a partition at most ({RETENTION_BYTES}), which may be reached first"
        yield doubtful(CHECK, text, f"{alter} {RETENTION_BYTES}=-1")


def _copies(topic: TopicSeen, brokers: int, alter: str) -> Iterator[Finding]:
    replicas = min((one.replicas for one in topic.partitions), default=0)
    least = topic.number(MIN_IN_SYNC)
    if replicas == 1 and brokers > 1:
        text = f"{topic.name} has one copy of each record, though there are {brokers} brokers"
        yield doubtful(
            CHECK, text, "raise it to 3 replicas (kafka-reassign-partitions.sh) and min.insync.replicas 2"
        )
    elif replicas > 1 and least == 1:
        text = f"{topic.name} counts a record as stored once one broker has it ({MIN_IN_SYNC} 1)"
        yield doubtful(CHECK, text, f"{alter} {MIN_IN_SYNC}=2")
    elif replicas > 1 and least is not None and least >= replicas:
        text = f"{topic.name} accepts no record while one of its {replicas} replicas is away ({MIN_IN_SYNC} {least})"
        yield doubtful(CHECK, text, f"{alter} {MIN_IN_SYNC}={replicas - 1}")
    if (topic.settings or {}).get(UNCLEAN) == "true" and replicas > 1:
        text = f"{topic.name} lets a replica lead that lags behind ({UNCLEAN}), which loses records"
        yield doubtful(CHECK, text, f"{alter} {UNCLEAN}=false")


def _described(topic: TopicSeen) -> str:
    replicas = min((one.replicas for one in topic.partitions), default=0)
    parts = [
        counted(len(topic.partitions), "partition"),
        f"{replicas} {'copy' if replicas == 1 else 'copies'} of each record",
    ]
    if "compact" in (topic.settings or {}).get(CLEANUP, ""):
        parts.append("compacted")
    elif (held_ms := topic.number(RETENTION)) is not None:
        parts.append(f"kept for {span(held_ms)}" if held_ms >= 0 else "kept for good")
    return ", ".join(parts)


def _numbers(topic: str, numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:NAMED_MAX])) + (", …" if len(numbers) > NAMED_MAX else "")
    return f"partition {named} of {topic} is" if len(numbers) == 1 else f"partitions {named} of {topic} are"
