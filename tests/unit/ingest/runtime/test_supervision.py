"""Background tasks are restarted after any end; a client that closes badly ends nothing."""

import asyncio
from collections.abc import Callable

import pytest

from ingest.runtime import supervision
from ingest.runtime.supervision import Tasks, closed, together, unless_set


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "RESTART_S_MIN", 0.001)


async def leaked_cancellation() -> None:
    """As aiokafka does: somebody waits for a task that was cancelled."""
    inner = asyncio.ensure_future(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


async def raises() -> None:
    raise RuntimeError("text that may hold content")


async def returns() -> None:
    pass


@pytest.mark.parametrize(
    ("ending", "named"),
    [(raises, "RuntimeError"), (leaked_cancellation, "CancelledError"), (returns, "ended")],
)
async def test_a_task_that_ends_is_restarted_counted_and_named(
    ending: Callable[[], object], named: str
) -> None:
    restarts: list[str] = []
    tasks, runs, again = Tasks(restarts.append), 0, asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs <= 2:
            await ending()  # type: ignore[misc]
        else:
            again.set()
            await asyncio.Event().wait()

    tasks.start("reload", run)
    await asyncio.wait_for(again.wait(), 60)
    assert restarts == ["reload", "reload"]
    assert tasks.failing() == {"reload": named}
    await tasks.stop()


async def test_a_task_that_was_steady_since_is_named_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "STEADY_S", 0.0)
    again = asyncio.Event()
    ended: list[str] = []
    tasks = Tasks(ended.append)

    async def run() -> None:
        if not ended:
            raise ValueError
        again.set()
        await asyncio.Event().wait()

    tasks.start("commits", run)
    await asyncio.wait_for(again.wait(), 60)
    assert tasks.failing() == {}
    await tasks.stop()


async def test_stopping_ends_every_task_and_starts_none_again() -> None:
    restarts: list[str] = []
    tasks = Tasks(restarts.append)
    for name in ("one", "two"):
        tasks.start(name, asyncio.Event().wait)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await tasks.stop()
    assert restarts == []


@pytest.mark.parametrize(
    ("closing", "outcome"),
    [(returns, None), (raises, RuntimeError), (leaked_cancellation, asyncio.CancelledError)],
)
async def test_closing_a_client_raises_nothing(
    closing: Callable[[], object], outcome: type[BaseException] | None
) -> None:
    error = await closed(closing(), 60)  # type: ignore[arg-type]
    assert outcome is None if error is None else isinstance(error, outcome or ())


async def test_a_client_that_never_closes_is_left() -> None:
    assert isinstance(await closed(asyncio.Event().wait(), 0.01), TimeoutError)


async def test_who_closes_a_client_can_be_cancelled() -> None:
    closing = asyncio.ensure_future(closed(asyncio.Event().wait(), 60))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing


async def test_results_come_in_the_order_of_the_works() -> None:
    assert await together([asyncio.sleep(0.01, 1), asyncio.sleep(0, 2)]) == [1, 2]
    assert await together([]) == []


async def test_the_first_error_is_raised_as_it_is_once_the_others_have_ended() -> None:
    ended: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("waits")

    with pytest.raises(RuntimeError, match="content"):
        await together([waits(), raises()])
    assert ended == ["waits"]


async def test_a_wait_ends_when_its_event_is_set() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await unless_set(event, asyncio.sleep(10**6, "late")) is None
    assert await unless_set(asyncio.Event(), asyncio.sleep(0, "in time")) == "in time"
