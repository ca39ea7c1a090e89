"""Requests of any kind against the running process: a 4xx or a 200, never a 5xx, and it keeps running."""

import re
import socket
from contextlib import suppress
from typing import Final

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.deadline import DEADLINE_S
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import SECRET, event

STATUS: Final = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)
ALLOWED: Final = frozenset({100, 200, 400, 401, 404, 405, 408, 413, 415})
GOOD: Final = b"POST /webhooks/livechat HTTP/1.1\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (
    b"Host: x\r\nContent-Type: application/json\r\nConnection: close",
    len(event(1, 1)),
    event(1, 1),
)
# The process serves all examples, as it would in life.
MANY: Final = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
ENVELOPES: Final = st.fixed_dictionaries(
    {"secret_key": st.just(SECRET) | JSON},
    optional={
        "action": st.sampled_from(
            ["incoming_chat", "incoming_event", "chat_deactivated", "thread_tagged", "tag_created"]
        )
        | JSON,
        "organization_id": JSON,
        "license_id": JSON,
        "payload": JSON | st.fixed_dictionaries({}, optional={"chat_id": JSON, "chat": JSON, "event": JSON}),
    },
)
PIECES: Final = st.sampled_from(
    [b"", b"\x00", b"\xff", rb"\ud800", b"NaN", b"1e999", b"[" * 1500, b'"', b"\r\n\r\n"]
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=200) | ENVELOPES.map(orjson.dumps) | st.just(event(1, 1)))
    cut = draw(st.integers(0, len(body)))
    return body[:cut] + draw(PIECES) + body[cut:]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is nearly right: each part is the right one more often than not."""

    def part(right: bytes, *wrong: bytes) -> bytes:
        return draw(st.sampled_from([right] * 3 + [*wrong, draw(st.binary(max_size=30))]))

    body = draw(bodies())
    target = part(b"/webhooks/livechat", b"/", b"*", b"//x", b"http://y/webhooks/livechat", b"/%00", b"/?q#f")
    version = part(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"")
    line = b" ".join([part(b"POST", b"GET", b"PUT", b"post", b"CONNECT", b"HEAD"), target, version])
    length = part(b"Content-Length: %d" % len(body), b"Content-Length: -1", b"Content-Length: " + b"9" * 20)
    headers = [
        part(b"Host: x", b"", b"Host: \xff"),
        part(b"Content-Type: application/json", b"Content-Type: application/json; a=\xfe", b"Content-Type:"),
        part(
            length,
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: gzip, chunked",
            length + b"\r\n" + length,
        ),
        part(
            b"Accept: */*",
            b"Connection: close",
            b"Expect: 100-continue",
            b"Connection: Upgrade\r\nUpgrade: x",
        ),
    ]
    return b"\r\n".join([line, *headers, b"", body])


def answer_to(port: int, request: bytes, answers_in_s: float = 0.05) -> bytes:
    """The answer, at the latest after the sender has closed its side."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection, suppress(OSError):
        connection.sendall(request)
        connection.settimeout(answers_in_s)
        with suppress(TimeoutError):
            while part := connection.recv(65_536):
                answer += part
        connection.settimeout(DEADLINE_S)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            answer += part
    return answer


def statuses_of(port: int, request: bytes, answers_in_s: float = 0.05) -> set[int]:
    """What is answered. AssertionError where that is not allowed, or a good webhook after it is not taken."""
    statuses = {int(status) for status in STATUS.findall(answer_to(port, request, answers_in_s))}
    assert statuses <= ALLOWED, (statuses, request)
    assert answer_to(port, GOOD, DEADLINE_S).startswith(b"HTTP/1.1 200"), request
    return statuses


@given(requests())
@MANY
def test_no_request_gets_a_5xx_or_ends_the_process(process: Process, request: bytes) -> None:
    statuses_of(process.port, request)
