"""A request's body while it arrives: how much has come, and how much its chunks added.

aiohttp reports a body's end, but neither the cost of chunks nor what came after it.
"""

from dataclasses import dataclass
from typing import Any, Final

CHUNKING_BYTES_MAX: Final = 1024  # that chunks may add to any body: 150 of them, and then
CHUNK_BYTES_MIN: Final = 512  # one chunk for each so many bytes; proxies make them of 4 KiB and more


@dataclass(slots=True)
class RequestBody:
    """A body whose end did not come with its head."""

    stream: Any  # aiohttp's StreamReader
    length: int | None  # in bytes; None: it comes in chunks
    with_head: int  # bytes of it that came with its head
    wire: int = 0  # bytes received since, with all that chunks add

    def left(self) -> int:
        """Bytes still to come; 0 for chunks, whose number is not known."""
        came: int = self.stream.total_bytes
        return self.length - came if self.length is not None else 0

    def chunks_are_too_small(self) -> bool:
        """Whether chunks, each with a length of up to 5 digits and two line ends, added too much."""
        came: int = self.stream.total_bytes
        added = self.wire - (came - self.with_head)
        return added > CHUNKING_BYTES_MAX + came / CHUNK_BYTES_MIN * 9


def of_request(message: Any, stream: Any) -> RequestBody:
    """The body of a request whose head has just been read."""
    length = None if message.chunked else message.headers.get("Content-Length")
    return RequestBody(stream, None if length is None else int(length), stream.total_bytes)


def whole(stream: Any) -> bytes:
    """A body that came as a whole. aiohttp takes eight calls to hand over its one part."""
    parts: Any = getattr(stream, "_buffer", ())  # an empty body has another kind of stream
    if len(parts) == 1 and stream._exception is None and not stream._protocol._reading_paused:
        return bytes(parts[0])
    return bytes(stream.read_nowait())


def ends_with(piece: bytes, stream: Any, chunked: bool) -> bool:
    """Whether a body ends the piece that brought its last byte."""
    if chunked or not piece:  # empty: the body came earlier and was parsed only now
        return not piece or piece.endswith(b"\r\n\r\n")
    parts = stream._buffer  # nothing public has the last one
    return bool(parts) and piece.endswith(parts[-1])
