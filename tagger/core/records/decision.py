"""What goes on the topics `livechat.decisions` and `livechat.parked`. Pure.

Neither holds chat text or a person's address: a decision names the event and the position of a match,
the words stay in LiveChat. Readers of both topics de-duplicate by (topic, partition, offset); where these are
null, `reconcile` found the thread, no record of its end exists, and the record stands for itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.limits import TIME_MS_MAX
from tagger.core.matching.decide import Decision
from tagger.core.threads.fact_reader import clipped

T = TypeVar("T")

Outcome = Literal[
    "tagged",  # every tag it called for is on the thread
    "no_match",  # no rule holds
    "partial",  # something could not be fetched: judged on what was seen, without the rules that have `none`
    "late",  # a message came after the end and called for more tags
    "late_conflict",  # a message came after the end and made a `none` hold; nothing is taken back
    "parked",  # at least one tag was refused for good; see livechat.parked
    "no_credentials",  # decided, not set: nobody gave us a token of this organization
    "dry_run",  # decided, not set: TAGGER_DRY_RUN
]

# No record can be too large for its topic, whose limit is 1 MiB or more: beside its tags and reasons one has three
# ids of at most 256 bytes, which JSON may write six times as long, and some 2 KB. What is left out is counted, in
# `because_omitted` and `tags_omitted`.
RECORD_BYTES_MAX: Final = 700_000
BECAUSE_MAX: Final = 200
BECAUSE_BYTES_MAX: Final = 400_000
TAGS_BYTES_MAX: Final = 250_000  # 250 of the longest that a rule may set
REASON_BYTES_MAX: Final = 1_000
ERROR_TYPE_BYTES_MAX: Final = 100
TAG_BYTES_MAX: Final = 1_024  # 256 characters, as a rule may set: none is ever cut


@dataclass(frozen=True, slots=True)
class Source:
    """The record that made the work: the end of the thread, or the late event."""

    topic: str
    partition: int
    offset: int


def rfc3339(ms: int) -> str:
    """UTC with milliseconds, as LiveChat writes times: 2026-11-23T20:00:00.000Z; kept within what dates can name."""
    return (
        datetime.fromtimestamp(min(max(ms, 0), TIME_MS_MAX) / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


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
) -> dict[str, Any]:
    """One record of `livechat.decisions`: why a thread got its tags."""
    because = _within(
        BECAUSE_BYTES_MAX,
        [
            {
                "rule": reason.rule,
                "tag": reason.tag,
                "keyword": reason.keyword,
                "event_id": reason.event_id,
                "start": reason.start,
                "end": reason.end,
            }
            for reason in decision.because[:BECAUSE_MAX]
        ],
    )
    tags = _within(TAGS_BYTES_MAX, list(decision.tags))
    record: dict[str, Any] = {
        **_thread(thread),
        "tags": tags,
        "because": because,
        "outcome": outcome,
        "config": decision.config,
        "source": read_from,
        "messages": messages,
        **source_fields(source),
        "ended_at": rfc3339(ended_at_ms),
        "settled_at": rfc3339(settled_at_ms),
    }
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
    """One record of `livechat.parked`: one thing given up. `tag` is None where that is the whole chat.

    `last_offset` ends a range that begins at the source's offset: in it are all records that the item stands for.
    Readers tell items apart by the first offset, which is the same however often the range is parked.
    """
    record = {
        **_thread(thread),
        "tag": None if tag is None else clipped(tag, TAG_BYTES_MAX),
        "reason": clipped(reason, REASON_BYTES_MAX),
        "error_type": clipped(error_type, ERROR_TYPE_BYTES_MAX),
        "attempts": attempts,
        **source_fields(source),
        "parked_at": rfc3339(parked_at_ms),
    }
    if last_offset is not None:
        record["last_offset"] = last_offset
    return record


def outcome_of(
    tags: Iterable[str],
    *,
    complete: bool,
    late: bool,
    decided: frozenset[str],
    refused: int,
) -> Outcome:
    """The one word for what became of a thread. `decided`: the tags of an earlier judgement of it."""
    wanted = frozenset(tags)
    if refused:
        return "parked"
    if not complete:
        return "partial"
    if late:
        return "late" if decided <= wanted else "late_conflict"
    return "tagged" if wanted else "no_match"


def _thread(thread: ThreadKey) -> dict[str, str]:
    return {name: clipped(value) for name, value in thread._asdict().items()}


def _within(bytes_max: int, items: list[T]) -> list[T]:
    """As many of the first items as JSON of this size can hold."""
    for place, item in enumerate(items):
        bytes_max -= len(orjson.dumps(item)) + 1
        if bytes_max < 0:
            return items[:place]
    return items


def source_fields(source: Source | None) -> dict[str, str | int | None]:
    """Where the work came from; all None for what no record of the topic stands for."""
    if source is None:
        return {"topic": None, "partition": None, "offset": None}
    return {"topic": source.topic, "partition": source.partition, "offset": source.offset}
