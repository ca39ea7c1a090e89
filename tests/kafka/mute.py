"""A broker of one's own that says only so much: connections to it stand still where a test wants them to.

It speaks the oldest version of each request that it knows: https://kafka.apache.org/protocol
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final, cast

from tests.deadline import until

METADATA, FIND_COORDINATOR, SASL_HANDSHAKE, API_VERSIONS = 3, 10, 17, 18
KNOWN: Final = (METADATA, FIND_COORDINATOR, SASL_HANDSHAKE, API_VERSIONS)
HEADER: Final = struct.Struct(">ihhi")  # size, API key, version, correlation id
LINGER_NOT: Final = struct.pack("ii", 1, 0)  # closing sends RST
ALL: Final = frozenset({METADATA, API_VERSIONS})


class MuteBroker:
    """`answered` are the API keys that get an answer; `asked` those that came; `open` the connections there are."""

    def __init__(self) -> None:
        self.answered: Collection[int] = ALL
        self.asked: list[int] = []
        self.open: set[asyncio.Transport] = set()
        self.came = 0  # connections, ever
        self.versions = (0, 0)  # of each request, lowest and highest
        self.port = 0

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def is_asked(self, key: int) -> None:
        """Wait for a request of this kind that has not been waited for."""
        await until(lambda: key in self.asked)
        self.asked.remove(key)

    async def all_closed(self) -> None:
        """Wait until nobody is connected."""
        await until(lambda: not self.open)

    def reset_all(self) -> None:
        """Break all connections (RST)."""
        for transport in list(self.open):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            transport.abort()

    def answer(self, key: int) -> bytes:
        """The body of an answer. It knows two brokers, both of them itself, and no topic."""
        host = b"127.0.0.1"
        if key == API_VERSIONS:
            rows = [struct.pack(">hhh", one, *self.versions) for one in KNOWN]
            return struct.pack(">hi", 0, len(rows)) + b"".join(rows)
        if key == METADATA:
            brokers = [struct.pack(">ih9si", node, len(host), host, self.port) for node in (0, 1)]
            return struct.pack(">i", len(brokers)) + b"".join(brokers) + struct.pack(">i", 0)
        raise NotImplementedError(key)


class _Connection(asyncio.Protocol):
    def __init__(self, broker: MuteBroker) -> None:
        self._broker, self._buffer = broker, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by what it does
        self._broker.open.add(self._transport)
        self._broker.came += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._broker.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            size, key, _, correlation = HEADER.unpack_from(self._buffer)
            if len(self._buffer) < 4 + size:
                return
            self._buffer = self._buffer[4 + size :]
            self._broker.asked.append(key)
            if key in self._broker.answered:
                body = struct.pack(">i", correlation) + self._broker.answer(key)
                self._transport.write(struct.pack(">i", len(body)) + body)


@asynccontextmanager
async def mute_broker() -> AsyncIterator[MuteBroker]:
    broker = MuteBroker()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(broker), "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    try:
        yield broker
    finally:
        server.close()
        for transport in broker.open:
            transport.abort()
        await server.wait_closed()
