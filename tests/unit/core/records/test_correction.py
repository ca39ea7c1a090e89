"""What people corrected, as a record and as the rule that readers go by."""

from typing import Any

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records import correction
from tagger.core.records.correction import REMOVALS_MAX, Removals, allowed, correction_record
from tagger.core.records.decision import RECORD_BYTES_MAX, Source, Untagged, decision_record, rfc3339
from tagger.core.records.missed import DecidedThreads
from tagger.core.threads.removed import TAGS_MAX

THREAD = ThreadKey("org", "CHAT", "THREAD")
SOURCE = Source("livechat.webhooks", 3, 41)


def removal(thread: ThreadKey = THREAD, **changed: Any) -> bytes:
    return orjson.dumps(correction_record(thread, "Refund", "removed", SOURCE, 1_500) | changed)


def test_a_correction_record_has_the_fields_that_readers_rely_on() -> None:
    assert correction_record(THREAD, "Refund", "added", SOURCE, 1_500) == {
        "kind": "correction",
        "format": 1,
        "organization": "org",
        "chat_id": "CHAT",
        "thread_id": "THREAD",
        "tag": "Refund",
        "change": "added",
        "at": "1970-01-01T00:00:01.500Z",
        "topic": "livechat.webhooks",
        "partition": 3,
        "offset": 41,
    }


def test_what_people_removed_is_known_by_thread() -> None:
    removals = Removals()
    for value in (removal(), removal(), removal(tag="Upset"), removal(THREAD._replace(chat_id="OTHER"))):
        removals.take(value)
    assert removals.of(THREAD) == ("Refund", "Upset")
    assert removals.of(THREAD._replace(organization="another")) == ()
    assert allowed(["Late", "Refund"], removals.of(THREAD)) == ["Late"]


def retagged(*tags: str, began_s: int, held_back: tuple[str, ...] = ()) -> bytes:
    made = decision_record(
        *(THREAD, Decision((), (), (), "0123456789ab"), "retagged", None),
        read_from="webhooks",
        messages=1,
        ended_at_ms=0,
        settled_at_ms=began_s * 1_000 + 500,
        held_back=held_back,
        untagged=Untagged(tags, began_s * 1_000),
    )
    return orjson.dumps(made)


OURS = retagged("Refund", began_s=1_000)
OF_OURS = removal(at="1970-01-01T00:16:40.200Z", offset=41)
SOON_AFTER = removal(at="1970-01-01T00:17:00.000Z", offset=42)
LONG_BEFORE = removal(at="1970-01-01T00:01:00.000Z", offset=40)


@pytest.mark.parametrize(
    ("records", "removed"),
    [
        ((OURS, OF_OURS), ()),
        ((OURS, OF_OURS, OF_OURS, OURS), ()),
        ((OURS, OF_OURS, SOON_AFTER), ("Refund",)),
        ((OURS, LONG_BEFORE), ("Refund",)),
        ((OURS,), ()),
        ((retagged("Refund", began_s=1_000, held_back=("Refund",)), OF_OURS), ("Refund",)),
        ((retagged("Refund", began_s=1_000, held_back=("Refund",)),), ("Refund",)),
        ((retagged("Upset", began_s=1_000), OF_OURS), ("Refund",)),
    ],
)
def test_what_retag_removed_was_not_removed_by_a_person_whichever_record_came_first(
    records: tuple[bytes, ...], removed: tuple[str, ...]
) -> None:
    """What it removed on purpose, though rules may call for it, is not set again either."""
    for order in (records, records[::-1]):
        removals, decided = Removals(), DecidedThreads(dry_run=False, one_for_all=False)
        for value in order:
            removals.take(value)
            decided.take(value)
        assert removals.of(THREAD) == decided.removals.of(THREAD) == removed


def at(seconds: int, **changed: Any) -> bytes:
    return removal(at=rfc3339(seconds * 1_000), offset=seconds, **changed)


def test_a_tag_that_is_removed_again_and_again_leaves_room_for_others() -> None:
    removals = Removals()
    often = [at(number) for number in range(TAGS_MAX + 1)]
    ours = [retagged("Refund", began_s=1_000_000 + number) for number in range(TAGS_MAX + 1)]
    for value in (
        *often,
        at(9_000, tag="Late"),
        *ours,
        retagged("Upset", began_s=1_000),
        at(1_000, tag="Upset"),
    ):
        removals.take(value)
    assert removals.of(THREAD) == ("Refund", "Late")


def test_the_tags_of_a_thread_are_limited() -> None:
    removals = Removals()
    for number in range(TAGS_MAX + 1):
        removals.take(at(number, tag=f"tag {number}"))
    assert len(removals.of(THREAD)) == TAGS_MAX


def test_a_tag_that_retag_removed_more_often_than_is_kept_is_taken_for_one_that_a_person_removed() -> None:
    hours = [3_600 * number for number in range(1, REMOVALS_MAX + 1)]
    for times, removed in ((REMOVALS_MAX - 1, ()), (REMOVALS_MAX, ("Refund",))):
        removals = Removals()
        for began in hours[:times]:
            removals.take(retagged("Refund", began_s=began))
            removals.take(at(began))
        assert removals.of(THREAD) == removed


def test_one_credential_for_all_goes_by_any_name_of_the_organization() -> None:
    removals = Removals(one_for_all=True)
    removals.take(removal())
    assert removals.of(THREAD._replace(organization="104130000")) == ("Refund",)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b'"correction"',
        removal(change="added"),
        removal(kind="decision"),
        removal(tag=None),
        removal(thread_id=7),
    ],
)
def test_what_is_no_removal_is_skipped(value: bytes | None) -> None:
    removals = Removals()
    removals.take(value)
    assert removals.of(THREAD) == ()


def test_more_threads_than_can_be_kept_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correction, "THREADS_MAX", 1)
    decided = DecidedThreads(dry_run=False, one_for_all=False)
    decided.take(removal())
    decided.take(removal(tag="Upset"))
    assert not decided.full
    decided.take(removal(THREAD._replace(chat_id="OTHER")))
    assert decided.full
    assert decided.removals.of(THREAD) == ("Refund", "Upset")


def test_no_correction_is_too_large_for_its_topic() -> None:
    record = correction_record(ThreadKey(*["\x01" * 256] * 3), "\x01" * 1_024, "removed", SOURCE, 1 << 62)
    assert len(orjson.dumps(record)) < RECORD_BYTES_MAX
