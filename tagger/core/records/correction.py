"""What people corrected, on the topic of decisions: a tag that they set or removed. Pure.

A correction is written for every tag that LiveChat says was removed, and for every one set that no decision known at
that moment called for. What the tagger remembers of its decisions ends with a thread's time in memory and with the
process, so two things are left to readers, who have all decisions at hand:

- a tag `added` that some decision on the thread called for was not added by a person;
- a tag `removed` corrects a decision if one on the thread called for it; otherwise a person took back their own.

Readers de-duplicate by (`topic`, `partition`, `offset`) as for decisions. Whoever removed a tag, it is not set again
on that thread: `Removals` is that rule for everyone who reads the topic.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from tagger.core.conversation import ThreadKey
from tagger.core.records.decision import FORMAT, Source, json_object, rfc3339, source_fields, thread_fields
from tagger.core.threads.facts import Change
from tagger.core.threads.removed import with_all

THREADS_MAX: Final = 500_000  # with tags removed, about 400 bytes each


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


class Removals:
    """The tags that people removed from each thread, as the corrections on the topic say."""

    def __init__(self, *, one_for_all: bool = False) -> None:
        """`one_for_all`: one credential serves every organization, under any name."""
        self._one_for_all = one_for_all
        self._tags: dict[tuple[str, str, str], tuple[str, ...]] = {}
        self.full = False  # there are more threads than can be kept

    def take(self, value: bytes | None) -> None:
        """Take one record of the topic; skip what is not a removal."""
        if (
            value is not None and b'"correction"' in value
        ):  # most are decisions, which need not be read for this
            self.note(json_object(value) or {})

    def note(self, record: dict[str, Any]) -> None:
        """As `take`, of a record that was read."""
        if record.get("kind") != "correction" or record.get("change") != "removed":
            return
        names = [record.get(name) for name in (*ThreadKey._fields, "tag")]
        if not all(isinstance(name, str) for name in names):
            return
        key = self._key(ThreadKey(*names[:3]))  # type: ignore[arg-type]  # they are texts
        if key not in self._tags and len(self._tags) >= THREADS_MAX:
            self.full = True
            return
        self._tags[key] = with_all(self._tags.get(key, ()), (record["tag"],))

    def of(self, thread: ThreadKey) -> tuple[str, ...]:
        """Return the tags that people removed from a thread."""
        return self._tags.get(self._key(thread), ())

    def _key(self, thread: ThreadKey) -> tuple[str, str, str]:
        return ("" if self._one_for_all else thread.organization, thread.chat_id, thread.thread_id)
