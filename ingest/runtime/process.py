"""How any process of ours starts and stops: signals, the event loop, exit codes, and what it says when it ends.

It promises that a process that stops says why, and that the text of no error is printed.
"""

import asyncio
import errno
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog
import uvloop

GARBAGE_OBJECTS_MAX: Final = 50_000  # new objects before cycles are looked for; about 10 MB at worst


def cannot_listen(name: str, host: str, port: int, error: OSError) -> str:
    """What to tell where the address that NAME_HOST and NAME_PORT give cannot be had."""
    known = error.errno in errno.errorcode  # asyncio puts the address into its own text, once more
    reason = os.strerror(error.errno) if known and error.errno is not None else error.strerror
    return f"Cannot listen on {host}:{port} ({name}_HOST, {name}_PORT): {reason}."


class Stopping(asyncio.Event):
    """Set once we are told to stop. Told again by SIGTERM or SIGINT, `hurry` is set as well."""

    def __init__(self) -> None:
        super().__init__()
        self.hurry = asyncio.Event()

    def tell(self, number: signal.Signals) -> None:
        if self.is_set() and number != signal.SIGHUP:  # a terminal that closes sends it beside another one
            self.hurry.set()
        self.set()


def run(main: Callable[[Stopping], Awaitable[int]]) -> int:
    """Run a service to its exit code, 1 for what should not happen; SIGTERM, SIGINT and SIGHUP set the event."""
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` asked for it to be ignored
        numbers.append(signal.SIGHUP)

    async def serve() -> int:
        stopping = Stopping()
        for number in numbers:
            asyncio.get_running_loop().add_signal_handler(number, stopping.tell, number)
        return await main(stopping)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(serve())
    # The last stop: Python would print its text, which may hold content; aiokafka leaks CancelledErrors.
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
        structlog.get_logger().error("stopped_by_error", exc_info=error)
        return 1


def has_terminal() -> bool:
    """Whether a terminal controls this process: one that closes ends its processes by SIGHUP."""
    try:
        with Path("/dev/tty").open("rb", buffering=0):
            return True
    except OSError:
        return False


def collect_garbage_seldom() -> None:
    """Leave what is there now out of the search for cycles, and search the rest seldom.

    What a request or a chat leaves is freed by counting references. Searching everything for cycles took 7 µs
    a request in `ingest`, and stops `tagger` for 0.1 s with 100,000 keywords in force. To be called again
    when something large has come to stay. A connection that was open for long leaves a cycle when it closes, and
    is old by then: so all is searched at last, once in ten million new objects.
    """
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS_MAX, 20, 10)
