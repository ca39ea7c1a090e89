"""The private door of any process of ours: health and metrics for those who run it, and for nobody's browser.

It has the limits of the public one (`ingest.http.connection`), tells no software's name, and answers only where it is
asked by a name that is ours. A page of somebody else may have its own name point at this address (DNS rebinding) and
read what comes back; the browser then says that page's name in Host. So Host must be one that no stranger can own:
an address, as kubelet and Prometheus in Kubernetes say; a name without dots (`localhost`, `ingest` in compose); one
under a suffix that nobody can register (`ingest.shop.svc`, `….cluster.local`, `….internal`); this machine's own name;
or the name that it listens at.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import orjson
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from ingest.http.answer import Answer
from ingest.http.connection import Door

CONNECTIONS_MAX: Final = 100  # Prometheus, probes and people need a few
PRIVATE_SUFFIXES: Final = (".svc", ".cluster.local", ".internal", ".localhost")  # registered to nobody
JSON: Final = "Content-Type: application/json"
TEXT: Final = "Content-Type: text/plain; charset=utf-8"
EXPOSITION: Final = "Content-Type: text/plain; version=0.0.4; charset=utf-8"  # Prometheus' text format
PRIVATE: Final = ("Cache-Control: no-store", "X-Content-Type-Options: nosniff")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says of itself: sentences, and where they are complaints, what to do."""

    live: list[str] = field(default_factory=list)  # any: restart me
    ready: list[str] = field(default_factory=list)  # any: send me nothing
    notes: list[str] = field(default_factory=list)


class AdminServer:
    """GET /health/live, /health/ready and /metrics, on an address of their own that the public never sees."""

    def __init__(
        self,
        host: str,
        port: int,
        health: Callable[[], Health],
        registry: CollectorRegistry,
        closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`closed` is told why a connection was cut: the reasons of `ingest_connections_closed_total`."""
        self._closed = closed
        self._host, self.port = host, port  # port 0: any free one, known after start
        self._health, self._registry = health, registry
        self._names = {host.lower(), socket.gethostname().lower()}
        self._door: Door | None = None

    async def start(self) -> None:
        """Listen; OSError where the address is taken."""
        self._door = Door(self._answer, self._on_error, self._closed)
        self.port = await self._door.open(
            self._host, self.port, shared=False, connections_max=CONNECTIONS_MAX
        )

    async def close_the_slow(self) -> None:
        """For ever, once it listens: whoever holds a connection and does not use it loses it."""
        if self._door is not None:
            await self._door.close_the_slow()

    async def stop(self) -> None:
        if self._door is not None:
            await self._door.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not is_ours(request.headers.get("Host"), self._names):
            return Answer(421, "Misdirected Request", TEXT, *PRIVATE, body=MISDIRECTED, close=True)
        if request.method not in ("GET", "HEAD"):
            return Answer(405, "Method Not Allowed", "Allow: GET, HEAD", close=True)
        page = self._page(request.raw_path.partition("?")[0])
        if page is None:
            return Answer(404, "Not Found", close=True)
        status, phrase, kind, body = page
        close = not (request.keep_alive and request.content.is_eof())
        return Answer(
            status, phrase, kind, *PRIVATE, body=b"" if request.method == "HEAD" else body, close=close
        )

    def _page(self, path: str) -> tuple[int, str, str, bytes] | None:
        """Status, its phrase, Content-Type and body; None where there is no such page."""
        if path == "/metrics":
            return 200, "OK", EXPOSITION, generate_latest(self._registry)
        if path not in ("/health/live", "/health/ready"):
            return None
        health = self._health()
        complaints = health.live if path == "/health/live" else health.live + health.ready
        told = {"ok": not complaints, "complaints": complaints, "notes": health.notes}
        status, phrase = (503, "Service Unavailable") if complaints else (200, "OK")
        return status, phrase, JSON, orjson.dumps(told) + b"\n"

    def _on_error(self, status: int, error: BaseException | None) -> web.StreamResponse:
        if status < 500:
            return Answer(400, "Bad Request", close=True)
        log.error("admin_page_failed", exc_info=error)
        return Answer(500, "Internal Server Error", close=True)


MISDIRECTED: Final = (
    b"Ask by an IP address, localhost, a name without dots, a name under .svc, .cluster.local or .internal,\n"
    b"this machine's own name, or the one that the setting ..._ADMIN_HOST tells.\n"
)


def is_ours(host: str | None, names: set[str]) -> bool:
    """Whether a request's Host is none that a stranger could own. None is well: no browser leaves it out.

    names  this machine's own, in lower case
    """
    if host is None:
        return True
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    name = name.removesuffix(".")
    if "." not in name and ":" not in name:
        return True
    if name in names or name.endswith(PRIVATE_SUFFIXES):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
