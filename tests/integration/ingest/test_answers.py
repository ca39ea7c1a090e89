"""What is answered over real HTTP, and that an answer reveals nothing but its status."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import structlog

from ingest import delivery
from ingest.runtime import topic_watch
from ingest.runtime.logs import configure_logs
from ingest.service import Service
from tests.deadline import DEADLINE_S, until
from tests.integration.ingest.conftest import Services
from tests.integration.ingest.sender import SECRET, Sender, event, records
from tests.integration.ingest.wire import connected, exchange
from tests.kafka.kafka import AnyKafka, Kafka

SAMPLES = Path(__file__).parents[2] / "samples" / "webhooks"


def head(length: int | None, *more: str, line: str = "POST /webhooks/livechat HTTP/1.1") -> bytes:
    lines = [line, "Host: x", "Content-Type: application/json", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


async def test_webhooks_are_on_the_topic_when_they_are_answered_200(
    kafka: AnyKafka, topic: str, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(kafka.bootstrap)
    sender = Sender(session, service.port)
    await asyncio.gather(*(sender.chat(chat, 5) for chat in range(20)))
    assert set(sender.statuses) == {200}
    found = await records(kafka.bootstrap, topic)
    assert sorted(found) == sorted(sender.stored)
    for chat in range(20):
        assert [r for r in found if r[0] == f"C{chat}"] == [(f"C{chat}", f"T{chat}_{n}") for n in range(5)]


async def test_every_documented_body_is_answered_200(
    bootstrap: str, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(bootstrap, LIVECHAT_WEBHOOK_SECRETS="s3cret-of-the-samples")
    sender = Sender(session, service.port)
    for sample in SAMPLES.glob("*.json"):
        assert (sample.stem, await sender.send(sample.read_bytes())) == (sample.stem, 200)


@pytest.mark.parametrize(
    ("status", "request_bytes"),
    [
        (404, head(None, line="GET / HTTP/1.1")),
        (404, head(None, line="GET /metrics HTTP/1.1")),
        (404, head(None, line="GET /health/ready HTTP/1.1")),
        (404, head(2, line="POST /webhooks/livechat/ HTTP/1.1") + b"{}"),
        (405, head(None, line="GET /webhooks/livechat HTTP/1.1")),
        (405, head(2, line="PUT /webhooks/livechat HTTP/1.1") + b"{}"),
        (413, head(delivery.BODY_BYTES_MAX + 1)),
        (413, head(10**12)),
        (413, head(None, "Transfer-Encoding: chunked") + b"8000\r\n" + (b"x" * 0x8000 + b"\r\n8000\r\n") * 9),
        (415, head(2).replace(b"application/json", b"text/plain") + b"{}"),
        (415, head(2).replace(b"Content-Type", b"X-Content-Type") + b"{}"),
        (401, head(2) + b"{}"),
        (401, head(len(event(1, 1, secret_key="wrong"))) + event(1, 1, secret_key="wrong")),
        (401, head(0)),
        (401, head(None)),
        (401, head(3) + b"{}}"),
        (400, head(len(event(1, 1)) - 1) + event(1, 1)[:-1]),
        (415, head(20, "Content-Encoding: gzip") + b"\x1f\x8b" + b"\x00" * 18),
        (400, head(len(event(1, 1, payload={}))) + event(1, 1, payload={})),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60),
        (400, b"POST secret-canary HTTP/9.9\r\n\r\n"),
        (400, head(None, "X: " + "secret-canary" * 1000)),
        (400, head(None, *(f"X-{n}: 1" for n in range(100)))),
        (400, head(None, "Content-Length: nine")),
        (400, head(5, "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
        (400, head(None, "Transfer-Encoding: chunked") + b"zz\r\nsecret-canary\r\n"),
        (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, head(2, "Content-Length: 3") + b"{}"),
        (400, head(2, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + b"{}"),
        (400, head(None, "Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
        (400, head(2, "X: \0") + b"{}"),
        (400, head(2, "X : y") + b"{}"),
        (400, head(2).replace(b"\r\n", b"\n") + b"{}"),
        (400, head(None, "Content-Length: +2") + b"{}"),
        (400, head(None, "Transfer-Encoding: chunked") + b"7fffffffffffffff0\r\n"),
        (400, head(None, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 500 + b"\r\n"),
        (404, head(None, line="GET http://x/metrics HTTP/1.1")),
        (404, head(None, "Connection: Upgrade", "Upgrade: websocket", line="GET / HTTP/1.1") + b"x" * 999),
        (200, head(len(event(1, 1))) + event(1, 1)),
        (200, head(len(event(1, 1)), line="POST http://x:1/webhooks/livechat HTTP/1.1") + event(1, 1)),
        (200, head(len(event(1, 1)), "Content-Encoding: identity") + event(1, 1)),
        (200, head(len(event(1, 1)), "Expect: 100-continue") + event(1, 1)),
        (
            200,
            head(None, "Transfer-Encoding: chunked")
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(event(1, 1)), event(1, 1)),
        ),
        (200, head(len(event(1, 1)), line="POST /webhooks/livechat HTTP/1.0") + event(1, 1)),
        (200, head(len(x := event(1, 1, action="tag_created"))) + x),
    ],
)
async def test_a_request_gets_its_status_and_not_a_word_more(
    service: Service, status: int, request_bytes: bytes
) -> None:
    answer = await exchange(service.port, request_bytes)
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    first, *lines = answer.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert first.startswith(b"HTTP/1.1 %d " % status), answer
    headers = {line.split(b": ")[0]: line.split(b": ")[1] for line in lines}
    assert headers.pop(b"Content-Length") == b"0"
    assert headers.pop(b"Date").endswith(b" GMT")
    assert (headers.pop(b"Connection", None) == b"close") == (status != 200 or b"HTTP/1.0" in request_bytes)
    assert headers == ({b"Allow": b"POST"} if status == 405 else {})


async def test_of_another_organization_nothing_is_taken(
    bootstrap: str, unique: str, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(bootstrap, INGEST_ORGANIZATIONS="p, o")
    sender = Sender(session, service.port)
    assert await sender.send(event(1, 1)) == 200
    assert await sender.send(event(1, 2, organization_id="other")) == 401
    assert await records(bootstrap, unique) == [("C1", "T1_1")]


async def test_one_connection_serves_many_requests_until_one_is_left_unread(service: Service) -> None:
    whole = head(len(event(1, 1))) + event(1, 1)
    answer = await exchange(service.port, whole * 3, head(10**9), b"POST / HTTP/1.1\r\n\r\n")
    assert [line.split()[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/")] == [
        *[b"200"] * 3,
        b"413",
    ]


async def test_a_body_that_comes_in_pieces_is_put_together(service: Service) -> None:
    body = event(1, 1, note="x" * 200_000)
    async with connected(service.port) as (reader, writer):
        for piece in (head(len(body))[:40], head(len(body))[40:], body[:1], body[1:100_000], body[100_000:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)  # so that they are pieces
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_refusals_are_counted_by_reason_and_stored_actions_by_name(
    service: Service, session: aiohttp.ClientSession
) -> None:
    sender = Sender(session, service.port)
    await sender.send(event(1, 1))
    await sender.send(event(1, 1, action="chat_transferred"))
    await sender.send(event(1, 1, action="made up by somebody"))
    await sender.send(event(1, 1, secret_key="wrong"))
    await sender.send(b"junk")
    await sender.send(event(1, 1)[:-1])
    await sender.send(event(1, 1).replace(b'"hi"', rb'"\ud83d"'))
    async with session.get(f"http://127.0.0.1:{service.admin_port}/metrics") as page:
        metrics = await page.text()
    for line in (
        'ingest_webhooks_total{action="incoming_event",result="kafka"} 2.0',
        'ingest_webhooks_total{action="other",result="ignored"} 2.0',
        'ingest_refusals_total{reason="secret"} 1.0',
        'ingest_refusals_total{reason="no_secret"} 1.0',
        'ingest_refusals_total{reason="not_json"} 1.0',
        "ingest_repaired_total 1.0",
        "ingest_kafka_up 1.0",
    ):
        assert line in metrics
    assert "made up" not in metrics


async def test_a_bug_of_ours_is_answered_503_and_logged_without_content(
    service: Service, session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def mistaken(body: bytes, *_: object) -> None:
        raise ValueError(body)

    sender = Sender(session, service.port)
    configure_logs("info", "json", strict=True)
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "read", mistaken)
        assert await sender.send(event(1, 1, note="canary")) == 503
    assert await sender.send(event(1, 2)) == 200
    structlog.reset_defaults()
    printed = capsys.readouterr().err
    assert '"error_type":"ValueError"' in printed
    assert "canary" not in printed


async def test_a_secret_is_rotated_without_a_refusal(
    bootstrap: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    secrets = tmp_path / "secrets"
    secrets.write_text(SECRET)
    service = await serve(bootstrap, LIVECHAT_WEBHOOK_SECRETS="", LIVECHAT_WEBHOOK_SECRETS_FILE=str(secrets))
    sender = Sender(session, service.port)
    assert await sender.send(event(1, 1)) == 200
    secrets.write_text(f"{SECRET},new")
    async with asyncio.timeout(DEADLINE_S):
        while await sender.send(event(1, 2, secret_key="new")) != 200:
            assert await sender.send(event(1, 3)) == 200
    assert await sender.send(event(1, 4)) == 200


async def test_a_topic_that_becomes_compacted_shows_in_health_and_metrics(
    kafka_real: Kafka,
    unique: str,
    serve: Services,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_watch, "LOOK_EVERY_S", 0.1)
    kafka_real.create_topic(unique, 1)
    service = await serve(kafka_real.bootstrap)
    await asyncio.to_thread(kafka_real.configure_topic, unique, "cleanup.policy", "compact")
    await until(lambda: bool(service.health().notes))
    async with session.get(f"http://127.0.0.1:{service.admin_port}/health/ready") as page:
        assert (page.status, f"Topic {unique} is compacted" in await page.text()) == (200, True)
    async with session.get(f"http://127.0.0.1:{service.admin_port}/metrics") as page:
        assert f'ingest_topic_unfit{{kind="compacted",topic="{unique}"}} 1.0' in await page.text()
