"""An HTTP server on the loopback that can go away, and come back at the same address."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from aiohttp import web

from tagger.simulator.livechat.port import HOST, reserved_port

SHUTDOWN_S: Final = 1.0  # for unfinished answers; then they are cut off


class Listener:
    """`make_app` is called for every opening: aiohttp does not serve an application twice."""

    def __init__(self, make_app: Callable[[], web.Application]) -> None:
        self._make_app = make_app
        self._runner: web.AppRunner | None = None
        self._port = 0  # the same from the first opening to the end
        self._reservation = ExitStack()

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    async def open(self) -> None:
        """Listen; the first time on a free port."""
        assert self._runner is None, "it is open already"
        if not self._port:
            self._port = self._reservation.enter_context(reserved_port())
        self._runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def close(self) -> None:
        """Stop listening and close all connections, but keep the address."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def end(self) -> None:
        """Close, and release the address."""
        await self.close()
        self._reservation.close()
