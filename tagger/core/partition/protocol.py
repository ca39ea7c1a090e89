"""What a partition and the shell around it say to each other. Plain data.

The shell turns `Seek` into a call of the Kafka client, and `Job` into calls of LiveChat. None of it shows chat
text in its repr.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from tagger.core.conversation import Conversation, ThreadKey

Kind = Literal[
    "end",  # the thread ended
    "late",  # something came after the end and may call for more tags
    "expired",  # the thread expired, and nothing in the log says whether it ended: ask LiveChat
    "unreadable",  # a record that nobody can read: nothing to decide, park it for a person
]


class Record(Protocol):
    """One record of the topic, as the Kafka client hands it over."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; below 0 where the record has none."""
        ...

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Seek:
    """Read on from this offset."""

    offset: int


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do. It holds the committed offset until it is settled."""

    id: int  # unique within the partition object, never used again
    kind: Kind
    thread: ThreadKey  # thread_id is "" for what is unreadable
    offset: int  # of the record that made the job; the lowest where it answers for several
    ended_at_ms: int  # that record's time
    conversation: Conversation = field(repr=False)
    incomplete: str | None = None  # why LiveChat must be asked before deciding; None: decide on it as it is
    decided: frozenset[str] = frozenset()  # tags that earlier decisions on this thread called for
    last_offset: int = -1  # of the last record that it answers for


@dataclass(frozen=True, slots=True)
class AskAgain:
    """LiveChat still calls the thread active: ask again then."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class NotGiven:
    """LiveChat does not give us the chat."""

    reason: str


@dataclass(frozen=True, slots=True)
class Committable:
    """What may be committed now: both in one commit, never one without the other."""

    offset: int
    metadata: str
