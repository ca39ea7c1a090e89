"""HTTP: one POST route. What is answered, and what the sender should make of it:

  200  stored: on the topic, or in the spool. Or: another action with a right secret, counted and not stored
  400  malformed: never send it again          401  wrong or missing secret
  404, 405 (Allow), 413, 415  not a webhook of LiveChat    408  the body did not come in time
  503  (Retry-After) not stored, or too busy to try: send it again

No answer has a body, and none tells more than its status. A refusal is counted, logged without content, and the last
answer of its connection, except where the secret was right and nothing but storing failed.
"""

import asyncio
from typing import Any, Final

import structlog
from aiohttp import web

from ingest import delivery
from ingest.http.answer import Answer
from ingest.http.connection import Connection
from ingest.http.incoming_body import whole
from ingest.metrics import Metrics
from ingest.pending import STORED
from ingest.runtime.clock import now_ms
from ingest.settings import WebhookSecrets
from ingest.store import Store

BODY_S_MAX: Final = 2.5  # for the rest of a body; with the 7 s of keeping it stays below LiveChat's 10 s
IN_HAND_MAX: Final = 10_000  # requests at a time: 500 a second waiting for a dead Kafka are 3,500
IN_HAND_BYTES_MAX: Final = 128 * 1024 * 1024  # of records that wait for Kafka
COMING_BYTES_MAX: Final = 64 * 1024 * 1024  # of bodies that have not come as a whole
NOT_STORED: Final = frozenset({"not_stored", "refused"})  # reasons of a 503 that whoever has the secret gets
RETRY_AFTER_S: Final = 5  # LiveChat tries up to 3 times within a minute
LOG_EVERY_S: Final = 1.0  # a line for each reason of refusal; the rest is counted in the next one

PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
HEADERS: Final = {
    405: ["Allow: POST"],
    503: [f"Retry-After: {RETRY_AFTER_S}"],
}

log = structlog.get_logger()


class App:
    """Answers requests. `stopping` makes every answer the last of its connection."""

    def __init__(
        self,
        store: Store,
        secrets: WebhookSecrets,
        metrics: Metrics,
        organizations: frozenset[str] | None = None,
    ) -> None:
        """organizations: those whose webhooks are taken; None: any."""
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._organizations = organizations
        self._keeping = {s: Answer(s, p, *HEADERS.get(s, ())) for s, p in PHRASES.items()}
        self._closing = {s: Answer(s, p, *HEADERS.get(s, ()), close=True) for s, p in PHRASES.items()}
        self._logged: dict[str, tuple[float, int]] = {}  # reason: when logged last, how many since
        self.in_hand = 0
        self.bytes_in_hand = 0
        self._coming: dict[Connection, None] = {}  # those in the midst of a body, by when it began
        self._bytes_coming = 0
        self.stopping = False
        self.last_webhook_ms = 0
        metrics.in_hand.set_function(lambda: self.in_hand)
        metrics.last_webhook.set_function(lambda: self.last_webhook_ms / 1000)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.in_hand += 1
        try:
            refusal = await self._try(request)
        finally:
            self.in_hand -= 1
        status = 200 if refusal is None else self._refuse(refusal)
        came = request.content.is_eof()  # all of it; else the rest would be read as the next request
        welcome = refusal is None or refusal.reason in NOT_STORED
        stays = welcome and came and request.keep_alive and not self.stopping
        return (self._keeping if stays else self._closing)[status]

    async def _try(self, request: web.BaseRequest) -> delivery.Refuse | None:
        """Take one request in; None: it is answered 200."""
        content = request.content
        refusal = self._judge_head(request)
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
        self.bytes_in_hand += size
        connection.stay()
        try:
            outcome = await self._store.keep(webhook.record)
        finally:
            self.bytes_in_hand -= size
            connection.may_yield()
        if webhook.mended:
            self._metrics.mended.inc()
        self._metrics.webhooks.count(webhook.action, outcome)
        return None if outcome in STORED else delivery.Refuse(503, outcome)

    def _judge_head(self, request: web.BaseRequest) -> delivery.Refuse | None:
        headers = request.headers
        refusal = delivery.read_head(
            request.method,
            request.raw_path,
            headers.get("Content-Type", ""),
            headers.get("Content-Encoding", ""),
            None if request.content.is_eof() else request.content_length,
        )
        if refusal is None and (self.in_hand > IN_HAND_MAX or self.bytes_in_hand > IN_HAND_BYTES_MAX):
            return delivery.Refuse(503, "busy")
        return refusal

    async def _rest(self, request: web.BaseRequest, connection: Any) -> bytes | delivery.Refuse:
        """A body that did not come with its head: within a time, and never more of it than the limit."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts, size = [], 0
        self._coming[connection] = None
        try:
            async with asyncio.timeout(BODY_S_MAX):
                while part := await request.content.readany():
                    parts.append(part)
                    size += len(part)
                    self._bytes_coming += len(part)
                    if size > delivery.BODY_BYTES_MAX:
                        return delivery.Refuse(413, "body_too_large")
                    self._keep_coming_within_limit()
        except TimeoutError:
            return delivery.Refuse(408, "body_slow")
        except web.RequestPayloadError:
            return delivery.Refuse(400, "not_http")
        except (ConnectionError, RuntimeError):  # aiohttp's words for closed by them, and by us
            return delivery.Refuse(400, "hung_up")  # nobody is there to read it
        finally:
            self._bytes_coming -= size
            self._coming.pop(connection, None)
        return b"".join(parts)

    def _keep_coming_within_limit(self) -> None:
        """Give up the body that takes longest, so that who sends a part of one never turns those away who send all."""
        if self._bytes_coming > COMING_BYTES_MAX and self._coming:
            oldest = next(iter(self._coming))
            del self._coming[oldest]
            oldest.cut("yielded")

    def _refuse(self, refusal: delivery.Refuse, error: BaseException | None = None) -> int:
        """Count it, and log the first of its reason in every second."""
        self._metrics.refusals.labels(refusal.reason).inc()
        now = asyncio.get_running_loop().time()
        last, suppressed = self._logged.get(refusal.reason, (-LOG_EVERY_S, 0))
        if now - last < LOG_EVERY_S:
            self._logged[refusal.reason] = (last, suppressed + 1)
        else:
            self._logged[refusal.reason] = (now, 0)
            log.warning(
                "refused",
                status=refusal.status,
                reason=refusal.reason,
                suppressed=suppressed,
                **({"exc_info": error} if error else {}),
            )
        return refusal.status

    def on_error(self, status: int, error: BaseException | None) -> web.StreamResponse:
        """What never became a request; or a mistake of ours, after which the sender should try again."""
        if status < 500:
            return self._closing[self._refuse(delivery.Refuse(400, "not_http"))]
        return self._closing[self._refuse(delivery.Refuse(503, "error"), error)]
