"""Webhooks of 899 bytes, sent as fast as they are answered (wrk), or at a rate (a client of our own).

All over keep-alive connections to 127.0.0.1, from many chats in turn, so that all partitions are written to.
"""

import asyncio
import re
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Final, NamedTuple, cast

import orjson
import uvloop

from tests.bench.ingest.servers import SECRET

BODY_BYTES: Final = 899
CHATS: Final = 1_000
# As many webhooks are on their way at most. With fewer, a server that answers many with one acknowledgement is
# measured waiting for it: 64 connections and 6 ms are 10,000 a second, whatever it could do.
CONNECTIONS: Final = 256
LAST_ANSWERS_S: Final = 10.0  # LiveChat waits no longer
TICK_S: Final = 0.001  # how often the paced client looks what is due
UNITS_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}

# wrk calls `request` for every request, so all of them are made before.
SCRIPT: Final = """
local requests, at = {}, 0
function init(args)
    for line in io.lines("BODIES") do
        requests[#requests + 1] =
            wrk.format("POST", "/webhooks/livechat", {["Content-Type"] = "application/json"}, line)
    end
end
function request()
    at = at % #requests + 1
    return requests[at]
end
"""


class Flood(NamedTuple):
    """What wrk tells of a run."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    non_2xx: int
    socket_errors: int


def body(chat: int) -> bytes:
    """An `incoming_event` of 899 bytes."""
    thread, customer = f"SR3K8{chat:05d}", "5f2d7c1e-90ab-4c36-b8e4-1d7a63f0c285"
    event = {
        "id": f"{thread}_3",
        "custom_id": "31-0C-1C-07-DB-16",
        "created_at": "2026-03-02T09:13:42.118203Z",
        "visibility": "all",
        "type": "message",
        "text": "",
        "author_id": customer,
        "properties": {"0805e283233042b37f460ed8fbf22160": {"string_property": "string value"}},
    }
    envelope = {
        "webhook_id": "a7e31f0c5b924d68",
        "secret_key": SECRET,
        "action": "incoming_event",
        "organization_id": "7d1c9b52-3e0f-4a68-8c47-b2f6a90e51d3",
        "payload": {"chat_id": f"SR3K9{chat:05d}", "thread_id": thread, "event": event},
        "additional_data": {
            "chat_properties": {"routing": {"continuous": False, "pinned": True}},
            "chat_presence_user_ids": [customer, "agent@example.com"],
        },
    }
    said = "I was charged twice for my order last week and the refund has not come. "
    missing = BODY_BYTES - len(orjson.dumps(envelope))
    event["text"] = (said * BODY_BYTES)[:missing]
    made = orjson.dumps(envelope)
    assert len(made) == BODY_BYTES
    return made


def script(folder: Path) -> Path:
    """Write what wrk needs, and return where its script is."""
    bodies, lua = folder / "bodies", folder / "post.lua"
    bodies.write_bytes(b"\n".join(body(chat) for chat in range(CHATS)))
    lua.write_text(SCRIPT.replace("BODIES", str(bodies)))
    return lua


def flood(port: int, seconds: int, lua: Path) -> Flood:
    """All connections send their next webhook as soon as the last one is answered."""
    shape = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(lua)]
    command = ["setpriv", "--pdeathsig", "KILL", "wrk", *shape, f"http://127.0.0.1:{port}/webhooks/livechat"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
    told = done.stdout
    errors = re.search(r"Socket errors: (.*)", told)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    return Flood(
        requests=int(_one(r"(\d+) requests in", told)),
        requests_per_s=float(_one(r"Requests/sec:\s+([\d.]+)", told)),
        p50_ms=_milliseconds(_one(r"^\s+50%\s+(\S+)\s*$", told)),
        p99_ms=_milliseconds(_one(r"^\s+99%\s+(\S+)\s*$", told)),
        non_2xx=int(failed[1]) if failed else 0,
        socket_errors=sum(map(int, re.findall(r"\d+", errors[1]))) if errors else 0,
    )


def _one(pattern: str, told: str) -> str:
    found = re.search(pattern, told, re.MULTILINE)
    assert found, f"wrk does not tell {pattern}: {told}"
    return found[1]


def _milliseconds(told: str) -> float:
    number, unit = cast(re.Match[str], re.fullmatch(r"([\d.]+)([a-z]+)", told)).groups()
    return float(number) * UNITS_MS[unit]


class Paced:
    """Sends at a rate whatever the answers do; a webhook's time counts from when it was due.

    `bodies` are sent in order, over and over.
    """

    def __init__(self, rate: float, bodies: Sequence[bytes]) -> None:
        self.rate = rate
        self.began = 0.0  # the loop's time at which the first webhook is due
        self.took_s: dict[float, float] = {}  # by when each was due: distinct as the rate is not infinite
        self.refused = 0
        self.free: list[Line] = []
        self._due: deque[float] = deque()  # bounded by the webhooks of the run
        host = b"POST /webhooks/livechat HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self._requests = [host + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies]
        self._sent = 0

    def send_due(self) -> None:
        while self._due and self.free:
            self.free.pop().send(self._requests[self._sent % len(self._requests)], self._due.popleft())
            self._sent += 1

    async def run(self, port: int, seconds: float, last_answers_s: float = LAST_ANSWERS_S) -> None:
        """Raises: TimeoutError where answers do not come."""
        loop = asyncio.get_running_loop()
        lines = [
            await loop.create_connection(lambda: Line(self), "127.0.0.1", port) for _ in range(CONNECTIONS)
        ]
        self.free = [line for _, line in lines]
        self.began = began = loop.time()
        planned, total = 0, int(self.rate * seconds)
        async with asyncio.timeout(seconds + last_answers_s):
            while len(self.took_s) < total:
                until = min(total, int((loop.time() - began) * self.rate))
                self._due.extend(began + number / self.rate for number in range(planned, until))
                planned = until
                self.send_due()
                await asyncio.sleep(TICK_S)
        for transport, _ in lines:
            transport.close()


class Line(asyncio.Protocol):
    """One connection with one webhook on its way at a time."""

    def __init__(self, paced: Paced) -> None:
        self._paced, self._answer, self._due = paced, b"", 0.0
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server closes what was idle for long; the others are enough."""
        with suppress(ValueError):
            self._paced.free.remove(self)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(b"\r\n\r\n"):  # the answers measured here have no body
            return
        self._paced.took_s[self._due] = self._loop.time() - self._due
        self._paced.refused += not self._answer.startswith(b"HTTP/1.1 200 ")
        self._answer = b""
        self._paced.free.append(self)
        self._paced.send_due()


def paced(port: int, rate: float, seconds: int) -> tuple[float, float, int]:
    """p50 and p99 in ms of webhooks that come at `rate` a second, and how many were not answered 200.

    Those that were never answered count with the time they were waited for.
    """
    client = Paced(rate, [body(chat) for chat in range(CHATS)])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(TimeoutError):
        runner.run(client.run(port, seconds))
    unanswered = int(rate * seconds) - len(client.took_s)
    percentiles = quantiles([*client.took_s.values(), *[LAST_ANSWERS_S] * unanswered], n=100)
    return percentiles[49] * 1e3, percentiles[98] * 1e3, client.refused + unanswered
