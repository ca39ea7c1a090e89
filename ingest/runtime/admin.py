"""The admin address of any process of ours: health and metrics for those who run it, never for a browser elsewhere.

It has the limits of the public door (`ingest.http.connection`), names no software, and answers only a Host that no
stranger can own, because anybody's page may point its own name at this address (DNS rebinding), and the browser sends
that name as Host. Ours are: an IP address (kubelet, Prometheus); a name without dots (`localhost`, `ingest` in
compose); one under a suffix that nobody can register (`ingest.shop.svc`); this machine's name; the one it listens at.
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
PRIVATE_SUFFIXES: Final = (".svc", ".cluster.local", ".internal", ".localhost")  # nobody can register them
JSON: Final = "Content-Type: application/json"
TEXT: Final = "Content-Type: text/plain; charset=utf-8"
EXPOSITION: Final = "Content-Type: text/plain; version=0.0.4; charset=utf-8"  # Prometheus' text format
PRIVATE: Final = ("Cache-Control: no-store", "X-Content-Type-Options: nosniff")
INDEX: Final = (  # what is there, for a person
    b"/health/live   503 if this process hangs and should be restarted\n"
    b"/health/ready  503 if it cannot work now; says what to do\n"
    b"/metrics       figures, as Prometheus reads them\n"
)
MISDIRECTED: Final = (
    b"Use an IP address, localhost, a name without dots, a name under .svc, .cluster.local or .internal,\n"
    b"this machine's name, or the one in the setting ..._ADMIN_HOST.\n"
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says about itself: sentences; a complaint says what to do."""

    live: list[str] = field(default_factory=list)  # any: restart me
    ready: list[str] = field(default_factory=list)  # any: send me nothing
    notes: list[str] = field(default_factory=list)


class AdminServer:
    """GET /health/live, /health/ready, /metrics and a list of them at /, on an address that the public never sees."""

    def __init__(
        self,
        host: str,
        port: int,
        health: Callable[[], Health],
        registry: CollectorRegistry,
        closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`closed` is called with the reason when a connection is cut, as in `ingest_connections_closed_total`."""
        self._host, self.port = host, port  # port 0: any free one, known after start
        self._health, self._registry = health, registry
        self._names = {host.lower(), socket.gethostname().lower()}
        self._door = Door(self._answer, self._on_error, closed)
        self.close_the_slow = self._door.close_the_slow

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken."""
        self.port = await self._door.open(self._host, self.port, shared=False, count_max=CONNECTIONS_MAX)

    async def stop(self) -> None:
        """Close the address and every connection."""
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
        body = b"" if request.method == "HEAD" else body
        return Answer(status, phrase, kind, *PRIVATE, body=body, close=close)

    def _page(self, path: str) -> tuple[int, str, str, bytes] | None:
        """Status, its phrase, Content-Type and body; None if the page does not exist."""
        if path == "/":
            return 200, "OK", TEXT, INDEX
        if path == "/metrics":
            return 200, "OK", EXPOSITION, generate_latest(self._registry)
        if path not in ("/health/live", "/health/ready"):
            return None
        health = self._health()
        complaints = health.live if path == "/health/live" else health.live + health.ready
        page = {"ok": not complaints, "complaints": complaints, "notes": health.notes}
        status, phrase = (503, "Service Unavailable") if complaints else (200, "OK")
        return status, phrase, JSON, orjson.dumps(page) + b"\n"

    def _on_error(self, status: int, error: BaseException | None) -> web.StreamResponse:
        if status < 500:
            return Answer(400, "Bad Request", close=True)
        log.error("admin_page_failed", exc_info=error)
        return Answer(500, "Internal Server Error", close=True)


def is_ours(host: str | None, names: set[str]) -> bool:
    """Whether no stranger could own a request's Host. None is fine: browsers always send one.

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
    if name in names or name.endswith(PRIVATE_SUFFIXES) or not ("." in name or ":" in name):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
