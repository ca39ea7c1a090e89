"""Spans, and what becomes of them where their collector is slow, away, or was never asked for."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from ingest.runtime.traces import Traces, context_of
from ingest.runtime.tracing import MISSING, begin
from tests.deadline import DEADLINE_S

PARENT: Final = f"00-{'a' * 32}-{'b' * 16}-01"
QUEUE: Final = 2_048  # the SDK's own limit of what waits
BATCH: Final = 512


class Stuck(SpanExporter):
    """A collector that does not answer until it is shut down."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.over.wait(DEADLINE_S)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.over.set()


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traces(exporter: InMemorySpanExporter) -> Traces:
    return Traces("ingest", exporter)


def counted(traces: Traces) -> dict[str, float]:
    (family,) = traces.collect()
    return {sample.labels["stage"]: sample.value for sample in family.samples}


async def test_an_error_is_its_type_and_never_its_text(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    with pytest.raises(ValueError, match="kanarienvogel"), traces.span("decide", "internal", {}):
        raise ValueError("kanarienvogel")
    await traces.stop()
    (span,) = exporter.get_finished_spans()
    assert "kanarienvogel" not in span.to_json()
    assert span.attributes == {"error.type": "ValueError"}
    assert not span.status.is_ok
    assert span.events == ()


async def test_what_is_over_is_told_with_its_time_below_what_goes_on(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    with traces.span("job", "consumer", {}):
        traces.over("call", "client", {}, 2.0, "timeout")
    await traces.stop()
    call, job = exporter.get_finished_spans()
    assert (call.end_time or 0) - (call.start_time or 0) == 2_000_000_000
    assert call.parent == job.context
    assert call.attributes == {"error.type": "timeout"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kanarienvogel",
        PARENT[:-1],
        PARENT + "-more",
        PARENT.replace("a", "0"),
        PARENT.replace("b", "0"),
        PARENT.replace("a", "x"),
        "ff" + PARENT[2:],
        "é" * len(PARENT),
    ],
)
def test_what_is_no_traceparent_names_nothing(text: str) -> None:
    assert context_of(PARENT) is not None
    assert context_of(text) is None


@pytest.mark.parametrize(("sampler", "sampled"), [("always_on", 1), ("always_off", 0)])
async def test_who_writes_a_record_decides_whether_its_reader_samples(
    sampler: str, sampled: int, exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    writer = Traces("ingest", InMemorySpanExporter())
    monkeypatch.delenv("OTEL_TRACES_SAMPLER")
    reader = Traces("tagger", exporter)
    with writer.span("send", "producer", {}):
        ((name, header),) = writer.header()
    with reader.span("process", "consumer", {}, origin=header.decode()):
        pass
    await writer.stop()
    await reader.stop()
    assert (name, int(header[-2:], 16) & 1) == ("traceparent", sampled)
    assert len(exporter.get_finished_spans()) == sampled


async def test_who_is_not_trusted_cannot_keep_us_from_sampling(
    traces: Traces, exporter: InMemorySpanExporter
) -> None:
    with traces.span("POST", "server", {}, origin=PARENT[:-2] + "00", trusted=False):
        pass
    await traces.stop()
    (span,) = exporter.get_finished_spans()
    assert span.parent is None
    assert [link.context for link in span.links] == [context_of(PARENT[:-2] + "00")]


async def test_a_collector_that_does_not_answer_costs_spans_and_no_memory_beyond_the_queue() -> None:
    stuck = Stuck()
    traces = Traces("tagger", stuck)
    for _ in range(3 * QUEUE):
        with traces.span("decide", "internal", {}):
            pass
    assert stuck.asked.wait(DEADLINE_S)
    assert len(traces._queue._batch_processor._queue) <= QUEUE
    with capture_logs() as logged:
        await traces.stop()
    assert counted(traces) == {"ended": 3 * QUEUE, "exported": 0}
    assert {"event": "spans_lost", "log_level": "warning", "count": 3 * QUEUE} in logged


async def test_spans_are_counted_on_their_way(traces: Traces) -> None:
    for _ in range(BATCH + 1):
        with traces.span("decide", "internal", {}):
            pass
    with capture_logs() as logged:
        await traces.stop()
    assert counted(traces) == {"ended": BATCH + 1, "exported": BATCH + 1}
    assert logged == []


@pytest.mark.parametrize(
    ("service", "more", "expected"),
    [
        ("ingest", {}, "ingest"),
        ("tagger", {"OTEL_SERVICE_NAME": "chats"}, "chats"),
        ("tagger", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=chats"}, "chats"),
    ],
)
async def test_a_service_has_its_name_unless_it_is_given_another(
    service: str,
    more: dict[str, str],
    expected: str,
    exporter: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    traces = Traces(service, exporter)
    with traces.span("decide", "internal", {}):
        pass
    await traces.stop()
    (span,) = exporter.get_finished_spans()
    assert span.resource.attributes["service.name"] == expected
    assert span.resource.attributes["service.version"]


async def test_the_sdks_own_switch_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    traces = Traces("ingest", exporter := InMemorySpanExporter())
    with traces.span("send", "producer", {}):
        assert traces.header() == []
    await traces.stop()
    assert exporter.get_finished_spans() == ()


def test_without_the_extra_a_service_says_so_and_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ingest.runtime.traces")
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    with capture_logs() as logged:
        assert begin("otlp", "ingest") is None
    assert logged == [{"event": "traces_off", "log_level": "error", "reason": MISSING}]


def test_a_variable_that_the_sdk_does_not_take_stops_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with capture_logs() as logged:
        assert begin("console", "ingest") is None
    assert [line["error_type"] for line in logged] == ["ValueError"]


def test_nothing_is_imported_unless_somebody_asks() -> None:
    program = (
        "import sys, ingest.__main__, tagger.commands.run\n"
        "from ingest.runtime.tracing import begin\n"
        "assert begin('none', 'ingest') is None\n"
        "print(*(name for name in sys.modules if name.startswith(('opentelemetry', 'requests', 'google'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
