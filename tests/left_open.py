"""Files and sockets that a test leaves open, and what the garbage collector says of them.

The collector closes them in whichever test runs when it comes by, and then that one fails.
"""

import gc
import os
import sys

Open = frozenset[tuple[int, int]]


def open_files() -> Open:
    """(number, inode) of each file and socket of this process."""
    found = set()
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - the one that lists them is among them, and gone by then
        try:
            found.add((int(name), os.fstat(int(name)).st_ino))
        except OSError:
            continue
    return frozenset(found)


def collected_since(before: Open) -> list[str]:
    """Collect what was opened since and left; what its `__del__` complained of. Collecting is dear, so only then."""
    if open_files() <= before:
        return []
    left: list[str] = []
    told, sys.unraisablehook = sys.unraisablehook, lambda one: left.append(repr(one.exc_value))
    try:
        gc.collect()
    finally:
        sys.unraisablehook = told
    return left
