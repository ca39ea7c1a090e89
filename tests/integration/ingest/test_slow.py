"""Senders who do not send: they hold a connection for a while, and cost nobody else anything."""

import asyncio
import resource
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import pytest

from ingest import app
from ingest.http import connection
from ingest.service import Service
from tests.deadline import DEADLINE_S, until
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import Sender, event
from tests.integration.ingest.wire import connected

IN_TIME_S = 0.3  # for what has to come in time here
SENT = 200  # webhooks beside the hostile; `make soak-slow` measures how long they take
HEAD = b"POST /webhooks/livechat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def whole(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


@pytest.fixture
async def impatient(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(connection, "HEAD_S_MAX", IN_TIME_S)
    monkeypatch.setattr(connection, "LINGER_S", IN_TIME_S)
    monkeypatch.setattr(connection, "LOOK_S", 0.05)
    monkeypatch.setattr(app, "BODY_S_MAX", IN_TIME_S)
    return service


async def drip(port: int, first: bytes, drops: bytes, every_s: float = 0.05) -> tuple[bytes, int]:
    """Send something at once and the rest byte by byte; the answer, and how many bytes were not sent by then."""
    answer, left = bytearray(), len(drops)

    async def listen(reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while part := await reader.read(65_536):
                answer.extend(part)

    async with connected(port) as (reader, writer):
        writer.write(first)
        listening = asyncio.create_task(listen(reader))
        for drop in drops:
            if listening.done():
                break
            writer.write(bytes([drop]))
            left -= 1
            await asyncio.wait([listening], timeout=every_s)
        await asyncio.wait_for(listening, DEADLINE_S)
    return bytes(answer), left


@pytest.mark.parametrize(
    ("first", "drops", "status"),
    [
        (b"", b"", b""),
        (b"", HEAD, b""),
        (HEAD[:30], b"", b""),
        (HEAD, b"X-Slow: " + b"z" * 200, b""),
        (whole(event(1, 1)) + HEAD, b"X-Slow: " + b"z" * 200, b"200"),
        (HEAD + b"Content-Length: 500\r\n\r\n", b"{" * 200, b"408"),
        (HEAD + b"Content-Length: 500\r\n\r\n{", b"", b"408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n" * 50, b"408"),
    ],
    ids=["silent", "slow", "stops", "header", "second head", "slow body", "no body", "slow chunks"],
)
async def test_a_head_and_a_body_have_to_come_in_time(
    impatient: Service, first: bytes, drops: bytes, status: bytes
) -> None:
    answer, left = await drip(impatient.port, first, drops)
    assert answer.removeprefix(b"HTTP/1.1 ")[:3] == status
    assert answer.count(b"HTTP/1.1") == bool(status)
    assert bool(left) == bool(drops)


async def test_a_kept_connection_may_rest_between_two_requests(impatient: Service) -> None:
    async with connected(impatient.port) as (reader, writer):
        for _ in range(2):
            writer.write(whole(event(1, 1)))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(3 * IN_TIME_S)  # the rest is what is tested


async def test_bodies_that_are_not_whole_have_a_limit_in_bytes_and_the_oldest_yields(
    service: Service, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "ARRIVING_BYTES_MAX", 100_000)
    monkeypatch.setattr(app, "BODY_S_MAX", DEADLINE_S)
    body = event(1, 1, note="x" * 190_000)
    async with connected(service.port) as (oldest, first), connected(service.port) as (reader, second):
        first.write(whole(body)[:90_000])
        await first.drain()
        await until(lambda: service._app._bytes_arriving > 80_000)
        second.write(whole(body)[:90_000])
        assert await oldest.read() == b""  # closed
        assert await Sender(session, service.port).send(event(1, 1)) == 200
        monkeypatch.setattr(app, "ARRIVING_BYTES_MAX", 300_000)
        second.write(whole(body)[90_000:])
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_requests_in_flight_have_a_limit(
    service: Service, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(session, service.port)
    monkeypatch.setattr(app, "REQUESTS_MAX", 0)
    assert await sender.send(event(1, 1)) == 503
    monkeypatch.setattr(app, "REQUESTS_MAX", 1)
    assert await sender.send(event(1, 1)) == 200


async def dribble_forever(port: int) -> None:
    while True:
        with suppress(OSError):
            async with connected(port) as (_, writer):
                for byte in HEAD:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(1)
        await asyncio.sleep(0.1)


async def flood_forever(port: int) -> None:
    while True:
        with suppress(OSError):
            async with connected(port) as (_, writer):
                writer.write(HEAD + b"Content-Length: 10000000\r\n\r\n")
                for _ in range(100):
                    writer.write(b"x" * 100_000)
                    await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_thousand_slow_connections_and_a_flood_of_large_bodies_hold_up_nobody(
    bootstrap: str, launch: Callable[..., Process], session: aiohttp.ClientSession
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4_000, hard)), hard))
    process = launch(bootstrap)
    sender, before = Sender(session, process.port), process.resident_bytes
    hostile = [asyncio.create_task(dribble_forever(process.port)) for _ in range(1_000)]
    hostile += [asyncio.create_task(flood_forever(process.port)) for _ in range(4)]
    for number in range(SENT):
        assert await sender.send(event(1, number)) == 200
    for task in hostile:
        task.cancel()
    await asyncio.gather(*hostile, return_exceptions=True)
    assert process.resident_bytes - before < 100 * 1024 * 1024
