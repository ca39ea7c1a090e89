"""All threads of a partition: found by their ids and by age."""

import pytest

from tagger.core.threads.index import Index
from tagger.core.threads.thread import Thread


def a_thread(thread_id: str = "T", *, chat: str = "C", organization: str = "org", first: int = 0) -> Thread:
    return Thread((organization, chat), thread_id, first, 0, 0)


def test_a_thread_is_found_by_organization_chat_and_thread() -> None:
    index = Index()
    ids = [("o1", "C", "T"), ("o1", "C", "U"), ("o1", "D", "T"), ("o2", "C", "T")]
    for organization, chat, thread_id in ids:
        index.add(a_thread(thread_id, chat=chat, organization=organization))
    for organization, chat, thread_id in ids:
        found = index.get(organization, chat, thread_id)
        assert found is not None
        assert (*found.chat, found.thread_id) == (organization, chat, thread_id)
    assert index.get("o2", "C", "U") is None
    assert [thread.thread_id for thread in index.of_chat(("o1", "C"))] == ["U", "T"]
    assert len(list(index)) == index.count == 4


@pytest.mark.parametrize("gone", ["T", "U", "V"])
def test_of_several_threads_of_a_chat_any_may_go(gone: str) -> None:
    index = Index()
    for thread_id in ("T", "U", "V"):
        index.add(a_thread(thread_id))
    thread = index.get("org", "C", gone)
    assert thread is not None
    index.delete(thread)
    assert index.get("org", "C", gone) is None
    assert [left.thread_id for left in index] == [name for name in ("V", "U", "T") if name != gone]
    for left in list(index):
        index.delete(left)
    index.add(a_thread("W"))
    assert [left.thread_id for left in index] == ["W"]


def test_nothing_is_held_once_all_threads_are_gone() -> None:
    index = Index()
    for number in range(5):
        thread = a_thread(str(number))
        index.add(thread)
        index.size += thread.add("e", "a@x", ("hello",))
    for thread in list(index):
        index.evict_text(thread)
        index.delete(thread)
    assert (index.count, index.size, index.bytes, list(index), index.oldest()) == (
        0,
        0,
        0,
        [],
        None,
    )


def test_the_oldest_thread_is_the_one_that_begins_first_even_without_its_text() -> None:
    index = Index()
    held = [a_thread(str(number), first=number) for number in range(3)]
    for thread in held:
        index.add(thread)
    index.delete(held[0])
    assert index.oldest() is held[1]
    index.evict_text(held[1])
    assert index.oldest() is held[1]
    assert index.by_age() == held[1:]


def test_an_old_thread_does_not_keep_the_places_of_those_that_came_and_went() -> None:
    index = Index()
    index.add(a_thread("old"))
    for number in range(1_000):
        thread = a_thread(str(number), first=number)
        index.add(thread)
        index.delete(thread)
        index.oldest()
    assert len(index._by_age) < 100  # the bound shows nowhere else
