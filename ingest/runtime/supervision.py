"""Background tasks that are restarted when they end, and clients that close without surprises.

It promises that no background task ends unnoticed: one that ends is counted, named in health and restarted with
back-off. A CancelledError that is not ours ends nothing: aiokafka's `stop()` and `close()` can leak one (they
cancel tasks of their own and wait for them).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

RESTART_S_MIN: Final = 0.5  # before the first restart; doubles with each that does not last
RESTART_S_MAX: Final = 10.0  # so a task is back within 30 s of any failure
STEADY_S: Final = 5.0  # a task that ran this long has recovered: health no longer names it
CANCEL_S: Final = 1.0  # until a cancelled call has ended

log = structlog.get_logger()

T = TypeVar("T")
Run = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class _Kept:
    task: asyncio.Task[None]
    restarts: int = 0  # in a row, each before the task was steady
    error_type: str | None = None  # what ended it last; None: it never ended
    started_at: float = 0.0  # the loop's time


class Tasks:
    """The background tasks of one process by name; `on_restart` gets the name of each that ended unasked."""

    def __init__(self, on_restart: Callable[[str], None]) -> None:
        self._on_restart = on_restart
        self._kept: dict[str, _Kept] = {}  # as many as a process starts, about ten

    def start(self, name: str, run: Run) -> None:
        """Keep `run()` running until `stop`. One that returns is restarted as well."""
        task = asyncio.create_task(self._keep(name, run), name=name)
        self._kept[name] = _Kept(task, started_at=asyncio.get_running_loop().time())

    def failing(self) -> dict[str, str]:
        """Tasks that ended recently, by name: the type of the error that ended each."""
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
                if kept.task.cancelling():  # not merely something that it waited for
                    raise
                error = cancelled
            except Exception as failure:  # noqa: BLE001  # any error: the task is restarted
                error = failure
            kept.restarts = 1 if loop.time() - kept.started_at >= STEADY_S else kept.restarts + 1
            kept.error_type = type(error).__name__ if error else "ended"
            kept.started_at = loop.time() + RESTART_S_MAX  # health names it until it is steady
            self._on_restart(name)
            log.error("task_restarts", task=name, attempts=kept.restarts, exc_info=error)
            await asyncio.sleep(min(RESTART_S_MIN * 2 ** min(kept.restarts - 1, 10), RESTART_S_MAX))


async def closed(closing: Awaitable[object], deadline_s: float) -> BaseException | None:
    """Await a client's `stop()` or `close()` for `deadline_s` seconds at most, and never raise what it raises.

    return  None if it ended well; else what it raised, or TimeoutError
    """
    task = asyncio.ensure_future(closing)
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


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. The first error ends the others, which are waited for, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def unless_set(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The work's result; None if the event is set first, and the work is cancelled."""
    task, setting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, setting}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_S)
        return None
    finally:
        setting.cancel()
