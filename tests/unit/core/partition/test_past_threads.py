"""Threads of the past: those that ended in a stretch of a partition, as a restart would see them."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from ingest.topic import record_key
from tagger.core.conversation import Said
from tagger.core.limits import Limits
from tagger.core.partition.past_threads import PastThread, PastThreads
from tests.webhooks import (
    ORGANIZATION,
    Record,
    chat_deactivated,
    get_chat,
    incoming_chat,
    incoming_event,
    message,
)

BEGAN: Final = 1_780_000_000_000
CREATED: Final = "2026-05-28T20:26:40Z"  # BEGAN
MINUTE: Final = 60_000


def records(*webhooks: tuple[int, dict[str, Any]], first: int = 0) -> list[Record]:
    """Each is (minutes since BEGAN, webhook)."""
    return [
        Record(offset, BEGAN + minutes * MINUTE, record_key(ORGANIZATION, "C"), orjson.dumps(webhook))
        for offset, (minutes, webhook) in enumerate(webhooks, first)
    ]


def begins(thread: str, text: str, **changed: Any) -> dict[str, Any]:
    chat = get_chat(thread, events=[message(f"{thread}_1", text)], active=True, created_at=CREATED, **changed)
    return incoming_chat(chat)


def says(thread: str, number: int, text: str) -> dict[str, Any]:
    return incoming_event("C", thread, message(f"{thread}_{number}", text))


def ends(thread: str) -> dict[str, Any]:
    return chat_deactivated("C", thread)


def told(threads: Iterable[PastThread]) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [
        (
            one.conversation.thread.thread_id,
            tuple(text for said in one.conversation.said for text in said.fields),
            one.incomplete,
        )
        for one in threads
    ]


def test_a_thread_that_ended_comes_out_at_the_end_with_all_that_was_said() -> None:
    past = PastThreads(0, complete_since_ms=0)
    assert (
        past.take(records((0, begins("T", "hello")), (1, says("T", 2, "refund")), (2, ends("T"))), BEGAN)
        == []
    )
    (one,) = past.finish()
    assert told([one]) == [("T", ("hello", "refund"), None)]
    assert one.ended_at_ms == BEGAN + 2 * MINUTE
    assert one.conversation.complete
    assert one.conversation.said[0] == Said("T_1", "customer", ("hello",))
    assert past.open == 0


def test_a_late_message_is_part_of_its_thread() -> None:
    past = PastThreads(0, complete_since_ms=0)
    past.take(records((0, begins("T", "hello")), (1, ends("T")), (3, says("T", 2, "refund"))), BEGAN)
    assert told(past.finish()) == [("T", ("hello", "refund"), None)]


def test_a_thread_comes_out_once_nothing_more_can_come_for_it() -> None:
    past = PastThreads(0, complete_since_ms=0)
    later = [(3 + minute, says("U", minute, "waiting")) for minute in range(20)]
    came = past.take(
        records((0, begins("T", "hello")), (1, ends("T")), (2, begins("U", "hi")), *later),
        BEGAN + 60 * MINUTE,
    )
    assert told(came) == [("T", ("hello",), None)]
    assert (past.finish(), past.open) == ([], 0)


def test_a_thread_without_an_end_is_no_chat_yet() -> None:
    past = PastThreads(0, complete_since_ms=0)
    past.take(records((0, begins("T", "hello")), (1, begins("U", "hi")), (2, ends("U"))), BEGAN)
    assert past.open == 1
    assert told(past.finish()) == [("U", ("hi",), None)]


def test_a_thread_whose_beginning_is_missing_says_so() -> None:
    past = PastThreads(7)
    cut = (says("T", 5, "refund"), ends("T"))
    past.take(records(*((0, webhook) for webhook in cut), first=7), BEGAN)
    (one,) = past.finish()
    assert told([one]) == [("T", (), "no_beginning")]  # nobody tells who the customer is
    assert not one.conversation.complete


def test_after_a_cut_only_what_began_a_while_later_is_complete() -> None:
    past = PastThreads(7)
    soon = begins("T", "hello")
    later = begins("U", "hi")
    later["payload"]["chat"]["thread"]["created_at"] = "2026-05-28T20:28:40Z"
    past.take(records((0, soon), (2, later), (3, ends("T")), (3, ends("U")), first=7), BEGAN)
    assert told(past.finish()) == [("T", ("hello",), "before_complete_since"), ("U", ("hi",), None)]


def test_a_gap_in_the_offsets_cuts_what_is_open() -> None:
    past = PastThreads(0, complete_since_ms=0)
    first, second = records((0, begins("T", "hello")), (2, ends("T")))
    past.take([first, second._replace(offset=5)], BEGAN)
    assert told(past.finish()) == [("T", ("hello",), "gap")]


def test_a_record_that_cannot_be_read_is_counted_and_cuts_its_chat() -> None:
    past = PastThreads(0, complete_since_ms=0)
    first, second, third = records((0, begins("T", "hello")), (1, ends("T")), (2, ends("T")))
    past.take([first, second._replace(value=b"{"), third], BEGAN)
    assert told(past.finish()) == [("T", ("hello",), "unreadable")]
    assert past.count["unreadable", "not JSON"] == 1


def test_a_repeated_end_makes_no_second_thread() -> None:
    past = PastThreads(0, complete_since_ms=0)
    past.take(records((0, begins("T", "hello")), (1, ends("T")), (2, ends("T"))), BEGAN)
    assert told(past.finish()) == [("T", ("hello",), None)]


def test_for_want_of_memory_the_oldest_come_out_or_are_cut() -> None:
    past = PastThreads(0, complete_since_ms=0, bytes_max=20_000)
    out: list[PastThread] = []
    offset = 0
    for number in range(100):
        thread = f"T{number}"
        both = [(0, begins(thread, "x" * 500)), (0, ends(thread))]
        made = both if number else both[:1]
        out += past.take(records(*made, first=offset), BEGAN)
        offset += len(made)
    out += past.take(records((0, ends("T0")), first=offset), BEGAN)
    out += past.finish()
    assert past.count["evicted", ""] > 50
    assert sorted(told(out))[0] == ("T0", (), "never_seen")
    assert len(out) == 100


def test_it_folds_as_the_service_does_with_its_limits() -> None:
    past = PastThreads(0, complete_since_ms=0, limits=Limits(thread_events_max=2))
    made = [(0, begins("T", "one")), *((1, says("T", n, str(n))) for n in range(2, 6)), (2, ends("T"))]
    past.take(records(*made), BEGAN)
    assert told(past.finish()) == [("T", ("one", "2"), "limit")]
