"""Senders without the secret, and what they can hold: a connection for a while, until another one wants it."""

import asyncio
import re
import socket
from collections.abc import Callable

import aiohttp
import pytest
import uvloop
from aiohttp import web

from ingest.http import connection
from ingest.http.answer import Answer
from ingest.http.connection import Door
from ingest.service import Service
from tests.deadline import DEADLINE_S, until
from tests.integration.ingest.conftest import Services
from tests.integration.ingest.sender import SECRET, Sender, event
from tests.integration.ingest.wire import connected, exchange

HEAD = b"POST /webhooks/livechat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GOOD = event(1, 1)
SOON_S = 0.3


def whole(body: bytes, *headers: bytes) -> bytes:
    return b"".join([HEAD, *headers, b"Content-Length: %d\r\n\r\n" % len(body), body])


def closed(service: Service, reason: str) -> float:
    """How many connections were closed for it."""
    return float(service._metrics.connections_closed.labels(reason)._value.get())


@pytest.fixture
async def service(bootstrap: str, serve: Services, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(connection, "LOOK_S", 0.05)
    return await serve(bootstrap)


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        (b"404", whole(b"{}").replace(b"/webhooks/livechat", b"/")),
        (b"405", whole(b"{}").replace(b"POST", b"PUT")),
        (b"415", whole(b"{}").replace(b"json", b"xml")),
        (b"401", whole(b"{}")),
        (b"401", whole(event(1, 1, secret_key="wrong"))),
        (b"400", whole(event(1, 1, payload={}))),
        (b"400", b"no HTTP\r\n\r\n"),
    ],
)
async def test_a_refusal_is_the_last_answer_of_its_connection(
    service: Service, status: bytes, refused: bytes
) -> None:
    async with connected(service.port) as (reader, writer):
        writer.write(refused)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nConnection: close\r\n" in answer


async def test_what_kafka_did_not_take_may_be_sent_again_over_the_same_connection(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> str:
        return "not_stored"

    async with connected(service.port) as (reader, writer):
        with monkeypatch.context() as patched:
            patched.setattr(service.store, "keep", away)
            writer.write(whole(GOOD))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 503")
        writer.write(whole(GOOD))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_at_the_limit_strangers_yield_first_then_who_has_rested_longest(service: Service) -> None:
    service._door.count_max = 3
    async with connected(service.port) as (known, known_writer):
        known_writer.write(whole(GOOD))
        await known.readuntil(b"\r\n\r\n")
        async with connected(service.port) as (first, _), connected(service.port) as (second, writer):
            await until(lambda: service._door.count == 3)
            writer.write(HEAD)  # a stranger in the midst of its head is one all the same
            assert (await exchange(service.port, whole(GOOD))).startswith(b"HTTP/1.1 200")
            assert await first.read() == b""
            async with connected(service.port) as (newest, newest_writer):
                newest_writer.write(whole(GOOD))
                await newest.readuntil(b"\r\n\r\n")
                await until(lambda: service._door.count <= 3)
                async with connected(service.port) as (another, another_writer):
                    another_writer.write(whole(GOOD))
                    assert (await another.readline()).startswith(b"HTTP/1.1 200")
                    async with connected(service.port) as (last, last_writer):
                        last_writer.write(whole(GOOD))
                        assert (await last.readline()).startswith(b"HTTP/1.1 200")
                    assert await second.read() == b""
                    assert await known.read() == b""
    assert closed(service, "yielded") >= 3
    assert closed(service, "too_many") == 0


async def test_who_waits_for_kafka_yields_to_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service._door.count_max = 1
    reached, done = asyncio.Event(), asyncio.Event()

    async def slowly(_: object) -> str:
        reached.set()
        await done.wait()
        return "kafka"

    monkeypatch.setattr(service.store, "keep", slowly)
    async with connected(service.port) as (reader, writer):
        writer.write(whole(GOOD))
        await reached.wait()
        assert await exchange(service.port, whole(GOOD)) == b""
        done.set()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert closed(service, "too_many") == 1


@pytest.mark.parametrize("rest", [b"P", HEAD, HEAD + b"X: y"])
async def test_a_part_of_a_head_behind_a_whole_request_has_a_deadline(
    service: Service, monkeypatch: pytest.MonkeyPatch, rest: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_S_MAX", SOON_S)
    async with connected(service.port) as (reader, writer), connected(service.port) as (_, resting):
        resting.write(whole(GOOD))
        writer.write(whole(GOOD) + rest)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")  # and then the end
        assert service._door.count == 1  # who sent whole requests may rest
    assert closed(service, "slow") == 1


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("head", HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4_000) for n in range(40))),
        ("head", whole(GOOD) + HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"y" * 4_000) for n in range(40))),
        ("body", HEAD + b"Content-Length: 999999999\r\n\r\n" + b"x" * 2_000_000),
        ("chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n{\r\n" * 10_000),
        ("chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x=y;" * 10_000),
    ],
    ids=["head", "second head", "endless body", "small chunks", "chunk extensions"],
)
async def test_what_costs_more_than_it_holds_is_cut_before_all_of_it_is_parsed(
    service: Service, reason: str, sent: bytes
) -> None:
    await exchange(service.port, sent)
    assert closed(service, reason) == 1


