"""One port that leads to another, and everything that can happen on the way.

A service is told the proxy's address instead of the far side's; clients of Kafka are told of it by the broker, too, so
each broker has a proxy: see `far.py`.
What happens may change at any time, and holds for the connections that there are as for new ones.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal, Self

from tagger.simulator.livechat.port import HOST, reserved_port

CHUNK_BYTES_MAX: Final = 16_384  # read at a time; a connection holds one and what its two sockets buffer
CONNECTIONS_MAX: Final = 500  # at once; a service of ours has at most some dozens, and one more is cut off
STEPS_PER_S: Final = 20  # a slow way passes on so many small pieces a second, not a large one now and then
LINGER_NOT: Final = struct.pack("ii", 1, 0)  # closing sends RST

# What becomes of what is sent. "held": nothing is passed on, and nobody is told; "answers held": only what the far
# side says is kept back, so requests take effect.
Passing = Literal["all", "held", "answers held"]
Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """An async context manager: it listens on `port`, from the first to the last moment."""

    def __init__(self, far_port: Callable[[], int]) -> None:
        """`far_port` is asked at every connection: the far side may move."""
        self.delay_s = 0.0  # for each chunk, each way; a slow link, too, as the next one waits for it
        self.bytes_per_s: float | None = None  # of a connection, each way
        self.refused = 0  # connections, as there were too many
        self._far_port = far_port
        self._reserved = reserved_port()
        self.port = self._reserved.__enter__()
        self._server: asyncio.Server | None = None
        self._ways: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._requests, self._answers = asyncio.Event(), asyncio.Event()
        self.passing = "all"

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        return len(self._ways)

    @property
    def passing(self) -> Passing:
        return self._passing

    @passing.setter
    def passing(self, passing: Passing) -> None:
        self._passing = passing
        for event, passes in ((self._requests, passing != "held"), (self._answers, passing == "all")):
            event.set() if passes else event.clear()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        await self._end(self._abort)
        self._reserved.__exit__(None, None, None)

    async def open(self) -> None:
        """Let new connections in."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, HOST, self.port, limit=CHUNK_BYTES_MAX, reuse_address=True
            )

    async def refuse(self) -> None:
        """Let no new connection in; those that there are stay."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()

    async def cut(self) -> None:
        """End all connections in order (FIN), whatever they are in the middle of."""
        await self._end(lambda writer: writer.close())

    async def reset(self) -> None:
        """End all connections without a word of what was sent (RST)."""
        await self._end(self._abort)

    async def _end(self, how: Callable[[asyncio.StreamWriter], object]) -> None:
        ways = dict(self._ways)
        for task, writers in ways.items():
            for writer in writers:
                how(writer)
            task.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    @staticmethod
    def _abort(writer: asyncio.StreamWriter) -> None:
        found = writer.get_extra_info("socket")
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        writer.transport.abort()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._ways) >= CONNECTIONS_MAX:
            self.refused += 1
            self._abort(writer)
            return
        task = asyncio.create_task(self._lead((reader, writer)))
        self._ways[task] = [writer]
        task.add_done_callback(self._ways.__delitem__)

    async def _lead(self, near: Way) -> None:
        writers = self._ways[asyncio.current_task()]  # type: ignore[index]  # it is one
        try:
            await self._requests.wait()
            far = await asyncio.open_connection(HOST, self._far_port(), limit=CHUNK_BYTES_MAX)
            writers.append(far[1])
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(near[0], far[1], self._requests))
                both.create_task(self._pass(far[0], near[1], self._answers))
        except* OSError:
            pass  # one side is gone, so the other is let go, too
        finally:
            for writer in writers:
                writer.close()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: asyncio.Event
    ) -> None:
        while chunk := await reader.read(self._step):
            await asyncio.sleep(self.delay_s)
            if self.bytes_per_s is not None:
                await asyncio.sleep(len(chunk) / self.bytes_per_s)
            await passes.wait()
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    @property
    def _step(self) -> int:
        if self.bytes_per_s is None:
            return CHUNK_BYTES_MAX
        return max(1, min(CHUNK_BYTES_MAX, int(self.bytes_per_s / STEPS_PER_S)))
