"""What is left in cycles is found before it adds up, and nothing that lasts is visited often."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from ingest.runtime.process import GARBAGE_OBJECTS_MAX, collect_garbage_seldom


class Cycle:
    """Something that only the garbage collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_a_cycle_is_freed_before_more_than_so_many_objects_wait() -> None:
    collect_garbage_seldom()
    first = ref(Cycle())
    for _ in range(GARBAGE_OBJECTS_MAX + 1):
        Cycle()
    assert first() is None


def test_what_lasts_is_searched_once_in_ten_million_new_objects() -> None:
    collect_garbage_seldom()
    young, old, full = gc.get_threshold()
    assert young * old * full == 10_000_000
