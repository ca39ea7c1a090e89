"""What goes on the topics `livechat.decisions` and `livechat.parked`, but for corrections. Pure.

Neither holds chat text or a person's address: a decision names the event and position of a match; the words stay in
LiveChat. Records may be repeated. Readers de-duplicate by (`topic`, `partition`, `offset`, thread), and by `tag` on
the topic of parked items; the newest record counts. The offset alone is not enough: several threads can expire, be
evicted or get a very late event at the same offset. If it is null, `reconcile` found the thread, and the record of
its end does not exist.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.limits import TIME_MS_MAX
from tagger.core.matching.decide import Decision, Reason
from tagger.core.threads.fact_reader import clipped

T = TypeVar("T")

Outcome = Literal[
    "tagged",  # every tag it called for is on the thread, but those that a person removed (`held_back`)
    "no_match",  # no rule holds
    "partial",  # something could not be fetched: decided on what was seen, without the rules that have `none`
    "late",  # a message came after the end and called for more tags
    "late_conflict",  # a message came after the end and made a `none` hold; nothing is taken back
    "parked",  # at least one tag was refused for good; see livechat.parked
    "no_credentials",  # decided, not set: we have no token for this organization
    "dry_run",  # decided, not set: TAGGER_DRY_RUN
    "retagged",  # `tagger retag` changed its tags; `tags` are all that are ours afterwards
]

# Of decisions, corrections and parked items; a reader ignores fields that it does not know. Records without one have
# the same fields.
FORMAT: Final = 1

# No record can be too large for its topic, whose limit is at least 1 MiB: besides tags and reasons, a record has
# three ids of at most 256 bytes, which JSON may write six times as long, and some 2 KB. `because_omitted` and
# `tags_omitted` count what is left out.
RECORD_BYTES_MAX: Final = 700_000
BECAUSE_MAX: Final = 200
_BECAUSE_BYTES_MAX: Final = 350_000
_HELD_BACK_BYTES_MAX: Final = 50_000  # a person removes a handful; the rest is left out
_TAGS_BYTES_MAX: Final = 250_000  # 250 of the longest that a rule may set
_REASON_BYTES_MAX: Final = 1_000
_ERROR_TYPE_BYTES_MAX: Final = 100
_TAG_BYTES_MAX: Final = 1_024  # 256 characters, the most a rule may set: none is ever cut

# Of a reason, wherever it is written for programs.
REASON_FIELDS: Final = ("rule", "tag", "keyword", "event_id", "start", "end")


class Untagged(NamedTuple):
    """What `retag` removed from a thread, and when it sent its first call for it (Unix time, ms)."""

    tags: tuple[str, ...]
    began_at_ms: int


class Source(NamedTuple):
    """The record that caused the job: the end of the thread, a late event, or where the thread expired."""

    topic: str
    partition: int
    offset: int


def rfc3339(ms: int) -> str:
    """Write a time (Unix, ms) as LiveChat does: 2026-11-23T20:00:00.000Z. Clamped to what a date can name."""
    time = datetime.fromtimestamp(min(max(ms, 0), TIME_MS_MAX) / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_object(value: bytes | None) -> dict[str, Any] | None:
    """Read a record's value; None if it is not a JSON object."""
    try:
        read = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None  # the exception is dropped: it holds the whole document
    return read if isinstance(read, dict) else None


