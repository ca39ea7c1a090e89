"""The plain values that a partition and the shell around it exchange.

The shell turns `Seek` into a call of the Kafka client, and `Job` into calls to LiveChat. No repr shows chat text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.threads.facts import Change

Kind = Literal[
    "end",  # the thread ended
    "late",  # something came after the end and may call for more tags
    "expired",  # the thread expired and the log does not say whether it ended: ask LiveChat
    "unreadable",  # a record that cannot be read: nothing to decide, park it for a person
    "correction",  # a tag was set or removed, and not by us as far as is known: record it
]

Phase = Literal["away", "starting", "replaying", "live"]


class Record(Protocol):
    """One record of the topic, as the Kafka client delivers it."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; negative if the record has none."""

    @property
    def key(self) -> bytes | None:
        """The chat, as `topic.split_key` reads it."""

    @property
    def value(self) -> bytes | None:
        """The webhook's JSON."""


@dataclass(frozen=True, slots=True)
class Seek:
    """Read on from this offset."""

    offset: int


class Correction(NamedTuple):
    """What somebody did to a thread's tags."""

    tag: str
    change: Change


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do. It holds back the committed offset until it is settled."""

    id: int  # unique within the partition object, never reused
    kind: Kind
    thread: ThreadKey  # thread_id is "" if the record is unreadable
    offset: int  # of the record that caused the job; the lowest if it covers several
    ended_at_ms: int  # that record's time
    conversation: Conversation = field(repr=False)
    incomplete: str | None = None  # why LiveChat must be asked before deciding; None: it need not
    decided: frozenset[str] = frozenset()  # tags that earlier decisions on this thread called for
    last_offset: int = -1  # of the last record that the job covers
    rules: frozenset[str] | None = frozenset()  # that held in earlier decisions; None: not all are known
    parked: bool = False  # LiveChat refused a tag of an earlier decision for good
    correction: Correction | None = None  # what to record, if that is all
    # Tags that people removed since then (Unix time, ms) may be known to the topic of decisions alone, and are to be
    # recalled from there before a tag is set; None: all are known here.
    recall_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AskAgain:
    """LiveChat still calls the thread active: ask again at this time (Unix time, ms)."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NotGiven:
    """LiveChat refuses to give us the chat."""

    reason: str


@dataclass(frozen=True, slots=True)
class Committable:
    """What may be committed now: both together, never one without the other."""

    offset: int
    metadata: str


@dataclass(frozen=True, slots=True)
class Stats:
    """What operators see of a partition. Bytes are as accounted, times in milliseconds."""

    phase: Phase
    position: int
    replay_from: int
    threads: int  # open, lingering or unsettled
    bytes: int
    unsettled: int  # threads waiting to be settled
    unsettled_bytes: int
    oldest_unsettled: tuple[int, int] | None  # (offset, record time)
    event_time_ms: int  # the newest record's time, advanced while no record comes
    paused: bool
    counters: Mapping[tuple[str, str], int]  # (name, reason) → count since the object was created
    shed: int = 0  # threads waiting as offsets and ids only, beyond their organization's share
