"""An aiohttp application behind the door of all our addresses (`ingest.http.connection`): its limits, its deadlines.

For pages that people open in a browser. A connection whose request is recognised makes room last.
"""

from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from ingest.http.answer import Answer
from ingest.http.connection import Connection, Door

CONNECTIONS_MAX: Final = 300  # a browser opens six, and one more for each screen that is kept live
FIELD_BYTES_MAX: Final = 8_190  # of one header: the cookies of a proxy that logs people in come along

log = structlog.get_logger()


def recognise(request: web.BaseRequest) -> None:
    """Let the connection of a request yield after those of all strangers."""
    if isinstance(request.protocol, Connection):
        request.protocol.may_yield()


class AppServer:
    """Serves one application on one address."""

    def __init__(self, app: web.Application, closed: Callable[[str], None] = lambda _: None) -> None:
        """`closed` is called with the reason when a connection is cut."""
        self._runner, self._closed = web.AppRunner(app, access_log=None), closed
        self._door: Door | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port. Raises OSError if the address is taken."""
        await self._runner.setup()
        made = self._runner.server  # how the application takes requests; it listens nowhere itself
        assert isinstance(made, web.Server)
        self._door = Door(
            made.request_handler,
            _on_error,
            self._closed,
            request_factory=made.request_factory,
            field_bytes_max=FIELD_BYTES_MAX,
        )
        return await self._door.open(host, port, shared=False, count_max=CONNECTIONS_MAX)

    async def close_the_slow(self) -> None:
        """Close slow connections, indefinitely. `start` comes first."""
        assert self._door is not None
        await self._door.close_the_slow()

    async def stop(self) -> None:
        """Close the address and every connection, then what the application holds."""
        if self._door is not None:
            await self._door.close()
        await self._runner.cleanup()


def _on_error(status: int, error: BaseException | None) -> web.StreamResponse:
    if status < 500:
        return Answer(400, "Bad Request", close=True)
    log.error("page_failed", exc_info=error)
    return Answer(500, "Internal Server Error", close=True)
