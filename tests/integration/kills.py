"""Background tasks of a service in this process, killed one by one by an exception that is not one of theirs."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest

from ingest.runtime import supervision
from ingest.runtime.supervision import Tasks

WAIT_S = 60.0

Run = Callable[[], Coroutine[Any, Any, None]]


class InjectedError(Exception):
    pass


class Kills:
    """Wraps every task that is started from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began: Counter[str] = Counter()
        self._orders: dict[str, asyncio.Event] = {}
        monkeypatch.setattr(supervision, "RESTART_S_MIN", 0.5)
        start = Tasks.start
        monkeypatch.setattr(
            Tasks, "start", lambda tasks, name, run: start(tasks, name, self._mortal(name, run))
        )

    @property
    def names(self) -> set[str]:
        return set(self._orders)

    def _mortal(self, name: str, run: Run) -> Run:
        order = self._orders[name] = asyncio.Event()

        async def mortal() -> None:
            self.began[name] += 1
            living, ordered = asyncio.create_task(run()), asyncio.create_task(order.wait())
            try:
                await asyncio.wait({living, ordered}, return_when=asyncio.FIRST_COMPLETED)
                if living.done():
                    living.result()
                    return
            finally:
                ordered.cancel()
                living.cancel()
                await asyncio.wait({living})
            order.clear()
            raise InjectedError

        return mortal

    async def kill(self, name: str, session: aiohttp.ClientSession, admin: str) -> None:
        """Kill a task; returns when health named it and it runs again."""
        began = self.began[name]
        self._orders[name].set()
        named = f"The task {name} ended (InjectedError)"
        async with asyncio.timeout(WAIT_S):
            while named not in await read(session, f"{admin}/health/ready"):
                await asyncio.sleep(0.02)
            while self.began[name] == began:
                await asyncio.sleep(0.02)


async def read(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()
