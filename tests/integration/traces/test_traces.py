"""A chat's way through both services, as their traces tell it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.traces.way import EMAIL, MARK, SECRET, TAG, Way, a_way
from tests.kafka.kafka import AnyKafka
from tests.webhooks import incoming_event, message

SAMPLED: Final = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
async def way(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> AsyncIterator[Way]:
    exporters = {"ingest": InMemorySpanExporter(), "tagger": InMemorySpanExporter()}
    async with a_way(kafka_embedded, unique, tmp_path, exporters) as way:
        yield way


async def test_one_trace_leads_from_the_webhook_that_ends_a_chat_to_its_tag(way: Way) -> None:
    await way.tagged(way.talk())
    await way.end()
    spans = [span for service in way.spans.values() for span in service]
    (ended,) = [span for span in spans if attribute(span, "livechat.action") == "chat_deactivated"]
    assert tree([span for span in spans if trace_of(span) == trace_of(ended)]) == {
        "SERVER POST /webhooks/livechat": "",
        f"PRODUCER send {way.name}.webhooks": "POST /webhooks/livechat",
        f"CONSUMER process {way.name}.webhooks": f"send {way.name}.webhooks",
        "INTERNAL decide": f"process {way.name}.webhooks",
        "CLIENT POST tag_thread": f"process {way.name}.webhooks",
        f"PRODUCER send {way.name}.decisions": f"process {way.name}.webhooks",
    }


async def test_records_carry_the_span_that_sent_them_and_their_reader_links_to_it(way: Way) -> None:
    await way.tagged(way.talk())
    await way.end()
    sent = {identity(span) for span in way.spans["ingest"] if span.name == f"send {way.name}.webhooks"}
    webhooks = await way.records("webhooks")
    assert {carried(record) for record in webhooks} == sent
    assert [name for name, _ in webhooks[0].headers] == ["action", "received_at_ms", "traceparent"]
    (end,) = [record for record in webhooks if ("action", b"chat_deactivated") in record.headers]
    (processed,) = [span for span in way.spans["tagger"] if span.name == f"process {way.name}.webhooks"]
    assert [written(link.context) for link in processed.links] == [carried(end)]
    (decided,) = [span for span in way.spans["tagger"] if span.name == f"send {way.name}.decisions"]
    assert [carried(record) for record in await way.records("decisions")] == [identity(decided)]


async def test_spans_say_which_chat_it_is_and_what_became_of_it(way: Way) -> None:
    thread = way.talk()
    await way.tagged(thread)
    await way.end()
    found = {span.name: span for service in way.spans.values() for span in service}
    for name, key, value in (
        ("POST /webhooks/livechat", "livechat.chat_id", thread.chat.id),
        ("POST /webhooks/livechat", "http.response.status_code", 200),
        (f"send {way.name}.webhooks", "livechat.kept", "kafka"),
        (f"process {way.name}.webhooks", "livechat.chat_id", thread.chat.id),
        (f"process {way.name}.webhooks", "livechat.thread_id", thread.id),
        (f"process {way.name}.webhooks", "tagger.outcome", "tagged"),
        ("decide", "tagger.tags", 1),
        ("POST tag_thread", "livechat.purpose", "tag"),
    ):
        assert attribute(found[name], key) == value, (name, key)


async def test_no_span_holds_what_people_wrote_or_a_secret(way: Way) -> None:
    thread = way.talk()
    await way.tagged(thread)
    await way.end()
    exported = [span.to_json() for service in way.spans.values() for span in service]
    assert any(thread.chat.id in span for span in exported)
    for secret in (MARK, EMAIL, SECRET, TAG, way.token):
        assert not any(secret in span for span in exported)


async def test_a_senders_traceparent_is_linked_to_and_decides_nothing(way: Way) -> None:
    event = incoming_event("C", "T", message("T_1"), way.organization.id)
    statuses = [
        await post(way, {"secret_key": secret, **event}, traceparent=traceparent)
        for secret in (SECRET, "wrong")
        for traceparent in (SAMPLED, SAMPLED[:-2] + "00", f"{MARK}, not one")
    ]
    assert statuses == [200] * 3 + [401] * 3
    await way.end()
    posts = [span for span in way.spans["ingest"] if span.name == "POST /webhooks/livechat"]
    assert len(posts) == 3  # none of strangers
    assert [span.parent for span in posts] == [None] * 3
    assert [len(span.links) for span in posts] == [1, 1, 0]
    assert len({trace_of(span) for span in posts} | {"a" * 32}) == 4


async def test_without_traces_no_record_has_a_header_of_them(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_way(kafka_embedded, unique, tmp_path, {"ingest": None, "tagger": None}) as way:
        await way.tagged(way.talk())
        assert {name for record in await way.records("webhooks") for name, _ in record.headers} == {
            "action",
            "received_at_ms",
        }
        assert [record.headers for record in await way.records("decisions")] == [()]


async def test_a_tagger_without_traces_reads_records_that_have_them_and_the_other_way_round(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    for number, traced in enumerate(("ingest", "tagger")):
        exporters = {"ingest": None, "tagger": None, traced: InMemorySpanExporter()}
        async with a_way(kafka_embedded, f"{unique}{number}", tmp_path, exporters) as way:
            await way.tagged(way.talk())
            await way.end()
            assert way.spans[traced]


async def post(way: Way, webhook: dict[str, object], **headers: str) -> int:
    content = {"Content-Type": "application/json", **headers}
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession() as session,
        session.post(way.url, data=orjson.dumps(webhook), headers=content) as answer,
    ):
        return answer.status


def attribute(span: ReadableSpan, name: str) -> object:
    return (span.attributes or {}).get(name)


def written(context: Any) -> str:
    """As a header has it."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def identity(span: ReadableSpan) -> str:
    return written(span.context)


def trace_of(span: ReadableSpan) -> str:
    return identity(span).split("-")[1]


def carried(record: Any) -> str | None:
    return next((value.decode() for name, value in record.headers if name == "traceparent"), None)


def tree(spans: list[ReadableSpan]) -> dict[str, str]:
    """Kind and name of each span, and the name of the one above it."""
    names = {identity(span): span.name for span in spans}
    return {
        f"{span.kind.name} {span.name}": names[written(span.parent)] if span.parent else "" for span in spans
    }
