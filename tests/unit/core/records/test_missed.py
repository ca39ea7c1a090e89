"""Which listed threads were missed, and which cannot be checked yet."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.records import missed
from tagger.core.records.missed import (
    GRACE_MS,
    DecidedThreads,
    Found,
    Window,
    begin_ms,
    instant_ms,
    last_event_ms,
    look,
)

HOUR = 3_600_000
NOW = 1_795_000_000_000
WINDOW = Window(NOW - 2 * HOUR, NOW, NOW + HOUR)
THREAD = ThreadKey("org", "C", "T")


def at(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def a_chat(last_ms: int = NOW - HOUR, messages: int = 2, **thread: Any) -> dict[str, Any]:
    """A chat as list_archives shows it."""
    events = [
        {
            "id": f"T_{number}",
            "type": "message",
            "text": "hello",
            "author_id": "c",
            "visibility": "all",
            "created_at": at(last_ms - 60_000),
        }
        for number in range(messages)
    ]
    end = {"id": "T_end", "type": "system_message", "text": "archived", "created_at": at(last_ms)}
    shape = {"id": "T", "active": False, "events": [*events, end], "created_at": at(last_ms - 120_000)}
    return {"id": "C", "users": [{"id": "c", "type": "customer"}], "thread": shape | thread}


def a_decision(messages: int = 2, **fields: Any) -> bytes:
    ids = THREAD._asdict()
    return orjson.dumps({**ids, "tags": [], "outcome": "tagged", "messages": messages, **fields})


def decided_by(*records: bytes | None, dry_run: bool = False, one_for_all: bool = False) -> DecidedThreads:
    decided = DecidedThreads(dry_run=dry_run, one_for_all=one_for_all)
    for record in records:
        decided.take(record)
    return decided


@pytest.mark.parametrize(
    ("chat", "decisions", "found"),
    [
        (a_chat(), [], "missed"),
        (a_chat(), [a_decision()], "decided"),
        (a_chat(), [a_decision(messages=5)], "decided"),
        (a_chat(), [a_decision(messages=1)], "short"),
        (a_chat(), [a_decision(messages=1), a_decision(messages=2)], "decided"),
        (a_chat(), [a_decision(messages=2), a_decision(messages=1)], "decided"),
        (a_chat(messages=0), [], "missed"),
        (a_chat(messages=0), [a_decision(messages=0)], "decided"),
        (a_chat(), [a_decision(thread_id="T0")], "missed"),
        (a_chat(), [a_decision(organization="another")], "missed"),
        (a_chat(), [a_decision(outcome="parked")], "decided"),
        (a_chat(), [a_decision(outcome="dry_run")], "missed"),
        (a_chat(), [a_decision(outcome="no_credentials")], "missed"),
        (a_chat(last_ms=NOW - 2 * HOUR), [], "missed"),
        (a_chat(last_ms=NOW - 2 * HOUR - 1), [], "outside"),
        (a_chat(last_ms=NOW - 1), [], "missed"),
        (a_chat(last_ms=NOW), [], "recent"),
        (a_chat(active=True), [], "unreadable"),
        (a_chat(restricted_access="plan"), [], "missed"),
        (a_chat(restricted_access="plan"), [a_decision(messages=0)], "decided"),
        (a_chat() | {"id": "tagger-sample-1"}, [], "unreadable"),
        (a_chat() | {"id": None}, [], "unreadable"),
        (a_chat() | {"thread": None}, [], "unreadable"),
        (None, [], "unreadable"),
    ],
)
def test_a_listed_thread_is_compared_with_the_decisions(
    chat: object, decisions: list[bytes], found: Found
) -> None:
    seen = look("org", chat, WINDOW, decided_by(*decisions))
    assert seen.found == found
    assert (seen.conversation is not None) == (found in {"missed", "short"})


@pytest.mark.parametrize(
    ("deleted", "decisions", "found"),
    [
        ({}, [a_decision(messages=2)], "short"),
        ({}, [a_decision(messages=3)], "decided"),
        ({}, [a_decision(messages=2, source="webhooks")], "short"),
        ({}, [a_decision(messages=2, source="api")], "decided"),
        ({}, [a_decision(messages=1, source="api")], "short"),
        ({}, [a_decision(messages=2, source="webhooks"), a_decision(messages=2, source="api")], "decided"),
        ({"text": None}, [a_decision(messages=2)], "short"),
        ({"type": "rich_message"}, [a_decision(messages=2)], "short"),
        ({"type": "file"}, [a_decision(messages=2)], "decided"),
        ({"type": ["message"]}, [a_decision(messages=2)], "decided"),
        ({"visibility": "agents"}, [a_decision(messages=2)], "decided"),
        ({"deleted": "yes"}, [a_decision(messages=2)], "short"),  # it is not deleted
    ],
)
def test_webhooks_told_of_what_was_deleted_and_the_api_does_not(
    deleted: dict[str, Any], decisions: list[bytes], found: Found
) -> None:
    chat = a_chat(messages=3)
    chat["thread"]["events"][1] |= {"deleted": True} | deleted
    assert look("org", chat, WINDOW, decided_by(*decisions)).found == found


def test_what_is_to_be_repaired_holds_all_that_was_said() -> None:
    seen = look("org", a_chat(messages=3), WINDOW, decided_by())
    assert seen.conversation is not None
    assert seen.conversation.thread == THREAD
    assert [(said.author, said.fields) for said in seen.conversation.said] == [("customer", ("hello",))] * 3
    assert seen.conversation.complete
    assert seen.ended_at_ms == NOW - HOUR


def test_a_thread_that_livechat_withholds_is_not_mistaken_for_silent() -> None:
    seen = look("org", a_chat(restricted_access="plan"), WINDOW, decided_by())
    assert seen.conversation is not None
    assert not seen.conversation.complete


def test_nothing_that_was_said_shows_in_a_repr() -> None:
    assert "hello" not in repr(look("org", a_chat(), WINDOW, decided_by()))


def test_with_one_credential_an_organization_may_have_any_name() -> None:
    decided = decided_by(a_decision(organization="104130000"), one_for_all=True)
    assert look("", a_chat(), WINDOW, decided).found == "decided"
    assert decided.organizations == {"104130000"}


def test_decisions_of_a_dry_run_count_for_a_dry_run() -> None:
    assert decided_by(a_decision(outcome="dry_run"), dry_run=True).is_short(THREAD, 2, 0) is False


@pytest.mark.parametrize(
    "record",
    [None, b"", b"{", b"[]", b"{}", a_decision(messages="2"), a_decision(chat_id=None)],  # type: ignore[arg-type]
)
def test_a_record_that_is_not_a_decision_is_skipped(record: bytes | None) -> None:
    assert decided_by(record).is_short(THREAD, 1, 0) is None


def test_threads_whose_jobs_share_an_offset_are_kept_apart() -> None:
    """Several threads that expire, are evicted or get a very late event do so at the same offset."""
    source: dict[str, Any] = {"topic": "livechat.webhooks", "partition": 0, "offset": 7}
    decided = decided_by(
        a_decision(2, **source), a_decision(1, **source, thread_id="T1"), a_decision(**source)
    )
    other = a_chat(id="T1")
    assert [look("org", chat, WINDOW, decided).found for chat in (a_chat(), other)] == ["decided", "short"]


def test_more_decisions_than_can_be_kept_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed, "DECISIONS_MAX", 2)
    decided = decided_by(a_decision(), a_decision(thread_id="T1"), a_decision())
    assert not decided.full
    decided.take(a_decision(thread_id="T2"))
    assert decided.full


@pytest.mark.parametrize(
    ("until", "unfinished", "whole_since", "window"),
    [
        (NOW, None, 0, (NOW - HOUR, NOW - GRACE_MS)),
        (NOW - GRACE_MS, None, 0, (NOW - HOUR, NOW - GRACE_MS)),
        (NOW - GRACE_MS - 1, None, 0, (NOW - HOUR, NOW - GRACE_MS - 1)),
        (NOW, NOW - 1_000, 0, (NOW - HOUR, NOW - GRACE_MS - 1_000)),
        (NOW, NOW + 1_000, 0, (NOW - HOUR, NOW - GRACE_MS)),
        (NOW, NOW - 2 * HOUR, 0, (NOW - HOUR, NOW - 2 * HOUR - GRACE_MS)),
        (NOW, None, NOW - HOUR // 2, (NOW - HOUR // 2, NOW - GRACE_MS)),
        (NOW, None, NOW - 2 * HOUR, (NOW - HOUR, NOW - GRACE_MS)),
    ],
)
def test_the_window_leaves_out_what_cannot_be_checked(
    until: int, unfinished: int | None, whole_since: int, window: tuple[int, int]
) -> None:
    assert Window.before(NOW - HOUR, until, NOW, unfinished, whole_since) == Window(*window, until)


@pytest.mark.parametrize(
    ("thread", "last_ms"),
    [
        ({"created_at": "1970-01-01T00:00:01Z"}, 1_000),
        ({"created_at": "1970-01-01T00:00:01Z", "events": [{"created_at": "1970-01-01T00:00:03Z"}]}, 3_000),
        ({"created_at": "1970-01-01T00:00:01Z", "events": [{}, None, {"created_at": 7}]}, 1_000),
        ({"events": "odd"}, 0),
        ({}, 0),
    ],
)
def test_a_thread_ended_with_the_last_thing_that_happened_in_it(thread: dict[str, Any], last_ms: int) -> None:
    assert last_event_ms({"thread": thread}) == last_ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0s", NOW),
        ("90s", NOW - 90_000),
        ("30m", NOW - HOUR // 2),
        ("2h", NOW - 2 * HOUR),
        ("1d", NOW - 24 * HOUR),
        ("1970-01-01T00:00:05Z", 5_000),
        ("1970-01-01T01:00:05+01:00", 5_000),
        ("1970-01-01", 0),
        *((text, None) for text in ("", "2", "h", "2 h", "-2h", "2w", "yesterday", "9999999h")),
    ],
)
def test_an_instant_is_written_as_people_write_it(text: str, ms: int | None) -> None:
    assert instant_ms(text, NOW) == ms


@pytest.mark.parametrize(
    ("came_to", "every_s", "begin"),
    [
        (None, 600, NOW - 2 * HOUR - 600_000),
        (None, 86_400, NOW - 26 * HOUR),
        (NOW - GRACE_MS, 600, NOW - GRACE_MS - HOUR // 2),
        (NOW - 5 * HOUR, 600, NOW - 5 * HOUR - HOUR // 2),
        (NOW - 50 * HOUR, 600, NOW - 24 * HOUR),
    ],
)
def test_the_service_continues_a_little_before_where_its_last_pass_ended(
    came_to: int | None, every_s: int, begin: int
) -> None:
    assert begin_ms(came_to, NOW, every_s) == begin
