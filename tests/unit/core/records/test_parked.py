"""Which items on the topic of parked items are open."""

from typing import Any

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.records import parked
from tagger.core.records.decision import Source, parked_record
from tagger.core.records.parked import Identity, Item, OpenItems, refused_again, resolved_record


def a_record(
    thread: str = "T1", tag: str | None = "Refund", offset: int | None = 7, **changes: Any
) -> dict[str, Any]:
    source = None if offset is None else Source("livechat.webhooks", 0, offset)
    record = parked_record(
        ThreadKey("org", f"C{thread}", thread),
        source,
        tag=tag,
        reason="the tag does not exist",
        error_type="not_found",
        attempts=3,
        parked_at_ms=1_000,
    )
    return record | changes


def open_after(*records: dict[str, Any]) -> list[Item]:
    items = OpenItems()
    for record in records:
        items.take(orjson.dumps(record))
    assert items.unreadable == 0
    return items.matching()


def closed(record: dict[str, Any]) -> dict[str, Any]:
    (item,) = open_after(record)
    return resolved_record(item, "retried", 2_000)


@pytest.mark.parametrize(
    ("records", "left"),
    [
        ([], []),
        ([a_record()], [("T1", "Refund")]),
        ([a_record(), a_record()], [("T1", "Refund")]),
        ([a_record(), a_record(tag="Sales")], [("T1", "Refund"), ("T1", "Sales")]),
        ([a_record(), a_record(tag=None)], [("T1", "Refund"), ("T1", None)]),
        ([a_record(), a_record(offset=8)], [("T1", "Refund"), ("T1", "Refund")]),
        ([a_record(offset=None), a_record("T2", offset=None)], [("T1", "Refund"), ("T2", "Refund")]),
        ([a_record(), closed(a_record())], []),
        ([a_record(), a_record(), closed(a_record())], []),
        ([a_record(), closed(a_record()), a_record()], [("T1", "Refund")]),
        # Jobs of several threads can share an offset: the thread is part of an item's identity.
        ([a_record(), a_record("T2"), a_record()], [("T2", "Refund"), ("T1", "Refund")]),
        ([a_record(), closed(a_record("T2"))], [("T1", "Refund")]),
        ([a_record(), closed(a_record(tag="Sales"))], [("T1", "Refund")]),
        ([a_record(offset=None), closed(a_record(offset=None))], []),
        ([closed(a_record())], []),
    ],
)
def test_an_item_is_open_until_a_later_record_closes_it(
    records: list[dict[str, Any]], left: list[tuple[str, str | None]]
) -> None:
    assert [(item.thread.thread_id, item.tag) for item in open_after(*records)] == left


def test_an_item_that_is_refused_again_stays_open_with_the_new_reason() -> None:
    (first,) = open_after(a_record())
    (again,) = open_after(a_record(), refused_again(first, "no access", "missing_access", 5_000))
    assert (
        again.identity
        == first.identity
        == Identity(first.thread, Source("livechat.webhooks", 0, 7), "Refund")
    )
    assert (again.reason, again.error_type, again.attempts) == ("no access", "missing_access", 4)
    assert again.parked_at == "1970-01-01T00:00:05.000Z"


def test_the_record_that_closes_an_item_repeats_it_and_says_how() -> None:
    record = closed(a_record())
    assert record == a_record() | {"resolved": "retried", "resolved_at": "1970-01-01T00:00:02.000Z"}


def test_a_range_stays_one_item_if_it_is_longer_when_it_is_parked_again() -> None:
    (item,) = open_after(a_record(last_offset=9), a_record(last_offset=12))
    assert (item.identity.source, item.last_offset) == (Source("livechat.webhooks", 0, 7), 12)
    assert item.json()["last_offset"] == 12
    assert open_after(a_record(last_offset=9), closed(a_record(last_offset=12))) == []


@pytest.mark.parametrize(
    ("ids", "organization", "error_type", "found"),
    [
        ([], None, None, ["T1", "T2"]),
        (["CT1"], None, None, ["T1"]),
        (["T2"], None, None, ["T2"]),
        (["T1", "T2"], None, "incomplete", ["T2"]),
        ([], "org", None, ["T1", "T2"]),
        ([], "another", None, []),
        ([], None, "not_found", ["T1"]),
        (["nobody"], None, None, []),
    ],
)
def test_items_are_found_by_what_people_know_of_them(
    ids: list[str], organization: str | None, error_type: str | None, found: list[str]
) -> None:
    items = OpenItems()
    items.take(orjson.dumps(a_record("T2", error_type="incomplete", parked_at="2026-01-02")))
    items.take(orjson.dumps(a_record("T1", parked_at="2026-01-01")))
    assert [item.thread.thread_id for item in items.matching(ids, organization, error_type)] == found


@pytest.mark.parametrize(
    "value",
    [
        *(None, b"", b"{", b"[]", b"null", b'"text"', b"{}"),
        *(orjson.dumps(a_record() | {name: 7}) for name in ("chat_id", "tag", "reason", "parked_at")),
        orjson.dumps(a_record() | {"attempts": "3"}),
        orjson.dumps(a_record() | {"thread_id": None}),
    ],
)
def test_a_record_that_is_not_ours_is_counted_and_skipped(value: bytes | None) -> None:
    items = OpenItems()
    items.take(value)
    assert (items.matching(), items.unreadable) == ([], 1)


def test_beyond_the_limit_the_oldest_items_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked, "ITEMS_MAX", 2)
    items = OpenItems()
    for number in range(5):
        items.take(orjson.dumps(a_record(f"T{number}")))
    assert [item.thread.thread_id for item in items.matching()] == ["T3", "T4"]
    assert items.left_out == 3
