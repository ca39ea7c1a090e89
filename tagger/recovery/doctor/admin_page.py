"""What a running service says of itself on its admin address: health in sentences, figures, and its clock. Blocks."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Timer
from typing import Any, Final

import orjson
from prometheus_client.parser import text_string_to_metric_families

from ingest.runtime.clock import now_ms
from tagger.core.diagnosis import arrivals, clocks
from tagger.core.diagnosis.arrivals import SpoolSeen
from tagger.core.diagnosis.finding import Finding, doubtful, ok, unchecked, wrong

CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0  # for the whole answer, however slowly it comes
BYTES_MAX: Final = 4 << 20  # a page of metrics with 12 partitions has 60 KB
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address to listen on is none to ask


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was answered, when it was asked for and came (Unix time in ms), and its Date."""

    body: bytes
    sent_ms: int
    came_ms: int
    date: str


def ask(host: str, port: int, path: str) -> Page | str:
    """GET a page; the name of what went wrong where nobody answers in time."""
    connection = HTTPConnection(EVERYWHERE.get(host, host), port, timeout=CONNECT_S)
    try:
        connection.connect()
        sent_ms, until = now_ms(), time.monotonic() + ANSWER_S
        with _cut_after(ANSWER_S, connection.sock):
            connection.request("GET", path)
            answer: HTTPResponse = connection.getresponse()
            page = Page(answer.read(BYTES_MAX), sent_ms, now_ms(), answer.getheader("Date") or "")
        return page if time.monotonic() < until else TimeoutError.__name__
    except (OSError, HTTPException, UnicodeError) as error:
        return type(error).__name__
    finally:
        connection.close()


@contextmanager
def _cut_after(seconds: float, connected: socket.socket) -> Iterator[None]:
    """End what a connection waits for after so long: its own time-out begins again with each byte."""

    def cut() -> None:
        with suppress(OSError):  # it is closed
            connected.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def examine(service: str, host: str, port: int) -> list[Finding]:
    """What `ingest` or `tagger run` says of itself; `service` begins the names of its settings."""
    health = ask(host, port, "/health/ready")
    if isinstance(health, str):
        name = service.upper()
        text = f"its health: nothing answers at {host}:{port} ({health})"
        remedy = f"run this where it runs, or set {name}_ADMIN_HOST and {name}_ADMIN_PORT to where it listens"
        return [unchecked(service, text, remedy)]
    found = list(_health(service, health.body)) or [ok(service, f"{host}:{port} says it is ready")]
    if service == "ingest" and not isinstance(metrics := ask(host, port, "/metrics"), str):
        found.append(arrivals.spool(spool_of(metrics.body), now_ms()))
    if (finding := _clock(service, health)) is not None:
        found.append(finding)
    return found


def _health(service: str, body: bytes) -> Iterator[Finding]:
    try:
        page: Any = orjson.loads(body)
        complaints, notes = list(map(str, page["complaints"])), list(map(str, page["notes"]))
    except (ValueError, KeyError, TypeError):
        text = "something else answers at its admin address"
        yield doubtful(service, text, f"check {service.upper()}_ADMIN_HOST and {service.upper()}_ADMIN_PORT")
        return
    for sentence in complaints:
        yield wrong(service, sentence.rstrip("."))
    for sentence in notes:
        yield doubtful(service, sentence.rstrip("."))


def spool_of(metrics: bytes) -> SpoolSeen:
    """What the metrics of `ingest` say of its spool; nothing waits where they say nothing. Pure."""
    figures = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.decode("utf-8", "replace"))
        for sample in family.samples
        if sample.name.startswith("ingest_spool") and not sample.labels
    }
    return SpoolSeen(
        int(figures.get("ingest_spool_records", 0)),
        int(figures.get("ingest_spool_bytes", 0)),
        int(1000 * figures.get("ingest_spool_oldest_timestamp_seconds", 0)),
        bool(figures.get("ingest_spooling", 0)),
    )


def _clock(service: str, page: Page) -> Finding | None:
    try:
        date_ms = int(parsedate_to_datetime(page.date).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return clocks.compared(f"{service}'s clock", clocks.ahead_ms(date_ms, page.sent_ms, page.came_ms))
