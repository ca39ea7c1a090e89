"""What people corrected, on the topic of decisions: a tag that they set or removed. Pure.

A correction is written for every tag that LiveChat says was removed, and for every one set that no decision known at
that moment called for. What the tagger remembers of its decisions ends with a thread's time in memory and with the
process, so two things are left to readers, who have all decisions at hand:

- a tag `added` that some decision on the thread called for was not added by a person;
- a tag `removed` corrects a decision if one on the thread called for it; otherwise a person took back their own;
- a tag `removed` while `tagger retag` removed it (`untagged` in a decision) was not removed by a person.

Readers de-duplicate by (`topic`, `partition`, `offset`) as for decisions. A tag that a person removed is not set again
on that thread: `Removals` is that rule for everyone who reads the topic. `core.review.authorship` tells all of it from
a thread's whole history.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final, TypeVar

from tagger.core.conversation import ThreadKey
from tagger.core.records.decision import FORMAT, Source, json_object, rfc3339, source_fields, thread_fields
from tagger.core.records.past import past_of
from tagger.core.review.authorship import Span
from tagger.core.review.past_chat import Correction, PastDecision
from tagger.core.threads.facts import Change
from tagger.core.threads.removed import TAGS_MAX, with_all

T = TypeVar("T")

THREADS_MAX: Final = 500_000  # with tags removed, about 400 bytes each
# Of one tag of a thread. With more removals than `retag` can account for, a person removed it in any case.
REMOVALS_MAX: Final = 20
SPANS_MAX: Final = REMOVALS_MAX - 1


def correction_record(
    thread: ThreadKey, tag: str, change: Change, source: Source, at_ms: int
) -> dict[str, Any]:
    """Make a record of a tag that somebody set or removed at this time (Unix, ms)."""
    return {
        "kind": "correction",
        "format": FORMAT,
        **thread_fields(thread),
        "tag": tag,
        "change": change,
        "at": rfc3339(at_ms),
        **source_fields(source),
    }


def allowed(tags: Iterable[str], removed: Collection[str]) -> list[str]:
    """Return the tags that may be set, in their order: those that nobody removed."""
    return [tag for tag in tags if tag not in removed]


def is_of_concern(value: bytes | None) -> bool:
    """Return whether a record may tell of a removed tag; most are decisions, which need not be read for this."""
    return value is not None and (b'"correction"' in value or b'"untagged"' in value)


class Removals:
    """The tags that must not be set again on each thread: what people removed, or had `retag` remove on purpose.

    Records may come in any order. A removal that LiveChat told of when `retag` removed that tag is not a person's.
    """

    def __init__(self, *, one_for_all: bool = False) -> None:
        """`one_for_all`: one credential serves every organization, under any name."""
        self._one_for_all = one_for_all
        self._known: dict[tuple[str, str, str], _OfThread] = {}
        self.full = False  # there are more threads than can be kept

    def take(self, value: bytes | None) -> None:
        """Take one record of the topic; skip what is of no concern, which need not even be read."""
        if is_of_concern(value):
            self.note(json_object(value) or {})

    def note(self, record: dict[str, Any]) -> None:
        """As `take`, of a record that was read."""
        if record.get("change") != "removed" and "untagged" not in record:
            return
        past = past_of(record)
        if isinstance(past, str):
            return
        key = self._key(past.thread)
        if key not in self._known and len(self._known) >= THREADS_MAX:
            self.full = True
            return
        known = self._known.setdefault(key, _OfThread())
        if isinstance(past.what, Correction):
            known.told(past.what)
        else:
            known.untagged(past.what)

    def of(self, thread: ThreadKey) -> tuple[str, ...]:
        """Return the tags that must not be set again on a thread."""
        known = self._known.get(self._key(thread))
        return () if known is None else known.tags()

    def _key(self, thread: ThreadKey) -> tuple[str, str, str]:
        return ("" if self._one_for_all else thread.organization, thread.chat_id, thread.thread_id)


class _OfThread:
    """What is known of one thread. A repeated record changes nothing."""

    __slots__ = ("_held_back", "_removed", "_spans")

    def __init__(self) -> None:
        self._removed: tuple[tuple[str, int], ...] = ()  # tag, when
        self._spans: tuple[tuple[str, Span], ...] = ()  # of our own removals
        self._held_back: tuple[str, ...] = ()

    def told(self, correction: Correction) -> None:
        self._removed = _with(self._removed, correction.tag, correction.at_ms, REMOVALS_MAX)

    def untagged(self, made: PastDecision) -> None:
        if made.began_at_ms is not None:
            span = Span.of(made.began_at_ms, made.settled_at_ms)
            for tag in made.untagged:
                self._spans = _with(self._spans, tag, span, SPANS_MAX)
            self._held_back = with_all(self._held_back, made.held_back)

    def tags(self) -> tuple[str, ...]:
        left = [*self._spans]
        removed = list[str]()
        for tag, at_ms in sorted(self._removed, key=lambda one: one[1]):
            ours = next((one for one in left if one[0] == tag and one[1].holds(at_ms)), None)
            if ours is None:
                removed.append(tag)
            else:
                left.remove(ours)
        return with_all(self._held_back, tuple(removed))


def _with(known: tuple[tuple[str, T], ...], tag: str, what: T, most: int) -> tuple[tuple[str, T], ...]:
    """Add what happened to a tag, once: to `TAGS_MAX` tags, and so many times to each of them."""
    times = sum(name == tag for name, _ in known)
    is_full = len({name for name, _ in known}) >= TAGS_MAX
    return (
        known if (tag, what) in known or times >= most or (is_full and not times) else (*known, (tag, what))
    )