async def test_a_large_body_in_chunks_as_proxies_make_them_is_taken(service: Service) -> None:
    body = event(1, 1, note="x" * 250_000)
    chunks = [body[start : start + 1_024] for start in range(0, len(body), 1_024)]
    sent = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    answer = await exchange(service.port, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", sent, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_who_never_reads_is_handled_no_further_and_closed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNREAD_S_MAX", SOON_S)
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    small.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(small, ("127.0.0.1", service.port))
    buffered = 0
    ignored = whole(event(1, 1, action="tag_created"))  # answered 200 without a wait for Kafka

    async def send_forever() -> None:
        while True:
            await loop.sock_sendall(small, ignored * 100)

    sending = asyncio.create_task(send_forever())
    async with asyncio.timeout(DEADLINE_S):
        while not closed(service, "unread"):
            for each in service._door.connections:
                if each.transport is not None:
                    buffered = max(buffered, each.transport.get_write_buffer_size())
            await asyncio.sleep(0)
    await asyncio.wait([sending])
    small.close()
    assert isinstance(sending.exception(), ConnectionError)
    assert 0 < buffered < 64 * 1024
    await until(lambda: service._door.count == 0)


async def test_a_body_that_is_cut_off_in_any_way_leaves_nothing_behind(
    service: Service, session: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = (
        whole(GOOD)[:-5],
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
        HEAD.replace(b"/webhooks/livechat", b"/") + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD.replace(b"/webhooks/livechat", b"/") + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}zz\r\n",
        whole(GOOD),
    )
    for part in parts:
        for reset in (False, True):
            with socket.create_connection(("127.0.0.1", service.port)) as sender:
                sender.sendall(part)
                await asyncio.sleep(0)
                if reset:  # closes with RST
                    sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                else:
                    sender.shutdown(socket.SHUT_WR)
    assert await Sender(session, service.port).send(event(1, 2)) == 200
    await session.close()
    await until(lambda: service._door.count == 0)
    assert (service._app.requests, service._app._bytes_arriving, len(service._app._arriving)) == (0, 0, 0)
    assert "connection_failed" not in capsys.readouterr().out


async def test_no_part_of_an_answer_tells_the_secret_from_another_one(service: Service) -> None:
    answers = {
        re.sub(rb"Date: .*", b"", await exchange(service.port, whole(body)))
        for body in (
            b"",
            b"{}",
            b"[" * 9_999,
            event(1, 1, secret_key="wrong"),
            event(1, 1, secret_key=SECRET[:-1]),
            event(1, 1, secret_key=SECRET[:-1])[:-1],
            event(1, 1, secret_key=[SECRET]),
        )
    }
    assert len(answers) == 1


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_connections_too_many_are_closed_on_every_event_loop(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    reasons: list[str] = []

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        return Answer(200, "OK")

    async def run() -> list[bytes]:
        door = Door(handle, lambda status, _: Answer(status, "", close=True), reasons.append)
        port = await door.open("127.0.0.1", 0, count_max=1)
        async with connected(port) as (first, _):
            await until(lambda: door.count == 1)
            answers = [await exchange(port, whole(GOOD)), await first.read()]
        async with connected(port):
            await until(lambda: len(door.strangers) == 1)
            next(iter(door.strangers)).stay()
            answers.append(await exchange(port, whole(GOOD)))
        await door.close()
        return answers

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        answers = runner.run(run())
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200", b"", b""]
    assert reasons == ["yielded", "too_many"]
