"""HTTP: one POST route. Its answers, and what they mean to the sender:

  200  stored: on the topic, or in the spool. Or: another action with a right secret, counted and not stored
  400  malformed: never send it again          401  wrong or missing secret
  404, 405 (Allow), 413, 415  not a webhook of LiveChat    408  the body did not arrive in time
  503  (Retry-After) not stored, or too busy to try: send it again

No answer has a body or says more than its status. A refusal is counted, logged without content, and closes its
connection, unless the secret was right and only storing failed.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web

from ingest import delivery
from ingest.http.answer import Answer
from ingest.http.connection import Connection
from ingest.http.request_body import whole
from ingest.metrics import Metrics
from ingest.pending import STORED
from ingest.runtime.clock import now_ms
from ingest.settings import WebhookSecrets
from ingest.spans import Spans
from ingest.store import Store

BODY_S_MAX: Final = 2.5  # for the rest of a body; with 7 s to store it that is below LiveChat's 10 s
REQUESTS_MAX: Final = 10_000  # in flight: 500 a second that wait for a dead Kafka are 3,500
WAITING_BYTES_MAX: Final = 128 * 1024 * 1024  # of records that wait for Kafka
ARRIVING_BYTES_MAX: Final = 64 * 1024 * 1024  # of incomplete bodies
NOT_STORED: Final = frozenset({"not_stored", "refused"})  # reasons of a 503 to a sender with the secret
RETRY_AFTER_S: Final = 5  # LiveChat tries up to 3 times within a minute
LOG_EVERY_S: Final = 1.0  # for each reason of a refusal; its next line counts the rest

PHRASES: Final = {status: HTTPStatus(status).phrase for status in (200, 400, 401, 404, 405, 408, 415, 503)}
PHRASES[413] = "Content Too Large"  # RFC 9110's words, which Python learns later
HEADERS: Final = {405: ["Allow: POST"], 503: [f"Retry-After: {RETRY_AFTER_S}"]}

log = structlog.get_logger()


class App:
    """Answers requests. `stopping` makes every answer the last of its connection."""

    def __init__(
        self,
        store: Store,
        secrets: WebhookSecrets,
        metrics: Metrics,
        organizations: frozenset[str] | None,
        spans: Spans | None = None,
    ) -> None:
        """organizations: those whose webhooks are accepted; None: any. spans: where traces are on."""
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._organizations, self._spans = organizations, spans
        self._keeping = {s: Answer(s, p, *HEADERS.get(s, ())) for s, p in PHRASES.items()}
        self._closing = {s: Answer(s, p, *HEADERS.get(s, ()), close=True) for s, p in PHRASES.items()}
        self._logged: dict[str, tuple[float, int]] = {}  # by reason: when last logged, how many since
        self.requests = 0  # in flight
        self._bytes_waiting = 0
        self._arriving: dict[Connection, None] = {}  # those with an incomplete body, the oldest first
        self._bytes_arriving = 0
        self.stopping = False
        self.last_webhook_ms = 0
        metrics.requests.set_function(lambda: self.requests)
        metrics.last_webhook.set_function(lambda: self.last_webhook_ms / 1000)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self.requests += 1
        try:
            refusal = await self._try(request)
        finally:
            self.requests -= 1
        status = 200 if refusal is None else self._refuse(refusal)
        whole_came = request.content.is_eof()  # else the rest would be read as the next request
        has_secret = refusal is None or refusal.reason in NOT_STORED
        stays = has_secret and whole_came and request.keep_alive and not self.stopping
        return (self._keeping if stays else self._closing)[status]

    async def _try(self, request: web.BaseRequest) -> delivery.Refuse | None:
        """Check and store one request; None: answer 200."""
        content = request.content
        refusal = self._check_head(request)
        if refusal is not None:
            return refusal
        # The usual case: the body came with the head.
        body = whole(content) if content.is_eof() else await self._rest(request, request.protocol)
        if isinstance(body, delivery.Refuse):
            return body
        received_at_ms = now_ms()
        webhook = delivery.read(body, self._secrets(), received_at_ms, self._organizations)
        if isinstance(webhook, delivery.Refuse):
            return webhook
        self.last_webhook_ms = received_at_ms
        connection: Any = request.protocol
        if isinstance(webhook, delivery.Ignore):
            self._metrics.webhooks.count("other", "ignored")
            connection.may_yield()
            return None
        size = len(webhook.record.value)
        self._bytes_waiting += size
        connection.stay()
        try:
            if self._spans is None:
                outcome = await self._store.keep(webhook.record)
            else:
                traceparent = request.headers.get("traceparent")
                outcome = await self._spans.keep(self._store.keep, webhook, traceparent, received_at_ms)
        finally:
            self._bytes_waiting -= size
            connection.may_yield()
        if webhook.repaired:
            self._metrics.repaired.inc()
        self._metrics.webhooks.count(webhook.action, outcome)
        return None if outcome in STORED else delivery.Refuse(503, outcome)

    def _check_head(self, request: web.BaseRequest) -> delivery.Refuse | None:
        header = request.headers.get
        kind, encoding = header("Content-Type", ""), header("Content-Encoding", "")
        size = None if request.content.is_eof() else request.content_length
        refusal = delivery.read_head(request.method, request.raw_path, kind, encoding, size)
        if refusal is None and (self.requests > REQUESTS_MAX or self._bytes_waiting > WAITING_BYTES_MAX):
            return delivery.Refuse(503, "busy")
        return refusal

    async def _rest(self, request: web.BaseRequest, connection: Any) -> bytes | delivery.Refuse:
        """A body that did not come with its head, within its time and its limit."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts, size = [], 0
        self._arriving[connection] = None
        try:
            async with asyncio.timeout(BODY_S_MAX):
                while part := await request.content.readany():
                    parts.append(part)
                    size += len(part)
                    self._bytes_arriving += len(part)
                    if size > delivery.BODY_BYTES_MAX:
                        return delivery.Refuse(413, "body_too_large")
                    # The oldest incomplete body yields: slow senders must not keep out those who send all at once.
                    if self._bytes_arriving > ARRIVING_BYTES_MAX and self._arriving:
                        oldest = next(iter(self._arriving))
                        del self._arriving[oldest]
                        oldest.cut("yielded")
        except TimeoutError:
            return delivery.Refuse(408, "body_slow")
        except web.RequestPayloadError:
            return delivery.Refuse(400, "not_http")
        except (ConnectionError, RuntimeError):  # aiohttp's errors when they close, and when we do
            return delivery.Refuse(400, "hung_up")  # nobody reads this answer
        finally:
            self._bytes_arriving -= size
            self._arriving.pop(connection, None)
        return b"".join(parts)

    def _refuse(self, refusal: delivery.Refuse, error: BaseException | None = None) -> int:
        """Count it, and log the first of its reason in each second."""
        self._metrics.refusals.labels(refusal.reason).inc()
        now = asyncio.get_running_loop().time()
        last, suppressed = self._logged.get(refusal.reason, (-LOG_EVERY_S, 0))
        if now - last < LOG_EVERY_S:
            self._logged[refusal.reason] = (last, suppressed + 1)
        else:
            self._logged[refusal.reason] = (now, 0)
            (status, reason), more = refusal, {"exc_info": error} if error else {}
            log.warning("refused", status=status, reason=reason, suppressed=suppressed, **more)
        return refusal.status

    def on_error(self, status: int, error: BaseException | None) -> web.StreamResponse:
        """Answer what is not HTTP, or a bug of ours, after which the sender should try again."""
        if status < 500:
            return self._closing[self._refuse(delivery.Refuse(400, "not_http"))]
        return self._closing[self._refuse(delivery.Refuse(503, "error"), error)]
