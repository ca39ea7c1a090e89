"""An HTTP answer that is made once and sent as it is.

aiohttp takes 16 µs for one of its own, a third of a request, and tells which software answers.
"""

import email.utils
import time

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class Answer(web.StreamResponse):
    """The same answer for everybody: a status, a few headers, on the admin address a body, and no more."""

    def __init__(
        self, status: int, phrase: str, *headers: str, body: bytes = b"", close: bool = False
    ) -> None:
        super().__init__(status=status)
        self.closes, self._content = close, body
        lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Length: {len(body)}", *headers]
        self._head = "\r\n".join([*lines, *(["Connection: close"] if close else []), "Date: "]).encode()

    @property
    def keep_alive(self) -> bool:
        return not self.closes

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._head + _date() + b"\r\n\r\n" + self._content)
        # So many are unread: nothing more is handled until some are read.
        if transport.get_write_buffer_size() and request.protocol.writing_paused:
            await request.writer.drain()
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
