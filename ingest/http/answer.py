"""An HTTP answer that is made once and sent as it is.

aiohttp takes 16 µs for its own, a third of a request, and names the software that answers.
"""

import email.utils
import time
from functools import lru_cache

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class Answer(web.StreamResponse):
    """The same answer for everybody: a status, a few headers and, on the admin address, a body."""

    def __init__(self, status: int, text: str, *headers: str, body: bytes = b"", close: bool = False) -> None:
        super().__init__(status=status)
        self.closes, self._content = close, body
        lines = [f"HTTP/1.1 {status} {text}", f"Content-Length: {len(body)}", *headers]
        self._head = "\r\n".join([*lines, *(["Connection: close"] if close else []), "Date: "]).encode()

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open."""
        return not self.closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send all of it."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._head + _date(int(time.time())) + b"\r\n\r\n" + self._content)
        # Too many answers are unread: handle nothing more until some are read.
        if transport.get_write_buffer_size() and request.protocol.writing_paused:
            await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: `prepare` sent everything."""


@lru_cache(maxsize=1)  # made once a second
def _date(now_s: int) -> bytes:
    """The Date header's value."""
    return email.utils.formatdate(now_s, usegmt=True).encode()
