"""A request's body that is on its way in: what of it has come, and what its framing took beside.

aiohttp tells a body's end, but neither what chunks cost nor whether more came behind it.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class IncomingBody:
    stream: Any  # aiohttp's StreamReader
    length: int | None  # in bytes; None: it comes in chunks
    with_head: int  # bytes of it that came with its head
    wire: int = 0  # bytes received since, with all that chunks add

    def left(self) -> int:
        """Bytes that are still to come, as far as that is known."""
        came: int = self.stream.total_bytes
        return self.length - came if self.length is not None else 0

    def chunking(self) -> int:
        """Bytes that were received since the head and are none of the body."""
        came: int = self.stream.total_bytes
        return self.wire - (came - self.with_head)


def of_request(message: Any, stream: Any) -> IncomingBody:
    """The body of a request whose head has just come."""
    length = None if message.chunked else message.headers.get("Content-Length")
    return IncomingBody(stream, None if length is None else int(length), stream.total_bytes)


def whole(stream: Any) -> bytes:
    """A body that came as a whole. aiohttp reads it, too, but takes eight calls to hand over its one part."""
    parts: Any = getattr(stream, "_buffer", ())  # an empty body has another kind of stream
    if len(parts) == 1 and stream._exception is None and not stream._protocol._reading_paused:
        return bytes(parts[0])
    return bytes(stream.read_nowait())


def ends_with(piece: bytes, stream: Any, chunked: bool) -> bool:
    """Whether nothing follows a body in the piece that brought its last byte."""
    if chunked or not piece:  # none: it had come before, and was parsed only now
        return not piece or piece.endswith(b"\r\n\r\n")
    parts = stream._buffer  # nothing public tells the last one
    return bool(parts) and piece.endswith(parts[-1])
