"""A chat of the past: what was said, what was decided, and what people corrected. Pure.

`backtest`, `stats`, `suggest` and `retag` read chats in this shape, whatever source they come from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Reason


class Place(NamedTuple):
    """Where the record that caused a decision stands: the end of the thread, a late event or an expiry."""

    topic: str
    partition: int
    offset: int


class PastDecision(NamedTuple):
    """A record of `livechat.decisions`, as far as a review needs it."""

    tags: tuple[str, ...]  # what the conversation called for
    because: tuple[Reason, ...]
    outcome: str  # see `records.decision.Outcome`; text, because a later version may write others
    config: str  # hash of the keyword set that decided
    messages: int
    ended_at_ms: int
    settled_at_ms: int
    place: (
        Place | None
    )  # None: the thread was decided without a record: by `reconcile`, `parked retry` or `retag`
    held_back: tuple[str, ...] = ()  # called for, but not to be set: a person removed it, or had it removed
    untagged: tuple[str, ...] = ()  # tags that `retag` removed
    began_at_ms: int | None = None  # when `retag` sent its first call for the thread; None: another decision
    reasons_omitted: bool = False  # `because` is not all of it


class Correction(NamedTuple):
    """A tag that a person set or removed."""

    tag: str
    change: Literal["added", "removed"]
    at_ms: int
    place: Place | None = None  # of the webhook that told it


@dataclass(frozen=True, slots=True)
class PastChat:
    """One ended thread."""

    thread: ThreadKey
    ended_at_ms: int
    # What was said; None where only the decision is known. `complete` is False where its beginning is missing.
    conversation: Conversation | None = None
    decisions: tuple[PastDecision, ...] = ()  # oldest first; of several for one place only the newest
    corrections: tuple[Correction, ...] = ()  # by people, oldest first
    tags: frozenset[str] | None = None  # on the thread when LiveChat was asked; None: it was not
    told: tuple[Correction, ...] = ()  # what LiveChat told of tags, by whomever, oldest first


def called_for(decisions: Iterable[PastDecision]) -> frozenset[str]:
    """Return the tags that decisions on one thread, oldest first, called for, without those that `retag` removed since."""
    tags = set[str]()
    for made in decisions:
        tags = (tags | {*made.tags}) - {*made.untagged}
    return frozenset(tags)
