"""Background tasks that start again when they end by themselves, and clients that close without surprises.

It promises that no background task is ever gone in silence: what ends is counted, named in health and started
again with back-off. A CancelledError that is not ours ends nothing: aiokafka's `stop()` and `close()` can leak
one (they cancel tasks of their own and wait for them).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

RESTART_S_MIN: Final = 0.5  # before the first restart; doubles with each that does not last
RESTART_S_MAX: Final = 10.0  # back within 30 s, whatever ended it
STEADY_S: Final = 5.0  # a task that ran for so long is well again: health names it no more
CANCEL_S: Final = 1.0  # for a call that was cancelled to end

log = structlog.get_logger()

T = TypeVar("T")
Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Kept:
    task: asyncio.Task[None]
    restarts: int = 0  # in a row, each before the task was steady
    error_type: str | None = None  # what ended it last; None: it is well
    started_at: float = 0.0  # the loop's time


class Tasks:
    """The background tasks of one process, each under a name of its own.

    on_restart  is called with the name of each task that ended by itself
    """

    def __init__(self, on_restart: Callable[[str], None]) -> None:
        self._on_restart = on_restart
        self._kept: dict[str, _Kept] = {}  # as many as a process starts, about ten

    def start(self, name: str, run: Run) -> None:
        """Keep `run()` running until `stop`. A run that returns counts as ended, too."""
        kept = self._kept[name] = _Kept(asyncio.create_task(self._keep(name, run), name=name))
        kept.started_at = asyncio.get_running_loop().time()

    def failing(self) -> dict[str, str]:
        """Tasks that ended of late, by name: the type of the error that ended each. Empty when all is well."""
        now = asyncio.get_running_loop().time()
        return {
            name: kept.error_type
            for name, kept in self._kept.items()
            if kept.error_type is not None and now - kept.started_at < STEADY_S
        }

    async def stop(self) -> None:
        """End all tasks and wait for them."""
        tasks = [kept.task for kept in self._kept.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep(self, name: str, run: Run) -> None:
        loop = asyncio.get_running_loop()
        while True:
            kept = self._kept[name]
            kept.started_at = loop.time()
            error: BaseException | None = None
            try:
                await run()
            except asyncio.CancelledError as cancelled:
                if _are_we_cancelled():
                    raise
                error = cancelled
            except Exception as failure:  # noqa: BLE001 - whatever it was, the task goes on
                error = failure
            kept.restarts = 1 if loop.time() - kept.started_at >= STEADY_S else kept.restarts + 1
            kept.error_type = type(error).__name__ if error else "ended"
            kept.started_at = (
                loop.time() + RESTART_S_MAX
            )  # named for as long as it is down, and until it is steady
            self._on_restart(name)
            log.error("task_restarts", task=name, attempts=kept.restarts, exc_info=error)
            await asyncio.sleep(min(RESTART_S_MIN * 2 ** min(kept.restarts - 1, 10), RESTART_S_MAX))


def _are_we_cancelled() -> bool:
    """Whether somebody cancelled this very task, rather than something it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def closed(closing: Awaitable[object], deadline_s: float) -> BaseException | None:
    """Await the `stop()` or `close()` of a client, for `deadline_s` seconds at most, and never raise for it.

    return  None where it ended well; else what it raised, a TimeoutError where it did not end
    """

    async def run() -> None:
        await closing

    task = asyncio.ensure_future(run())
    try:
        await asyncio.wait([task], timeout=deadline_s)
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=CANCEL_S)
            return TimeoutError()
    except asyncio.CancelledError:
        task.cancel()
        raise
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def unless_told(told: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """Wait for something, but no longer than until the event is set: None then, and the work is cancelled."""
    task, telling = asyncio.create_task(work), asyncio.create_task(told.wait())
    try:
        await asyncio.wait({task, telling}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_S)
        return None
    finally:
        telling.cancel()
