"""An event loop whose clock jumps to the next timer: hours pass in milliseconds.

It has only what tasks, futures and timers need of asyncio's loops: no sockets, threads or contexts. That makes a turn
several times cheaper, and turns are most of what a history costs.
"""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any


class Timer:
    """A callback and its arguments."""

    __slots__ = ("args", "callback")

    def __init__(self, callback: Callable[..., Any] | None, args: tuple[Any, ...]) -> None:
        self.callback, self.args = callback, args

    def cancel(self) -> None:
        self.callback = None

    def cancelled(self) -> bool:
        return self.callback is None


class Loop:
    """Runs one coroutine and every task that it creates."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._ready: deque[Timer] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._faults: list[dict[str, Any]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Timer:
        timer = Timer(callback, args)
        self._ready.append(timer)
        return timer

    def call_later(
        self, after_s: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> Timer:
        return self.call_at(self.now + after_s, callback, *args)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Timer:
        timer = Timer(callback, args)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)  # type: ignore[arg-type]  # it has everything used here

    def create_task(self, main: Coroutine[Any, Any, Any], **_: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(main, loop=self)  # type: ignore[arg-type]
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self._faults.append(context)

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Return the coroutine's result; tasks left over at the end are cancelled."""
        asyncio._set_running_loop(self)  # type: ignore[arg-type]
        try:
            task = self.create_task(main)
            self._until(task)
            left = [one for one in self._tasks if not one.done()]
            for one in left:
                one.cancel()
            if left:
                self._until(self.create_task(_ended(left)))
        finally:
            asyncio._set_running_loop(None)
        if self._faults:
            raise RuntimeError(f"a task failed: {self._faults[0]}")
        return task.result()

    def _until(self, task: asyncio.Task[Any]) -> None:
        ready, timers = self._ready, self._timers
        while not task.done():
            if not ready:
                if not timers:
                    raise RuntimeError("deadlock: every task waits, and no timer is set")
                when, _, timer = heapq.heappop(timers)
                if timer.callback is None:
                    continue
                self.now = max(self.now, when)
                ready.append(timer)
            timer = ready.popleft()
            if timer.callback is not None:
                timer.callback(*timer.args)


async def _ended(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run on virtual time."""
    return Loop().run(main)
