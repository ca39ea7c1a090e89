"""The public door: HTTP connections with deadlines and limits, which aiohttp's server does not have.

It promises that a sender who sends nothing, sends slowly or reads no answers holds a connection for a while and
little memory, and that at the limit such a connection yields to a new one. What is not HTTP is answered 400 and
never quoted. It never looks into a body.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import chain
from typing import Any, Final, cast

import structlog
from aiohttp import web

from ingest.http.listening_socket import drop_newcomers, files_allowed
from ingest.http.request_body import RequestBody, ends_with, of_request

CONNECTIONS_MAX: Final = 4_000  # LiveChat comes through a proxy over some dozens; each costs about 30 kB
FILES_OF_OUR_OWN: Final = 100  # the spool, Kafka's connections, libraries
HEAD_S_MAX: Final = 5.0  # for a whole request head since its first byte, or since the connection was made
KEEP_ALIVE_S: Final = 75.0  # longer than the proxies before us, so that they close first
LINGER_S: Final = 2.0  # for reading on after a refusal, so that a reset does not overtake the answer
UNREAD_S_MAX: Final = 10.0  # for answers to be read; LiveChat waits no longer for one
UNREAD_BYTES_MAX: Final = 32 * 1024  # of unread answers before requests wait; the kernel holds more
LINE_BYTES_MAX: Final = 2_048  # of the request line
FIELD_BYTES_MAX: Final = 4_096  # of one header
HEADERS_MAX: Final = 50  # LiveChat sends ten, proxies add some
HEAD_BYTES_MAX: Final = 16 * 1024  # of an incomplete head; a complete one may have 8 % more
PIECE_BYTES: Final = 2 * 1024  # parsed at a time; most webhooks are smaller
BODY_BUFFER_BYTES: Final = 64 * 1024  # of a body that is not read yet; at twice that the socket pauses
BODY_BYTES_MAX: Final = 1024 * 1024  # of a body that is read on after its refusal; no webhook is as large
BACKLOG: Final = 1_024  # connections that the kernel queues while the loop is busy
LOOK_S: Final = 1.0  # between looks for slow connections

log = structlog.get_logger()


class Connection(web.RequestHandler):
    """One connection, with the bounds that aiohttp does not have: on heads, answers, chunks."""

    __slots__ = ("_body", "_deaf", "_door", "_head_bytes", "_head_since", "_open", "_rank", "_unread_since")

    def __init__(self, door: "Door", **options: Any) -> None:
        super().__init__(door, loop=door.loop, **options)
        self._door = door
        self._open: asyncio.Transport | None = None  # None once closed; aiohttp drops its own reference early
        self._body: RequestBody | None = None
        self._deaf = False  # it is cut, or sent what is not HTTP: the rest is ignored
        self._head_since = door.loop.time()  # when the awaited head began; 0: it has not begun
        self._head_bytes = 0
        self._unread_since = 0.0  # since when answers wait to be read; 0: none do
        self._rank = door.strangers  # the queue that it is in, unless it stays

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        """Let the connection in, if necessary in another one's place."""
        door, transport = self._door, cast(asyncio.Transport, made)  # uvloop's is not a subclass
        if door.count >= door.count_max and not door.one_yields():
            door.closed("too_many")
            transport.abort()
            return
        self._open = transport
        door.count += 1
        self._rank = door.strangers
        self._rank[self] = None
        transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free what the connection held."""
        if self._open is not None:
            self._door.count -= 1
            self.stay()
        self._open = self._body = None
        self._messages.clear()  # each points back here, and cycles are freed late
        super().connection_lost(exc)

    def stay(self) -> None:
        """Yield to nobody until `may_yield`: what it sent has the secret and is being stored."""
        self._rank.pop(self, None)

    def may_yield(self) -> None:
        """Yield after all strangers and those that have been idle longer: it sent the secret and is answered."""
        if self._open is not None:
            self._rank.pop(self, None)
            self._rank = known = self._door.known
            known[self] = None

    def cut(self, reason: str) -> None:
        """Close it at once, with unread answers or without; reasons: see `ingest_connections_closed_total`."""
        if self._open is not None:
            self._deaf = True
            self._door.closed(reason)
            self.stay()
            self._open.abort()
            self.force_close()

    def data_received(self, data: bytes) -> None:
        """Parse piece by piece, so that a wrong piece stops it before the rest is parsed."""
        if len(data) <= PIECE_BYTES:
            self._take(data)
            return
        start = 0
        while start < len(data) and not self._force_close and not self._deaf:
            end = start + PIECE_BYTES + (self._body.left() if self._body is not None else 0)
            if self._buffer_paused or self._reading_paused:  # the parser keeps it until there is room
                end = len(data)
            self._take(data[start:end])
            start = end

    def _take(self, piece: bytes) -> None:
        """Parse it and account for it: a complete head, more of a body, or more of a head."""
        if self._deaf:
            return
        requests = self._request_count
        super().data_received(piece)
        body = self._body
        if self._request_count != requests and self._messages:
            self._take_head(piece)
        elif body is None:
            self._more_of_a_head(len(piece))
        else:
            body.wire += len(piece)
            if body.stream.is_eof():
                self._body = None
                if not ends_with(piece, body.stream, body.length is None):
                    self._more_of_a_head(0)
            elif body.wire > BODY_BYTES_MAX:
                self.cut("body")
            elif body.length is None and not self._reading_paused and body.chunks_are_too_small():
                self.cut("chunks")

    def _take_head(self, piece: bytes) -> None:
        """A head is complete, usually with its whole body."""
        message: Any  # what is not HTTP has another type
        message, stream = self._messages[-1]
        self._body, self._head_bytes, self._head_since = None, 0, 0.0
        if not stream.is_eof():
            self._body = of_request(message, stream)
        elif stream.total_bytes:
            if not ends_with(piece, stream, message.chunked):
                self._more_of_a_head(0)
        elif (error := getattr(message, "exc", None)) is not None:
            self._deaf = True
            error.__traceback__ = None  # it holds what was received, in a cycle

    def _more_of_a_head(self, size: int) -> None:
        """A part of a head has come, maybe after a body: now it has a deadline."""
        self._head_bytes += size
        self._head_since = self._head_since or self._loop.time()
        if self._head_bytes > HEAD_BYTES_MAX:
            self.cut("head")

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Called by aiohttp after each body: a twentieth of a request's CPU, and usually nothing was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def look(self, now: float) -> None:
        """Close it if the other side is too slow."""
        if self._open is None:
            return
        waiter = self._waiter  # aiohttp's, while it awaits a head
        if self._head_since and now - self._head_since >= HEAD_S_MAX and waiter and not waiter.done():
            self.cut("slow")
        elif not self._open.get_write_buffer_size():
            self._unread_since = 0.0
        elif not self._unread_since:
            self._unread_since = now
        elif now - self._unread_since >= UNREAD_S_MAX:
            self.cut("unread")

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or a bug of ours; aiohttp would quote and log it."""
        return self._door.on_error(status, exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log a bug, without content."""
        error = kw.get("exc_info")
        # After a refusal the body may not be HTTP, and aiohttp may read on after we closed.
        if not isinstance(error, web.RequestPayloadError) and not self._force_close:
            log.error("connection_failed", exc_info=error)


class Door(web.Server):
    """Listens. `handler` answers requests, `on_error` what is not one; `closed` gets the reason of a cut connection."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        on_error: Callable[[int, BaseException | None], web.StreamResponse],
        closed: Callable[[str], None],
        *,
        request_factory: Callable[..., web.BaseRequest] | None = None,
        field_bytes_max: int = FIELD_BYTES_MAX,
    ) -> None:
        """request_factory: makes a handler's requests; None: plain ones. field_bytes_max: of one header."""
        super().__init__(handler, request_factory=request_factory)
        self.loop, self.on_error, self.closed = asyncio.get_running_loop(), on_error, closed
        self._field_bytes_max = field_bytes_max
        self.count = self.count_max = 0  # open connections
        # Those that yield at the limit, the first ones first; bounded by the connections.
        self.strangers: dict[Connection, None] = {}  # by when they came
        self.known: dict[Connection, None] = {}  # by when they last sent a right secret
        self._socket: socket.socket | None = None
        self._listening: asyncio.Server | None = None

    def __call__(self) -> Connection:
        return Connection(
            self,
            access_log=None,  # it would halve the throughput, and it quotes requests
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=self._field_bytes_max,
            max_headers=HEADERS_MAX,
            read_bufsize=BODY_BUFFER_BYTES,
            auto_decompress=False,  # LiveChat does not compress; a bomb might
        )

    def one_yields(self) -> bool:
        """Cut a connection for a new one; False if all have a request with the secret in flight."""
        first = next(chain(self.strangers, self.known), None)
        if first is not None:
            first.cut("yielded")
        return first is not None

    async def open(self, host: str, port: int, *, shared: bool = True, count_max: int | None = None) -> int:
        """Listen and return the port. Raises OSError if the address is taken.

        shared: other processes may listen on the same port (SO_REUSEPORT). count_max None: what the process can have.
        """
        self.count_max = count_max or min(
            CONNECTIONS_MAX, files_allowed(CONNECTIONS_MAX + FILES_OF_OUR_OWN) - FILES_OF_OUR_OWN
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
        self._socket.setblocking(False)
        self._listening = await self.loop.create_server(self, sock=self._socket.dup(), backlog=BACKLOG)
        return int(self._socket.getsockname()[1])

    async def close_the_slow(self) -> None:
        """Indefinitely close connections whose head does not come or whose answers nobody reads."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self.loop.time()
            for connection in self.connections:
                connection.look(now)  # type: ignore[attr-defined]  # all are ours

    async def stop_listening(self) -> None:
        """Stop without cutting anybody off: closing a listening socket resets the connections in its queue."""
        if self._socket is None or self._listening is None:
            return
        drop_newcomers(self._socket)
        self._listening.close()
        with suppress(BlockingIOError):
            while True:
                queued, _ = self._socket.accept()
                await self.loop.connect_accepted_socket(self, queued)
        self._socket.close()
        self._socket = None

    async def close(self) -> None:
        """Close what is still open."""
        await self.stop_listening()
        await self.shutdown(timeout=1.0)
