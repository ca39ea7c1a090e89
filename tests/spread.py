"""Shares tests out to the workers of a parallel run: what waits long begins first, on all of them.

pytest-xdist gives each worker a slice of the tests in their order, and lets who is done steal from the end of another's.
In alphabetical order one worker would get all that wait for processes and sessions, and the run end with them.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def spread(tests: Sequence[T], workers: int, unit: Callable[[T], str | None]) -> list[T]:
    """The tests in another order, the same in every worker. `unit` tells of a long test what stays together with
    it, and of others None."""
    long: dict[str, list[T]] = {}
    short: list[T] = []
    for test in tests:
        name = unit(test)
        if name is None:
            short.append(test)
        else:
            long.setdefault(name, []).append(test)
    units, order, begin = list(long.values()), list[T](), 0
    for worker in range(workers):
        slice_of = [test for one in units[worker::workers] for test in one]
        size = len(tests) // workers - len(slice_of)
        end = len(short) if worker == workers - 1 else begin + max(0, size)
        order += slice_of + short[begin:end]
        begin = end
    return order
