"""Answers that go on: server-sent events, each with a heartbeat and an end, and few enough for a small machine.

A browser opens an ended one again by itself, with the id of the last event that it got.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import orjson
from aiohttp import web

STREAMS_MAX: Final = 100  # at the same time, about 50 KB each
HEARTBEAT_S: Final = 15.0  # proxies close what is silent for a minute
STREAM_S_MAX: Final = 600.0  # then the browser opens it again; one that vanished costs no longer
WRITE_S_MAX: Final = 10.0  # for a browser to take an event
TOGETHER_S: Final = 0.5  # what comes within this time is one event
AGAIN_MS: Final = 3_000  # before a browser opens it again
LAST_CHARS_MAX: Final = 18  # of an event's id

Look = Callable[[int], Awaitable[tuple[int, object | None]]]  # the last id → the new one, and what to send


class Streams:
    """How many are open."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = asyncio.Event()  # set once: none may go on

    @asynccontextmanager
    async def one(self) -> AsyncIterator[bool]:
        """Whether one more may be open; then it is, as long as this lasts."""
        if self.count >= STREAMS_MAX:
            yield False
            return
        self.count += 1
        try:
            yield True
        finally:
            self.count -= 1


def last_of(request: web.Request) -> int | None:
    """The id of the last event that a browser got, or from where a page goes on; None: it says none."""
    given = request.headers.get("Last-Event-ID") or request.query.get("last", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= LAST_CHARS_MAX else None


async def stream(
    request: web.Request,
    last: int,
    look: Look,
    changed: Callable[[], Awaitable[None]],
    ended: asyncio.Event,
) -> web.StreamResponse:
    """Send what `look` returns at first and after each change, until it has lasted long enough or all end."""
    answer = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
    )
    await answer.prepare(request)
    await answer.write(b"retry: %d\n\n" % AGAIN_MS)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + STREAM_S_MAX
    ending, waiting = asyncio.ensure_future(ended.wait()), None
    try:
        while loop.time() < ends_at and not ending.done():
            if waiting is None or waiting.done():
                waiting = asyncio.ensure_future(changed())  # before the look, so that nothing is missed
                await asyncio.sleep(0)
                last, event = await look(last)
                if event is not None:
                    await _write(answer, b"id: %d\ndata: %b\n\n" % (last, orjson.dumps(event)))
            await asyncio.wait({waiting, ending}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                await asyncio.sleep(TOGETHER_S)
            else:
                await _write(answer, b": still here\n\n")
    except (ConnectionError, TimeoutError):
        pass  # the browser is gone
    except web.HTTPException:
        pass  # the look found nobody to ask; the answer has begun, so the browser opens it again and asks anew
    finally:
        for future in (ending, waiting):
            if future is not None:
                future.cancel()
    return answer


async def _write(answer: web.StreamResponse, event: bytes) -> None:
    async with asyncio.timeout(WRITE_S_MAX):
        await answer.write(event)
