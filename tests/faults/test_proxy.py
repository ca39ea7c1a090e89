"""The proxy does to connections what hazards ask of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.deadline import DEADLINE_S, until
from tests.faults.proxy import Proxy


class Echo:
    """The far side: it says back what it hears, and counts the bytes."""

    def __init__(self) -> None:
        self.port, self.heard = 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(1 << 16):
            self.heard += len(heard)
            writer.write(heard)
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    echo = Echo()
    async with await asyncio.start_server(echo.serve, "127.0.0.1", 0) as server:
        echo.port = server.sockets[0].getsockname()[1]
        yield echo


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    async with Proxy(lambda: echo.port) as proxy:
        yield proxy


class Client:
    """Somebody who is connected, and says something."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: Proxy) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", proxy.port))

    async def says(self, said: bytes) -> None:
        self.writer.write(said)
        async with asyncio.timeout(DEADLINE_S):
            assert await self.reader.readexactly(len(said)) == said

    async def ends_with(self, *errors: type[Exception]) -> None:
        """An end without an error where none is named."""
        async with asyncio.timeout(DEADLINE_S):
            if errors:
                with pytest.raises(errors):
                    await self.reader.read()
            else:
                assert await self.reader.read() == b""
        self.writer.close()


async def test_everything_passes_whole_and_in_order_at_any_pace(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.says(bytes(range(256)) * 4_000)
    proxy.delay_s = 0.01
    await client.says(b"late" * 10)
    proxy.bytes_per_s = 10_000.0
    await client.says(b"slow" * 500)
    client.writer.write_eof()
    await client.ends_with()
    await until(lambda: proxy.connections == 0)


async def test_a_connection_that_is_cut_ends_and_one_that_is_reset_breaks(proxy: Proxy) -> None:
    first = await Client.of(proxy)
    await first.says(b"1")
    await proxy.cut()
    await first.ends_with()
    second = await Client.of(proxy)
    await second.says(b"2")
    await proxy.reset()
    await second.ends_with(ConnectionResetError)
    await (third := await Client.of(proxy)).says(b"3")
    third.writer.close()


async def test_what_is_held_is_passed_on_later(proxy: Proxy, echo: Echo) -> None:
    client = await Client.of(proxy)
    await client.says(b"before")
    proxy.passing = "held"
    client.writer.write(b"within")
    new = await Client.of(proxy)  # it is let in, and hears nothing
    new.writer.write(b"new")
    assert echo.heard == len("before")
    proxy.passing = "all"
    async with asyncio.timeout(DEADLINE_S):
        assert await client.reader.readexactly(6) == b"within"
        assert await new.reader.readexactly(3) == b"new"
    for each in (client, new):
        each.writer.close()


async def test_requests_take_effect_while_answers_are_held_and_then_lost(proxy: Proxy, echo: Echo) -> None:
    client = await Client.of(proxy)
    await client.says(b"before")
    proxy.passing = "answers held"
    client.writer.write(b"within")
    await until(lambda: echo.heard == len("beforewithin"))
    await proxy.reset()
    await client.ends_with(ConnectionResetError)


async def test_nobody_is_let_in_while_it_refuses(proxy: Proxy) -> None:
    client = await Client.of(proxy)
    await client.says(b"1")
    await proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await Client.of(proxy)
    await client.says(b"2")
    client.writer.close()
    await proxy.open()
    await (again := await Client.of(proxy)).says(b"3")
    again.writer.close()
