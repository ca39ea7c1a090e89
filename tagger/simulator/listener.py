"""An HTTP server on the loopback that can go away, and come back at the same address."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

HOST: Final = "127.0.0.1"
SHUTDOWN_S: Final = 1.0  # for answers under way; then they are cut off


class Listener:
    """`make_app` gives the routes anew each time: aiohttp serves no application twice."""

    def __init__(self, make_app: Callable[[], web.Application]) -> None:
        self._make_app = make_app
        self._runner: web.AppRunner | None = None
        self._port = 0  # any that is free, the first time

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    async def open(self) -> None:
        assert self._runner is None, "it is open already"
        self._runner = web.AppRunner(self._make_app(), access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()
        self._port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
