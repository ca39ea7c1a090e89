"""How any process of ours starts and stops: signals, the event loop, exit codes.

It promises that a process that stops says why, and prints no error's text.
"""

import asyncio
import ctypes
import errno
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog
import uvloop

# New ones before the young are searched for cycles: about 1 MB at worst, and some 2 ms. With a few chats a second `ingest`
# makes six of them a second: ten times as many would take hours, and look like a leak until then.
GARBAGE_OBJECTS_MAX: Final = 5_000
# Bytes of a block that goes back to the system as soon as it is freed: more than nearly all short-lived ones have, which
# would be mapped anew each time, and less than the dictionary of some ten thousand chats.
LARGE_BLOCK_BYTES: Final = 512 << 10
_M_MMAP_THRESHOLD: Final = -3  # https://man7.org/linux/man-pages/man3/mallopt.3.html


def cannot_listen(name: str, host: str, port: int, error: OSError) -> str:
    """What to report when the address in NAME_HOST and NAME_PORT is not available."""
    number = error.errno or 0  # asyncio's own text repeats the address
    reason = os.strerror(number) if number in errno.errorcode else error.strerror
    return f"Cannot listen on {host}:{port} ({name}_HOST, {name}_PORT): {reason}."


class Stopping(asyncio.Event):
    """Set by the first signal; `hurry` by the next SIGTERM or SIGINT."""

    def __init__(self) -> None:
        super().__init__()
        self.hurry = asyncio.Event()

    def on_signal(self, number: signal.Signals) -> None:
        """Take a signal."""
        if self.is_set() and number != signal.SIGHUP:  # a closing terminal sends it as well as another one
            self.hurry.set()
        self.set()


def run(main: Callable[[Stopping], Awaitable[int]]) -> int:
    """Run a service and return its exit code, 1 if it crashes; SIGTERM, SIGINT and SIGHUP set the event."""
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under `nohup`
        numbers.append(signal.SIGHUP)
    return_large_blocks()

    async def serve() -> int:
        stopping = Stopping()
        for number in numbers:
            asyncio.get_running_loop().add_signal_handler(number, stopping.on_signal, number)
        return await main(stopping)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve())
    # Python would print the error's text, which may hold content; aiokafka leaks CancelledErrors.
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
        structlog.get_logger().error("stopped_by_error", exc_info=error)
        return 1


def has_terminal() -> bool:
    """Whether a terminal controls this process and would end it by SIGHUP when it closes."""
    try:
        with Path("/dev/tty").open("rb", buffering=0):
            return True
    except OSError:
        return False


def return_large_blocks() -> None:
    """Have the C library return each large block to the system when it is freed, where it can (glibc).

    By default it keeps blocks of a size once one of that size was freed. A dictionary of open chats or of keys is rewritten
    every few minutes, a megabyte or more at a time; small objects settle in the space that the old one leaves, so the next
    one needs new space, and the process grows by a step now and then.
    """
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


def collect_garbage_seldom() -> None:
    """Exclude today's objects from the search for cycles, and search the rest rarely.

    Reference counts free what a request or a chat leaves. A full search took 7 µs a request in `ingest`, and stops
    `tagger` for 0.1 s with 100,000 keywords in force. Call it again after loading something large. A long-lived
    connection leaves an old cycle when it closes, so everything is searched once in ten million new objects.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS_MAX, 200, 10)
