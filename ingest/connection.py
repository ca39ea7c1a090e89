"""The public door: HTTP connections with deadlines and a limit, which aiohttp's server does not have.

It promises that a sender who does not send holds nothing but a connection, for a while, and that what is no
HTTP is answered 400 with nothing of it quoted. It never looks into a body.
"""

import asyncio
import ctypes
import email.utils
import resource
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from ingest.metrics import Metrics

CONNECTIONS_MAX: Final = 4_000  # LiveChat comes through a proxy over some dozens; each costs about 30 kB
FILES_OF_OUR_OWN: Final = 100  # the spool, Kafka's connections, libraries
HEAD_S_MAX: Final = (
    5.0  # for a whole request head since its first byte, and for the first byte of a connection
)
KEEP_ALIVE_S: Final = 75.0  # longer than the proxies before us, so that it is they who close
LINGER_S: Final = (
    2.0  # for reading on after a refusal, so that the answer is read before the connection is reset
)
LINE_BYTES_MAX: Final = 2_048  # of the request line
FIELD_BYTES_MAX: Final = 4_096  # of one header
HEADERS_MAX: Final = 50  # LiveChat sends ten, proxies add some
BACKLOG: Final = 1_024  # connections that the kernel may queue while the loop is busy
SO_ATTACH_FILTER: Final = 26  # of Linux; Python's socket module does not name it
LOOK_S: Final = 1.0  # how often the slow are looked for

log = structlog.get_logger()


class Answer(web.StreamResponse):
    """An answer that is the same for everybody, made once: aiohttp takes 16 µs for one, a third of a request.

    It tells no software and no reason: the status says what the sender needs.
    """

    def __init__(self, status: int, phrase: str, *headers: str, close: bool = False) -> None:
        super().__init__(status=status)
        self.closes = close
        lines = [f"HTTP/1.1 {status} {phrase}", "Content-Length: 0", *headers]
        self._head = "\r\n".join([*lines, *(["Connection: close"] if close else []), "Date: "]).encode()

    @property
    def keep_alive(self) -> bool:
        return not self.closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._head + _date() + b"\r\n\r\n")
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""


_dated = (0, b"")


def _date() -> bytes:
    """The Date header's value, made once a second."""
    global _dated  # noqa: PLW0603  # a cache of one
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, email.utils.formatdate(now, usegmt=True).encode())
    return _dated[1]


class Connection(web.RequestHandler):
    """One connection. aiohttp times neither the first byte nor the rest of a head, so it is done here."""

    __slots__ = ("_admitted", "_counted", "head_since")

    def __init__(self, door: "Door", **options: Any) -> None:
        super().__init__(door, loop=door.loop, **options)
        self.head_since = door.loop.time()  # when the head that is awaited began; 0 while none is
        self._counted, self._admitted = 0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = self._manager
        assert isinstance(door, Door)
        if door.count >= door.count_max:
            door.metrics.connections_closed.labels("too_many").inc()
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        self._admitted = True
        door.count += 1
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._admitted and isinstance(self._manager, Door):
            self._manager.count -= 1
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._request_count != self._counted:
            self._counted, self.head_since = self._request_count, 0.0
        elif not self.head_since and self._awaits_head():
            self.head_since = self._loop.time()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks for it after each body that was read, a twentieth of a request; mostly nothing was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _awaits_head(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def close_if_slow(self, now: float) -> bool:
        if not self.head_since or now - self.head_since < HEAD_S_MAX or not self._awaits_head():
            return False
        self.force_close()
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp could not read as HTTP, or a mistake of ours; aiohttp would quote and log it."""
        assert isinstance(self._manager, Door)
        return self._manager.on_error(status, exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        log.error("a connection failed", exc_info=kw.get("exc_info"))


class Door(web.Server):
    """Listens, on one or more processes' sockets of the same port (SO_REUSEPORT)."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        on_error: Callable[[int, BaseException | None], web.StreamResponse],
        metrics: Metrics,
    ) -> None:
        super().__init__(handler)
        self.loop, self.on_error, self.metrics = asyncio.get_running_loop(), on_error, metrics
        self.count = self.count_max = 0  # open connections
        metrics.connections.set_function(lambda: self.count)
        self._socket: socket.socket | None = None
        self._listening: asyncio.Server | None = None

    def __call__(self) -> Connection:
        return Connection(
            self,
            access_log=None,  # it would halve the throughput, and it quotes requests
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=FIELD_BYTES_MAX,
            max_headers=HEADERS_MAX,
            auto_decompress=False,  # LiveChat does not compress; a bomb might
        )

    async def open(self, host: str, port: int) -> int:
        """Listen, and tell the port. Raises OSError where the address is taken."""
        self.count_max = min(CONNECTIONS_MAX, _files_allowed() - FILES_OF_OUR_OWN)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=True)
        self._socket.setblocking(False)
        self._listening = await self.loop.create_server(self, sock=self._socket.dup(), backlog=BACKLOG)
        return int(self._socket.getsockname()[1])

    async def close_the_slow(self) -> None:
        """Close connections whose head does not come, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self.loop.time()
            slow = sum(connection.close_if_slow(now) for connection in self.connections)  # type: ignore[attr-defined]
            self.metrics.connections_closed.labels("slow").inc(slow)

    async def stop_listening(self) -> None:
        """Stop so that nobody is cut off: closing a listening socket resets the connections in its queue."""
        if self._socket is None or self._listening is None:
            return
        _let_nobody_in(self._socket)
        self._listening.close()
        with suppress(BlockingIOError):
            while True:
                queued, _ = self._socket.accept()
                await self.loop.connect_accepted_socket(self, queued)
        self._socket.close()
        self._socket = None

    def close_idle(self) -> None:
        """Close each connection as soon as it has no request."""
        self.pre_shutdown()

    async def close(self) -> None:
        """Close what is still open."""
        await self.stop_listening()
        await self.shutdown(timeout=1.0)


def _files_allowed() -> int:
    """How many files this process may open, raised as far as it is allowed to: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_OF_OUR_OWN
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def _let_nobody_in(listening: socket.socket) -> None:
    """Have the kernel drop what comes for the socket: senders try again a second later and find it closed."""
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(
            struct.pack("HBBI", 0x06, 0, 0, 0)
        )  # BPF: return 0 bytes, always
        filter_ = struct.pack("HP", 1, ctypes.addressof(program))  # struct sock_fprog of one instruction
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
