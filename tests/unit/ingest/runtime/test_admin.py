"""The admin address: its pages, who may ask for them by which name, and that it names no software."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Counter

from ingest.http import connection
from ingest.runtime import admin
from ingest.runtime.admin import AdminServer, Health, is_ours
from tests.deadline import DEADLINE_S
from tests.integration.ingest.wire import connected, exchange

NAMES: Final = {"admin.example.com", "box"}


@pytest.fixture
async def server() -> AsyncIterator[AdminServer]:
    registry = CollectorRegistry()
    Counter("example_total", "Examples.", registry=registry).inc(3)
    server = AdminServer("127.0.0.1", 0, lambda: Health(notes=["Fine."]), registry)
    await server.start()
    yield server
    await server.stop()


def get(path: str, host: str | None = "127.0.0.1", method: str = "GET") -> bytes:
    if host is None:
        return f"{method} {path} HTTP/1.0\r\n\r\n".encode()
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        (None, True),
        ("127.0.0.1", True),
        ("10.1.2.3:8082", True),
        ("[::1]:8082", True),
        ("::1", True),
        ("localhost:8082", True),
        ("LocalHost.", True),
        ("ingest:8082", True),
        ("ingest.shop.svc:8082", True),
        ("ingest-0.ingest.shop.svc.cluster.local", True),
        ("ip-10-1-2-3.ec2.internal:8082", True),
        ("Admin.example.com:8082", True),
        ("evil.example", False),
        ("evil.example:8082", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("admin.example.com.evil.example", False),
        ("svc.evil.example:8082", False),
        ("a.b:8082:8082", False),
        ("[evil.example]", False),
        ("x@evil.example", False),
    ],
)
def test_only_a_name_that_no_stranger_can_own_is_ours(host: str | None, ours: bool) -> None:
    assert is_ours(host, NAMES) == ours


@pytest.mark.parametrize(
    ("request_bytes", "status", "body"),
    [
        (get("/health/live"), b"200", b'{"ok":true,"complaints":[],"notes":["Fine."]}\n'),
        (get("/health/ready?verbose"), b"200", b'{"ok":true,"complaints":[],"notes":["Fine."]}\n'),
        (get("/health/live", host=None), b"200", b'{"ok":true,"complaints":[],"notes":["Fine."]}\n'),
        (get("/health/live", method="HEAD"), b"200", b""),
        (get("/metrics", host="evil.example"), b"421", admin.MISDIRECTED),
        (get("/", host="evil.example"), b"421", admin.MISDIRECTED),
        (get("/"), b"200", admin.INDEX),
        (get("/health"), b"404", b""),
        (get("/metrics/"), b"404", b""),
        (get("/metrics", method="POST"), b"405", b""),
        (b"\x16\x03\x01\x02\x00", b"400", b""),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"400", b""),
    ],
)
async def test_a_request_gets_its_page_and_no_software_is_named(
    server: AdminServer, request_bytes: bytes, status: bytes, body: bytes
) -> None:
    answer = await exchange(server.port, request_bytes)
    head, _, content = answer.partition(b"\r\n\r\n")
    assert (answer.split()[1], content) == (status, body)
    assert b"server:" not in head.lower()
    for name in (b"aiohttp", b"python"):
        assert name not in answer.lower()


async def test_metrics_come_as_prometheus_reads_them_over_one_connection(server: AdminServer) -> None:
    async with connected(server.port) as (reader, writer):
        for _ in range(3):
            writer.write(get("/metrics", host=f"ingest:{server.port}"))
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")
            )
            assert b"Content-Type: text/plain; version=0.0.4" in head
            assert b"example_total 3.0" in await reader.readexactly(length)


async def test_one_connection_too_many_gets_the_place_of_the_oldest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(admin, "CONNECTIONS_MAX", 2)
    closed: list[str] = []
    server = AdminServer("127.0.0.1", 0, Health, CollectorRegistry(), closed.append)
    await server.start()
    async with connected(server.port) as (oldest, _), connected(server.port) as (other, other_writer):
        assert (await exchange(server.port, get("/health/live"))).startswith(b"HTTP/1.1 200")
        assert await oldest.read() == b""
        other_writer.write(get("/health/live"))
        assert (await other.readline()).startswith(b"HTTP/1.1 200")
    await server.stop()
    assert closed == ["yielded"]


async def test_pages_that_nobody_reads_are_given_up_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "UNREAD_S_MAX", 0.2)
    monkeypatch.setattr(connection, "LOOK_S", 0.05)
    registry, closed = CollectorRegistry(), list[str]()
    Counter("example_total", "x" * 1_000_000, registry=registry)
    server = AdminServer("127.0.0.1", 0, Health, registry, closed.append)
    await server.start()
    looking = asyncio.create_task(server.close_the_slow())
    async with connected(server.port) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's have it
        writer.writelines([get("/metrics")] * 30)
        async with asyncio.timeout(DEADLINE_S):
            while not closed:
                await asyncio.sleep(0.01)
    looking.cancel()
    await server.stop()
    assert closed == ["unread"]
