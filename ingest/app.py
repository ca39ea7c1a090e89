"""HTTP: one POST route. What is answered, and what the sender should make of it:

  200  stored: on the topic, or in the spool. Or: another action with a right secret, counted and not stored
  400  malformed: never send it again          401  wrong or missing secret
  404, 405 (Allow), 413, 415  not a webhook of LiveChat    408  the body did not come in time
  503  (Retry-After) not stored, or too busy to try: send it again

No answer has a body, and none tells more than its status. A refusal is counted, and logged without content.
"""

import asyncio
import time
from typing import Final

import structlog
from aiohttp import web

from ingest import delivery
from ingest.connection import Answer
from ingest.metrics import Metrics
from ingest.settings import WebhookSecrets
from ingest.store import Store
from ingest.waiting import STORED

BODY_S_MAX: Final = 2.5  # for the rest of a body; with the 7 s of keeping it stays below LiveChat's 10 s
IN_HAND_MAX: Final = 10_000  # requests at a time: 500 a second waiting for a dead Kafka are 3,500
IN_HAND_BYTES_MAX: Final = 128 * 1024 * 1024  # of their bodies
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

    def __init__(self, store: Store, secrets: WebhookSecrets, metrics: Metrics) -> None:
        self._store, self._secrets, self._metrics = store, secrets, metrics
        self._keeping = {s: Answer(s, p, *HEADERS.get(s, ())) for s, p in PHRASES.items()}
        self._closing = {s: Answer(s, p, *HEADERS.get(s, ()), close=True) for s, p in PHRASES.items()}
        self._logged: dict[str, tuple[float, int]] = {}  # reason: when logged last, how many since
        self.in_hand = 0
        self.bytes_in_hand = 0
        self.stopping = False
        self.last_webhook_ms = 0
        metrics.in_hand.set_function(lambda: self.in_hand)
        metrics.last_webhook.set_function(lambda: self.last_webhook_ms / 1000)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.in_hand += 1
        try:
            status = await self._answer(request)
        finally:
            self.in_hand -= 1
        whole = request.content.is_eof()  # else the rest of the body would be read as the next request
        stays = whole and request.keep_alive and not self.stopping
        return (self._keeping if stays else self._closing)[status]

    async def _answer(self, request: web.BaseRequest) -> int:
        content = request.content
        refusal = delivery.read_head(
            request.method,
            request.raw_path,
            request.headers.get("Content-Type", ""),
            None if content.is_eof() else request.content_length,
        )
        if refusal is not None:
            return self._refuse(refusal)
        if self.in_hand > IN_HAND_MAX or self.bytes_in_hand > IN_HAND_BYTES_MAX:
            return self._refuse(delivery.Refuse(503, "busy"))
        if content.is_eof():
            body: bytes | delivery.Refuse = content.read_nowait()  # the usual case: it came with the head
        else:
            body = await self._rest(request)
        if isinstance(body, delivery.Refuse):
            return self._refuse(body)
        received_at_ms = time.time_ns() // 1_000_000
        verdict = delivery.read(body, self._secrets(), received_at_ms)
        if isinstance(verdict, delivery.Refuse):
            return self._refuse(verdict)
        self.last_webhook_ms = received_at_ms
        if isinstance(verdict, delivery.Ignore):
            self._metrics.webhook(verdict.action, "ignored").inc()
            return 200
        return await self._keep(verdict)

    async def _keep(self, webhook: delivery.Keep) -> int:
        if webhook.mended:
            self._metrics.mended.inc()
        size = len(webhook.record.value)
        self.bytes_in_hand += size
        try:
            outcome = await self._store.keep(webhook.record)
        finally:
            self.bytes_in_hand -= size
        self._metrics.webhook(webhook.action, outcome).inc()
        if outcome in STORED:
            return 200
        return self._refuse(delivery.Refuse(503, outcome))

    async def _rest(self, request: web.BaseRequest) -> bytes | delivery.Refuse:
        """A body that did not come with its head: within a time, and never more of it than the limit."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_S_MAX):
                while part := await request.content.readany():
                    parts.append(part)
                    size += len(part)
                    self.bytes_in_hand += len(part)
                    if size > delivery.BODY_BYTES_MAX:
                        return delivery.Refuse(413, "body_too_large")
                    if self.bytes_in_hand > IN_HAND_BYTES_MAX:
                        return delivery.Refuse(503, "busy")
        except TimeoutError:
            return delivery.Refuse(408, "body_slow")
        except web.RequestPayloadError:
            return delivery.Refuse(400, "not_http")
        except ConnectionError:
            return delivery.Refuse(400, "hung_up")  # nobody is there to read it
        finally:
            self.bytes_in_hand -= size
        return b"".join(parts)

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
