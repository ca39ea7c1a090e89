"""What `ingest` tells of a webhook, by what became of it."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from ingest.delivery import Keep
from ingest.pending import Outcome
from ingest.runtime.traces import Traces
from ingest.spans import Spans
from ingest.topic import Record


@pytest.mark.parametrize(
    ("outcome", "status", "error"),
    [
        ("kafka", 200, None),
        ("spool", 200, None),
        ("not_stored", 503, "not_stored"),
        ("refused", 503, "refused"),
    ],
)
async def test_a_webhook_that_is_not_stored_is_an_error(
    outcome: Outcome, status: int, error: str | None
) -> None:
    traces, handed = Traces("ingest", exporter := InMemorySpanExporter()), list[Record]()

    async def keep(record: Record) -> Outcome:
        handed.append(record)
        return outcome

    webhook = Keep(Record(b"org:C", b"{}", (("action", b"incoming_event"),)), "incoming_event", False)
    assert await Spans(traces, "livechat.webhooks").keep(keep, webhook, None, 1_000) == outcome
    await traces.stop()
    sent, post = exporter.get_finished_spans()
    assert [name for name, _ in handed[0].headers] == ["action", "traceparent"]
    assert post.start_time == 1_000_000_000
    assert {**(post.attributes or {})}["http.response.status_code"] == status
    for span in (sent, post):
        assert span.status.status_code is (StatusCode.ERROR if error else StatusCode.UNSET)
        assert (span.attributes or {}).get("error.type") == error
