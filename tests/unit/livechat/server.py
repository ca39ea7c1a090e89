"""A far side for the client's tests: a real HTTP server on the loopback that answers as a test says."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, Self

import orjson
from aiohttp import web

from tests.deadline import DEADLINE_S


@dataclass
class Asked:
    """One request as it came in."""

    method: str  # the last part of its path: "tag_thread", or "token" for the accounts server
    body: dict[str, Any]
    headers: dict[str, str]


def error(error_type: str, status: int = 400, message: str = "", **data: Any) -> web.Response:
    """An answer in LiveChat's shape of an error."""
    body = {"error": {"type": error_type, "message": message, **({"data": data} if data else {})}}
    return web.json_response(body, status=status)


def tokens(access_token: str, **fields: Any) -> web.Response:
    """An answer of the accounts server."""
    return web.json_response({"access_token": access_token, "expires_in": 28800, **fields})


Answer = Callable[[Asked], web.StreamResponse | Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Answers every request with `answer`, which a test replaces; `asked` is what came in."""

    answer: Answer = lambda _: web.Response()
    stream: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = (
        None  # answers instead, bit by bit
    )
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def has_been_asked(self, times: int) -> None:
        """Wait until so many requests have come in."""
        async with asyncio.timeout(DEADLINE_S), self._came:
            await self._came.wait_for(lambda: len(self.asked) >= times)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        is_form = request.content_type == "application/x-www-form-urlencoded"
        body = dict(await request.post()) if is_form else orjson.loads(await request.read())
        asked = Asked(request.path.rpartition("/")[2], body, dict(request.headers))
        async with self._came:
            self.asked.append(asked)
            self._came.notify_all()
        if self.stream is not None:
            return await self.stream(request)
        answer = self.answer(asked)
        if isinstance(answer, Reset):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return await answer if isinstance(answer, Awaitable) else answer


@contextmanager
def in_a_thread(answer: Answer) -> Iterator[str]:
    """The address of a server for commands, which bring their own event loop."""
    loop, stop, up = asyncio.new_event_loop(), asyncio.Event(), Future[str]()

    async def serve() -> None:
        async with Server(answer) as server:
            up.set_result(server.url)
            await stop.wait()

    thread = Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    yield up.result(DEADLINE_S)
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


class Reset(web.Response):
    """No answer: the connection is cut."""


class Time:
    """A clock that stands still until somebody sleeps, and then has slept at once."""

    def __init__(self) -> None:
        self.now = 1000.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(5):  # what is ready to run does so first
            await asyncio.sleep(0)
        self.now = max(self.now, until)
