"""Spans of one process on their way to a collector. The only file that knows OpenTelemetry; `tracing` imports it.

It promises that a collector that is slow or away costs spans and nothing else: they wait in a queue of a bounded size
(OTEL_BSP_MAX_QUEUE_SIZE, 2048), a thread of its own sends them, the oldest are dropped, and closing has a deadline.
An exception appears as its type: its text may quote a chat. What an attribute may hold is up to those who set it: ids,
counts and words of ours, never what a person wrote.

The provider is not made the global one, so no library that is instrumented adds spans of its own to these.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.metadata import version
from typing import Final, Literal

import structlog
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ingest.runtime.settings import TraceExporter

DISTRIBUTION: Final = "livechat-tagger"
HEADER: Final = "traceparent"  # https://www.w3.org/TR/trace-context/#traceparent-header
HEADER_CHARS: Final = 55  # of version 00
STOP_S: Final = 2.0  # to send what waits; a process has 30 s to end, and other things to do

SENDS: Final = {
    "messaging.system": "kafka",
    "messaging.operation.type": "send",
    "messaging.operation.name": "send",
}

SPANS: Final = (
    "Spans of traces, if those are on. stage: ended (and sampled), exported (a collector took them). What stays "
    "between the two was dropped."
)

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | bool]

KINDS: Final[Mapping[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
PROPAGATOR: Final = TraceContextTextMapPropagator()

log = structlog.get_logger()


def exporter_to(name: TraceExporter) -> SpanExporter:
    """The exporter of this name: "console" prints, "otlp" sends to OTEL_EXPORTER_OTLP_ENDPOINT over HTTP."""
    return ConsoleSpanExporter() if name == "console" else OTLPSpanExporter()


class Traces(Collector):
    """Makes spans. Sampling, queue, limits and the collector's address are the SDK's own variables, OTEL_…."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        """Raises what the SDK raises for a variable that it does not take."""
        self._service = service
        given = OTELResourceDetector().detect().attributes
        named = {"service.name": service, "service.version": version(DISTRIBUTION)}
        self._queue = _Queue(exporter)
        self._provider = TracerProvider(resource=Resource.create({**named, **given}), shutdown_on_exit=False)
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer(DISTRIBUTION, version(DISTRIBUTION))

    @contextmanager
    def span(  # noqa: PLR0913 - what a span has
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        origin: str | None = None,
        trusted: bool = True,
        began_ns: int | None = None,
    ) -> Iterator[Span]:
        """What is done inside: below the current span of this task, or below `origin`.

        origin    a `traceparent`, which is linked to as well
        trusted   False: whoever sent it may not decide on what we sample, so this is a trace of its own
        began_ns  Unix time; None: now
        """
        come_from = None if origin is None else context_of(origin)
        context, links = None, list[Link]()
        if come_from is not None:
            links = [Link(come_from)]
            context = set_span_in_context(NonRecordingSpan(come_from), Context())
        if not trusted:
            context = Context()
        span = self._tracer.start_span(name, context, KINDS[kind], attributes, links, began_ns)
        token = attach(set_span_in_context(span, context))
        try:
            yield span
        except BaseException as error:
            fail(span, type(error).__name__)
            raise
        finally:
            detach(token)
            span.end()

    def send(self, topic: str) -> AbstractContextManager[Span]:
        """What is done inside sends one record to this topic.

        Names: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
        """
        return self.span(f"send {topic}", "producer", {**SENDS, "messaging.destination.name": topic})

    def over(self, name: str, kind: Kind, attributes: Attributes, seconds: float, error: str | None) -> None:
        """What has just ended, and took so long, below the current span; `error`: its type if it failed."""
        now_ns = time.time_ns()
        span = self._tracer.start_span(
            name, None, KINDS[kind], attributes, start_time=now_ns - int(seconds * 1e9)
        )
        if error is not None:
            fail(span, error)
        span.end(now_ns)

    def note(self, attributes: Attributes) -> None:
        """Add to the current span."""
        get_current_span().set_attributes(attributes)

    def failed(self, error_type: str) -> None:
        """Mark the current span as failed."""
        fail(get_current_span(), error_type)

    def header(self) -> list[tuple[str, bytes]]:
        """The header of a record that is sent by the current span."""
        carrier = dict[str, str]()
        PROPAGATOR.inject(carrier)
        text = carrier.get(HEADER)  # none where OTEL_SDK_DISABLED is set
        return [] if text is None else [(HEADER, text.encode())]

    def collect(self) -> Iterator[CounterMetricFamily]:
        """What Prometheus reads."""
        family = CounterMetricFamily(f"{self._service}_spans", SPANS, labels=["stage"])
        family.add_metric(["ended"], self._queue.ended)
        family.add_metric(["exported"], self._queue.exporter.exported)
        yield family

    async def stop(self) -> None:
        """Send what waits, for STOP_S at most, and close. What was lost is logged."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()

        def stop() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(stopped.set)

        # Not the loop's own threads, which its end would wait for.
        threading.Thread(target=stop, name="traces_stop", daemon=True).start()
        try:
            async with asyncio.timeout(STOP_S):
                await stopped.wait()
        except TimeoutError:
            self._queue.exporter.shutdown()  # tries no further
        if lost := self._queue.ended - self._queue.exporter.exported:
            log.warning("spans_lost", count=lost)


class _Counted(SpanExporter):
    """Counts what was exported; in the thread of the queue."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter, self.exported = exporter, 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.exported += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Queue(BatchSpanProcessor):
    """Counts what comes to the queue; in the thread of the event loop."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter, self.ended = _Counted(exporter), 0
        super().__init__(self.exporter)

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1
        super().on_end(span)


def fail(span: Span, error_type: str) -> None:
    """Mark it as failed."""
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", error_type)


def context_of(traceparent: str) -> SpanContext | None:
    """What it names, without the free text of a `tracestate`; None if it is not valid."""
    if len(traceparent) != HEADER_CHARS:
        return None
    context = get_current_span(PROPAGATOR.extract({HEADER: traceparent})).get_span_context()
    return context if context.is_valid else None
