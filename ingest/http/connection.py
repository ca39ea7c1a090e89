"""The public door: HTTP connections with deadlines and limits, which aiohttp's server does not have.

It promises that who sends nothing, sends little by little, or does not read what is answered holds a connection
for a while and little memory, and that at the limit it is such a connection that yields to a new one. What is no
HTTP is answered 400 with nothing of it quoted. It never looks into a body.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, cast

import structlog
from aiohttp import web

from ingest.http.incoming_body import IncomingBody, ends_with, of_request
from ingest.http.listening_socket import files_allowed, let_nobody_in

CONNECTIONS_MAX: Final = 4_000  # LiveChat comes through a proxy over some dozens; each costs about 30 kB
FILES_OF_OUR_OWN: Final = 100  # the spool, Kafka's connections, libraries
HEAD_S_MAX: Final = (
    5.0  # for a whole request head since its first byte, and for the first byte of a connection
)
KEEP_ALIVE_S: Final = 75.0  # longer than the proxies before us, so that it is they who close
LINGER_S: Final = (
    2.0  # for reading on after a refusal, so that the answer is read before the connection is reset
)
UNREAD_S_MAX: Final = 10.0  # for which answers may lie here unread; LiveChat waits no longer for one
UNREAD_BYTES_MAX: Final = 32 * 1024  # of answers, then no more requests are handled; the kernel holds more
LINE_BYTES_MAX: Final = 2_048  # of the request line
FIELD_BYTES_MAX: Final = 4_096  # of one header
HEADERS_MAX: Final = 50  # LiveChat sends ten, proxies add some
HEAD_BYTES_MAX: Final = 16 * 1024  # of a head that is not whole yet; of one that is, 8 % more than that
PIECE_BYTES: Final = 2 * 1024  # of what is read is looked at before the next piece; most webhooks are smaller
BODY_BUFFER_BYTES: Final = 64 * 1024  # of a body that nobody has asked for yet; at twice that reading pauses
BODY_BYTES_MAX: Final = 1024 * 1024  # of a body that is read on after its refusal; nothing good is as large
CHUNKING_BYTES_MAX: Final = 1024  # that chunks may add to a body of any size: 150 of them, and beside that
CHUNK_BYTES_MIN: Final = 512  # a chunk for each so many bytes; proxies make them of 4 KiB and more
BACKLOG: Final = 1_024  # connections that the kernel may queue while the loop is busy
LOOK_S: Final = 1.0  # how often the slow are looked for

log = structlog.get_logger()


class Connection(web.RequestHandler):
    """One connection. aiohttp bounds neither the time of a head or of an answer nor what chunks cost: done here."""

    __slots__ = ("_body", "_deaf", "_door", "_head_bytes", "_head_since", "_open", "_rank", "_unread_since")

    def __init__(self, door: "Door", **options: Any) -> None:
        super().__init__(door, loop=door.loop, **options)
        self._door = door
        self._open: asyncio.Transport | None = None  # while it is; aiohttp drops its own reference early
        self._body: IncomingBody | None = None
        self._deaf = False  # it is cut, or what came is no HTTP: what comes behind is not looked at
        self._head_since = door.loop.time()  # when the head that is awaited began; 0 while none has
        self._head_bytes = 0
        self._unread_since = 0.0  # since when answers lie here; 0 while none do
        self._rank = door.strangers  # where it stands, unless it stays

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        door, transport = self._door, cast(asyncio.Transport, made)  # uvloop's is no subclass of it
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
        if self._open is not None:
            self._door.count -= 1
            self.stay()
        self._open = self._body = None
        self._messages.clear()  # each points back here, and what points in circles is freed late
        super().connection_lost(exc)

    def stay(self) -> None:
        """It yields to nobody until `may_yield`: what it sent has the secret and is being stored."""
        self._rank.pop(self, None)

    def may_yield(self) -> None:
        """It sent the secret and is answered: it yields after all strangers, and after those that rest longer."""
        if self._open is not None:
            self._rank.pop(self, None)
            self._rank = known = self._door.known
            known[self] = None

    def cut(self, reason: str) -> None:
        """Close it at once, whatever lies unread; the reason is one of `ingest_connections_closed_total`."""
        if self._open is not None:
            self._deaf = True
            self._door.closed(reason)
            self.stay()
            self._open.abort()
            self.force_close()

    def data_received(self, data: bytes) -> None:
        """Feed it piece by piece, so that what is wrong is seen before all of it has been parsed."""
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
        """Have it parsed, and keep account of what came: a whole head, more of a body, or more of a head."""
        if self._deaf:
            return
        requests = self._request_count
        super().data_received(piece)
        body = self._body
        if self._request_count != requests and self._messages:
            self._take_head(piece)
        elif body is None:
            self._head_goes_on(len(piece))
        else:
            body.wire += len(piece)
            if body.stream.is_eof():
                self._body = None
                if not ends_with(piece, body.stream, body.length is None):
                    self._head_goes_on(0)
            elif body.wire > BODY_BYTES_MAX:
                self.cut("body")
            elif body.length is None and not self._reading_paused and body.chunking() > _chunking_max(body):
                self.cut("chunks")

    def _take_head(self, piece: bytes) -> None:
        """A head has come, mostly with all of its body."""
        message: Any  # what is no HTTP has another type
        message, stream = self._messages[-1]
        self._body, self._head_bytes, self._head_since = None, 0, 0.0
        if not stream.is_eof():
            self._body = of_request(message, stream)
        elif stream.total_bytes:
            if not ends_with(piece, stream, message.chunked):
                self._head_goes_on(0)
        elif (error := getattr(message, "exc", None)) is not None:
            self._deaf = True
            error.__traceback__ = None  # it holds what was received, and points in a circle

    def _head_goes_on(self, size: int) -> None:
        """A part of a head has come, maybe behind a body: from now on it has a deadline."""
        self._head_bytes += size
        self._head_since = self._head_since or self._loop.time()
        if self._head_bytes > HEAD_BYTES_MAX:
            self.cut("head")

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks for it after each body that was read, a twentieth of a request; mostly nothing was paused."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def look(self, now: float) -> None:
        """Close it where the other side has taken its time."""
        if self._open is None:
            return
        if self._head_since and now - self._head_since >= HEAD_S_MAX and self._awaits_head():
            self.cut("slow")
        elif not self._open.get_write_buffer_size():
            self._unread_since = 0.0
        elif not self._unread_since:
            self._unread_since = now
        elif now - self._unread_since >= UNREAD_S_MAX:
            self.cut("unread")

    def _awaits_head(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp could not read as HTTP, or a mistake of ours; aiohttp would quote and log it."""
        return self._door.on_error(status, exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        # Behind a refusal the body may be no HTTP; and aiohttp may go on reading where we have closed.
        if not isinstance(error, web.RequestPayloadError) and not self._force_close:
            log.error("connection_failed", exc_info=error)


def _chunking_max(body: IncomingBody) -> float:
    """Bytes that chunks may add to it: a chunk has a length of up to 5 digits and two line ends."""
    came: int = body.stream.total_bytes
    return CHUNKING_BYTES_MAX + came / CHUNK_BYTES_MIN * 9


class Door(web.Server):
    """Listens. `handler` answers requests, `on_error` what is none, `closed` is told why a connection was cut."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        on_error: Callable[[int, BaseException | None], web.StreamResponse],
        closed: Callable[[str], None],
    ) -> None:
        super().__init__(handler)
        self.loop, self.on_error, self.closed = asyncio.get_running_loop(), on_error, closed
        self.count = self.count_max = 0  # open connections
        # Those that yield where there are too many, the first ones first; as many as there are connections.
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
            max_field_size=FIELD_BYTES_MAX,
            max_headers=HEADERS_MAX,
            read_bufsize=BODY_BUFFER_BYTES,
            auto_decompress=False,  # LiveChat does not compress; a bomb might
        )

    def one_yields(self) -> bool:
        """Make room for a new connection; False where all have something in hand that has the secret."""
        for yielding in (self.strangers, self.known):
            for connection in yielding:
                connection.cut("yielded")
                return True
        return False

    async def open(
        self, host: str, port: int, *, shared: bool = True, connections_max: int | None = None
    ) -> int:
        """Listen, and tell the port. Raises OSError where the address is taken.

        shared           other processes may listen at the same port (SO_REUSEPORT)
        connections_max  None: as many as the process can have
        """
        self.count_max = connections_max or min(
            CONNECTIONS_MAX, files_allowed(CONNECTIONS_MAX + FILES_OF_OUR_OWN) - FILES_OF_OUR_OWN
        )
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
        self._socket.setblocking(False)
        self._listening = await self.loop.create_server(self, sock=self._socket.dup(), backlog=BACKLOG)
        return int(self._socket.getsockname()[1])

    async def close_the_slow(self) -> None:
        """Close connections whose head does not come or whose answers nobody reads, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self.loop.time()
            for connection in self.connections:
                connection.look(now)  # type: ignore[attr-defined]  # all are ours

    async def stop_listening(self) -> None:
        """Stop so that nobody is cut off: closing a listening socket resets the connections in its queue."""
        if self._socket is None or self._listening is None:
            return
        let_nobody_in(self._socket)
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
