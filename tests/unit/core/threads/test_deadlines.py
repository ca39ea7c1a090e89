"""Threads come due in the slot in which they were last put, once, and never early."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from tagger.core.threads.deadlines import Deadlines
from tagger.core.threads.thread import Thread


def a_thread(name: str) -> Thread:
    return Thread(("org", "C"), name, 0, 0, 0)


def names(threads: list[Thread]) -> list[str]:
    return [thread.thread_id for thread in threads]


def test_nothing_is_due_before_anything_was_put() -> None:
    deadlines = Deadlines()
    assert deadlines.next_ms == sys.maxsize
    assert deadlines.pop(10**15) == []


def test_threads_come_by_slot_and_in_a_slot_as_they_were_put() -> None:
    deadlines = Deadlines()
    for name, at_ms in [("late", 95_000), ("b", 12_000), ("a", 18_000), ("early", 3_000)]:
        deadlines.put(a_thread(name), at_ms)
    assert deadlines.next_ms == 10_000
    assert names(deadlines.pop(9_999)) == []
    assert names(deadlines.pop(20_000)) == ["early", "b", "a"]
    assert deadlines.next_ms == 100_000
    assert names(deadlines.pop(10**9)) == ["late"]
    assert deadlines.next_ms == sys.maxsize


def test_a_thread_is_due_when_it_was_last_put() -> None:
    deadlines = Deadlines()
    moved, stays, removed = a_thread("moved"), a_thread("stays"), a_thread("removed")
    for thread in (moved, stays, removed):
        deadlines.put(thread, 5_000)
    deadlines.put(moved, 25_000)
    deadlines.put(stays, 6_000)
    deadlines.remove(removed)
    deadlines.remove(removed)
    assert names(deadlines.pop(10_000)) == ["stays"]
    assert names(deadlines.pop(30_000)) == ["moved"]
    deadlines.put(moved, 5_000)
    assert names(deadlines.pop(30_000)) == ["moved"]


@given(st.lists(st.integers(0, 200_000), max_size=20), st.lists(st.integers(0, 250_000), max_size=10))
def test_a_thread_comes_once_and_not_before_its_time_nor_ten_seconds_after(
    due: list[int], looks: list[int]
) -> None:
    deadlines = Deadlines()
    for number, at_ms in enumerate(due):
        deadlines.put(a_thread(str(number)), at_ms)
    seen: dict[str, int] = {}
    for now_ms in sorted(looks):
        for name in names(deadlines.pop(now_ms)):
            assert name not in seen
            seen[name] = now_ms
            assert due[int(name)] <= now_ms
        assert all(at_ms + 10_000 > now_ms for number, at_ms in enumerate(due) if str(number) not in seen)
