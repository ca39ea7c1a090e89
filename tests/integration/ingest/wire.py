"""One TCP connection, byte by byte, for what no HTTP client would send."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.deadline import DEADLINE_S


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def exchange(port: int, *parts: bytes, pause_s: float = 0.2) -> bytes:
    """Send raw bytes, and read until the other side closes or has nothing more to say for a moment."""
    answer = b""
    async with connected(port) as (reader, writer):
        writer.writelines(parts)
        with suppress(TimeoutError, OSError):
            await writer.drain()
            while part := await asyncio.wait_for(reader.read(65_536), pause_s if answer else DEADLINE_S):
                answer += part
    return answer