def decision_record(  # noqa: PLR0913 - one argument a field of the record
    thread: ThreadKey,
    decision: Decision,
    outcome: Outcome,
    source: Source | None,
    *,
    read_from: Literal["webhooks", "api"],
    messages: int,
    ended_at_ms: int,
    settled_at_ms: int,
    held_back: Collection[str] = (),
    untagged: Untagged | None = None,
) -> dict[str, Any]:
    """Make a record of `livechat.decisions`: why a thread got its tags.

    `tags` are those that the conversation calls for; `held_back`, of these, those that a person removed before, and
    that were therefore not set. Of `retag` (`untagged`), `tags` are those that are ours afterwards, and `held_back`
    those that it removed though rules may call for them.
    """
    because = _within(_BECAUSE_BYTES_MAX, reasons_json(decision.because[:BECAUSE_MAX]))
    tags = _within(_TAGS_BYTES_MAX, list(decision.tags))
    record: dict[str, Any] = {
        "kind": "decision",
        "format": FORMAT,
        **thread_fields(thread),
        "tags": tags,
        "held_back": _within(_HELD_BACK_BYTES_MAX, sorted(held_back)),
        "because": because,
        "outcome": outcome,
        "config": decision.config,
        "source": read_from,
        "messages": messages,
        **source_fields(source),
        "ended_at": rfc3339(ended_at_ms),
        "settled_at": rfc3339(settled_at_ms),
    }
    if untagged is not None:
        record |= {"untagged": _within(_HELD_BACK_BYTES_MAX, sorted(untagged.tags))}
        record |= {"began_at": rfc3339(untagged.began_at_ms)}
    if omitted := len(decision.because) - len(because):
        record["because_omitted"] = omitted
    if omitted := len(decision.tags) - len(tags):
        record["tags_omitted"] = omitted
    return record


def parked_record(  # noqa: PLR0913 - one argument a field of the record
    thread: ThreadKey,
    source: Source | None,
    *,
    tag: str | None,
    reason: str,
    error_type: str,
    attempts: int,
    parked_at_ms: int,
    last_offset: int | None = None,
) -> dict[str, Any]:
    """Make a record of `livechat.parked`: one tag given up, or the whole chat (`tag` None).

    `last_offset` ends a range that starts at the source's offset and contains all records that the item covers.
    Readers identify the item by the first offset, which stays the same if the range is parked again.
    """
    record = {
        "format": FORMAT,
        **thread_fields(thread),
        "tag": None if tag is None else clipped(tag, _TAG_BYTES_MAX),
        "reason": clipped(reason, _REASON_BYTES_MAX),
        "error_type": clipped(error_type, _ERROR_TYPE_BYTES_MAX),
        "attempts": attempts,
        **source_fields(source),
        "parked_at": rfc3339(parked_at_ms),
    }
    if last_offset is not None:
        record["last_offset"] = last_offset
    return record


def outcome_of(
    tags: Iterable[str], *, complete: bool, late: bool, decided: frozenset[str], refused: bool
) -> Outcome:
    """Name the outcome for a thread; `decided` are the tags that earlier decisions on it called for.

    What came late and calls for nothing new leaves the thread with the outcome that it has. So it does where not
    all earlier decisions are known, and none of it is `late`. `refused`: LiveChat refused a tag for good, now or
    earlier.
    """
    wanted = frozenset(tags)
    if refused:
        return "parked"
    if not complete:
        return "partial"
    if not decided <= wanted:
        return "late_conflict"
    if late and decided != wanted:
        return "late"
    return "tagged" if wanted else "no_match"


def reasons_json(because: Iterable[Reason]) -> list[dict[str, Any]]:
    """Return reasons as values for programs."""
    return [{name: getattr(each, name) for name in REASON_FIELDS} for each in because]


def thread_fields(thread: ThreadKey) -> dict[str, str]:
    """Name a thread; ids are cut where they are longer than any of LiveChat's."""
    return {name: clipped(value) for name, value in thread._asdict().items()}


def _within(bytes_max: int, items: list[T]) -> list[T]:
    """Keep as many of the first items as fit into JSON of this size."""
    for place, item in enumerate(items):
        bytes_max -= len(orjson.dumps(item)) + 1
        if bytes_max < 0:
            return items[:place]
    return items


def source_fields(source: Source | None) -> dict[str, str | int | None]:
    """Name the record that caused the job; all None if there is no such record."""
    return dict.fromkeys(Source._fields) if source is None else source._asdict()
