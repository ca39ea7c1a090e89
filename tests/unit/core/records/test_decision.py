"""The records on the topics of decisions and parked items."""

from typing import Any, Final

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.decision import (
    BECAUSE_MAX,
    RECORD_BYTES_MAX,
    Source,
    decision_record,
    outcome_of,
    parked_record,
    rfc3339,
)

THREAD = ThreadKey("org", "CHAT", "THREAD")
SOURCE = Source("livechat.webhooks", 3, 41)
REASON = Reason("refund", "Refund", "money back", "THREAD_2", 4, 14)


def a_decision(because: tuple[Reason, ...] = (REASON,)) -> Decision:
    return Decision(("Refund",), because, (), "0123456789ab")


def test_a_decision_record_has_the_fields_that_readers_rely_on() -> None:
    record = decision_record(
        THREAD,
        a_decision(),
        "tagged",
        SOURCE,
        read_from="webhooks",
        messages=5,
        ended_at_ms=0,
        settled_at_ms=1500,
        held_back=["Upset"],
    )
    assert record == {
        "kind": "decision",
        "format": 1,
        "organization": "org",
        "chat_id": "CHAT",
        "thread_id": "THREAD",
        "tags": ["Refund"],
        "held_back": ["Upset"],
        "because": [
            {
                "rule": "refund",
                "tag": "Refund",
                "keyword": "money back",
                "event_id": "THREAD_2",
                "start": 4,
                "end": 14,
            }
        ],
        "outcome": "tagged",
        "config": "0123456789ab",
        "source": "webhooks",
        "messages": 5,
        "topic": "livechat.webhooks",
        "partition": 3,
        "offset": 41,
        "ended_at": "1970-01-01T00:00:00.000Z",
        "settled_at": "1970-01-01T00:00:01.500Z",
    }


def test_reasons_beyond_the_limit_are_counted_instead_of_listed() -> None:
    record = decision_record(
        THREAD,
        a_decision((REASON,) * (BECAUSE_MAX + 7)),
        "tagged",
        SOURCE,
        read_from="api",
        messages=1,
        ended_at_ms=0,
        settled_at_ms=0,
    )
    assert len(record["because"]) == BECAUSE_MAX
    assert record["because_omitted"] == 7


def test_a_parked_record_names_the_thing_given_up_and_why() -> None:
    record = parked_record(
        THREAD, SOURCE, tag="Refund", reason="not found", error_type="not_found", attempts=4, parked_at_ms=0
    )
    assert record == {
        "format": 1,
        "organization": "org",
        "chat_id": "CHAT",
        "thread_id": "THREAD",
        "tag": "Refund",
        "reason": "not found",
        "error_type": "not_found",
        "attempts": 4,
        "topic": "livechat.webhooks",
        "partition": 3,
        "offset": 41,
        "parked_at": "1970-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("tags", "complete", "late", "decided", "refused", "outcome"),
    [
        ([], True, False, [], False, "no_match"),
        (["A"], True, False, [], False, "tagged"),
        (["A"], True, False, [], True, "parked"),
        (["A"], False, False, [], False, "partial"),
        ([], False, False, [], False, "partial"),
        (["A", "B"], True, True, ["A"], False, "late"),
        (["A"], True, True, ["A"], False, "tagged"),
        ([], True, True, [], False, "no_match"),
        (["A"], True, True, ["A"], True, "parked"),
        (["A"], True, True, [], False, "late"),
        (["A"], True, False, ["A"], False, "tagged"),
        ([], True, False, ["A"], False, "late_conflict"),
        (["B"], True, True, ["A"], False, "late_conflict"),
        (["B"], True, True, ["A"], True, "parked"),
    ],
)
def test_the_outcome_names_what_matters_most(
    tags: list[str], complete: bool, late: bool, decided: list[str], refused: bool, outcome: str
) -> None:
    assert (
        outcome_of(tags, complete=complete, late=late, decided=frozenset(decided), refused=refused) == outcome
    )


LONGEST: Final = "\x01" * 256  # JSON writes each of these bytes as six


@pytest.mark.parametrize("letter", ["x", '"', "\x01", "\N{GRINNING FACE}", "\N{EURO SIGN}"])
def test_no_record_is_ever_too_large_for_its_topic(letter: str) -> None:
    """Every field at its longest, and far more reasons and tags than any chat calls for."""
    thread = ThreadKey(*[letter * 100_000] * 3)
    reason = Reason(letter * 64, letter * 256, letter * 200, LONGEST, 2**63, 2**63)
    decision = Decision(
        tuple(f"{number} {letter * 256}" for number in range(10_000)), (reason,) * 10_000, (), "h"
    )
    source = Source("t" * 249, 2**31, 2**63)
    decided = decision_record(
        thread,
        decision,
        "late_conflict",
        source,
        read_from="webhooks",
        messages=2**63,
        ended_at_ms=1 << 62,
        settled_at_ms=-1,
        held_back=decision.tags,
    )
    assert len(orjson.dumps(decided)) < RECORD_BYTES_MAX
    assert len(decided["because"]) + decided["because_omitted"] == 10_000
    assert len(decided["tags"]) + decided["tags_omitted"] == 10_000
    parked = parked_record(
        thread,
        source,
        tag=letter * 256,
        reason=letter * 100_000,
        error_type=letter * 100_000,
        attempts=2**63,
        parked_at_ms=1 << 62,
        last_offset=2**63,
    )
    assert len(orjson.dumps(parked)) < RECORD_BYTES_MAX
    assert parked["tag"] == letter * 256


def test_a_range_of_records_is_parked_with_its_end() -> None:
    given: dict[str, Any] = {
        "tag": None,
        "reason": "not JSON",
        "error_type": "unreadable",
        "attempts": 1,
        "parked_at_ms": 0,
    }
    record = parked_record(ThreadKey("", "", ""), SOURCE, last_offset=90, **given)
    assert (record["offset"], record["last_offset"]) == (41, 90)
    assert "last_offset" not in parked_record(THREAD, SOURCE, **given)


@pytest.mark.parametrize(
    ("ms", "text"), [(-1, "1970-01-01T00:00:00.000Z"), (1 << 62, "9999-12-31T23:00:00.000Z")]
)
def test_a_time_that_no_date_can_name_is_written_as_the_nearest_one(ms: int, text: str) -> None:
    assert rfc3339(ms) == text


def test_times_are_written_as_livechat_writes_them() -> None:
    assert rfc3339(1_763_928_000_123) == "2025-11-23T20:00:00.123Z"
