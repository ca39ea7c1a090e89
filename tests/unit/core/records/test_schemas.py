"""The schemas of records: what they accept, what they refuse, and what a later version may add."""

import json
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from ingest.topic import STORED_ACTIONS, encode, organization_of
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record, parked_record
from tagger.core.records.keyword_set import pack
from tagger.core.records.parked import OpenItems, refused_again, resolved_record
from tagger.core.records.schemas import TOPICS, Topic, record_schema
from tests.contracts import complaints, document_of

SAMPLES: Final = sorted((Path(__file__).parents[3] / "samples" / "webhooks").glob("*.json"))
THREAD: Final = ThreadKey("9a3d0a44", "PJ0MRSHTDG", "K600PKZON8")
SOURCE: Final = Source("livechat.webhooks", 3, 48211)


def a_decision(**changed: Any) -> dict[str, Any]:
    because = (Reason("refund", "Refund", "money back", "K600PKZON8_4", 10, 20),)
    record = decision_record(
        THREAD,
        Decision(("Refund",), because, (), "5f1c"),
        "tagged",
        SOURCE,
        read_from="webhooks",
        messages=4,
        ended_at_ms=1_800_000_000_000,
        settled_at_ms=1_800_000_000_250,
    )
    return record | changed


def a_correction(**changed: Any) -> dict[str, Any]:
    return correction_record(THREAD, "Refund", "removed", SOURCE, 1_800_000_000_000) | changed


def a_parked(source: Source | None = SOURCE, **changed: Any) -> dict[str, Any]:
    record = parked_record(
        THREAD,
        source,
        tag="Refund",
        reason="It is not there.",
        error_type="not_found",
        attempts=2,
        parked_at_ms=5,
    )
    return record | changed


def a_webhook(action: str = "chat_deactivated", **changed: Any) -> dict[str, Any]:
    payload = {"chat_id": "PJ0MRSHTDG", "thread_id": "K600PKZON8"}
    return {"action": action, "organization_id": "9a3d0a44", "payload": payload} | changed


FITS: Final[list[tuple[Topic, dict[str, Any]]]] = [
    ("decisions", a_decision()),
    ("decisions", a_decision(outcome="retagged", topic=None, partition=None, offset=None)),
    ("decisions", a_decision(outcome="retagged", untagged=["Billing"], began_at="2026-11-28T14:02:11.000Z")),
    ("decisions", a_decision(because_omitted=3, tags_omitted=1)),
    ("decisions", a_correction()),
    ("parked", a_parked()),
    ("parked", a_parked(None, tag=None, last_offset=9)),
    ("parked", a_parked(resolved="retried", resolved_at="2026-11-28T14:02:11.000Z")),
    ("webhooks", a_webhook()),
    (
        "webhooks",
        {"action": "incoming_chat", "license_id": 104130000, "payload": {"chat": {"id": "PJ0MRSHTDG"}}},
    ),
    ("keywords", {"format": 1, "files": {"billing.yaml": "version: 1"}}),
]
MISFITS: Final[list[tuple[Topic, Any]]] = [
    ("decisions", a_decision(tags="Refund")),
    ("decisions", a_decision(messages=-1)),
    ("decisions", a_decision(format=2)),
    ("decisions", a_decision(ended_at="2026-11-28 14:02")),
    ("decisions", a_correction(tag=None)),
    ("decisions", {name: value for name, value in a_decision().items() if name != "config"}),
    ("decisions", []),
    ("parked", a_parked(attempts="2")),
    ("parked", {name: value for name, value in a_parked().items() if name != "reason"}),
    ("webhooks", a_webhook(secret_key="s")),
    ("webhooks", a_webhook("chat_started")),
    ("webhooks", a_webhook("incoming_chat")),
    ("webhooks", a_webhook(payload={})),
    ("keywords", {"format": 1, "files": {}}),
    ("keywords", {"format": 1, "files": {"billing.yaml": 1}}),
]
# What this version does not write and a later one of the same format may.
LATER: Final[list[tuple[Topic, dict[str, Any]]]] = [
    ("decisions", a_decision(outcome="postponed")),
    ("decisions", a_decision(source="file")),
    ("decisions", a_decision(more=1)),
    ("decisions", a_correction(change="renamed")),
    ("decisions", {**THREAD._asdict(), "kind": "summary"}),
    ("parked", a_parked(resolved="merged")),
    ("parked", a_parked(more=1)),
    ("keywords", {"format": 1, "files": {"a.yaml": ""}, "by": "nora"}),
]


def fits(topic: Topic, record: Any) -> bool:
    return Draft202012Validator(record_schema(topic)).is_valid(record)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_schema_is_valid_itself_also_for_tools_of_draft_07(topic: Topic) -> None:
    for closed in (False, True):
        Draft202012Validator.check_schema(record_schema(topic, closed=closed))
        Draft7Validator.check_schema(record_schema(topic, closed=closed) | {"$schema": ""})


@pytest.mark.parametrize(("topic", "record"), FITS)
def test_what_this_version_writes_fits(topic: Topic, record: dict[str, Any]) -> None:
    assert fits(topic, record)
    assert complaints(topic, record) == []


@pytest.mark.parametrize(("topic", "record"), MISFITS)
def test_a_wrong_shape_does_not_fit(topic: Topic, record: Any) -> None:
    assert not fits(topic, record)
    assert complaints(topic, record)


@pytest.mark.parametrize(("topic", "record"), LATER)
def test_what_a_later_version_may_add_fits_for_readers_and_not_for_our_tests(
    topic: Topic, record: dict[str, Any]
) -> None:
    assert fits(topic, record)
    assert complaints(topic, record)


@pytest.mark.parametrize(("topic", "record"), [("decisions", a_decision()), ("parked", a_parked())])
def test_a_record_of_a_version_before_0_2_fits_for_readers(topic: Topic, record: dict[str, Any]) -> None:
    old = {name: value for name, value in record.items() if name not in {"kind", "format", "held_back"}}
    assert fits(topic, old)
    assert complaints(topic, old)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_webhook_of_livechat_that_is_stored_fits(path: Path) -> None:
    webhook = json.loads(path.read_text("utf-8"))
    if webhook["action"] in STORED_ACTIONS:
        record = encode(webhook, organization_of(webhook) or "", "C", 0)
        assert fits("webhooks", orjson.loads(record.value))


def test_a_parked_item_keeps_its_shape_through_its_life() -> None:
    items = OpenItems()
    items.take(orjson.dumps(a_parked()))
    (item,) = items.matching()
    for record in (refused_again(item, "Again.", "validation", 9), resolved_record(item, "dropped", 9)):
        assert complaints("parked", orjson.loads(orjson.dumps(record))) == []


def test_a_keyword_set_fits_once_it_is_unpacked() -> None:
    packed = pack({"config/billing.yaml": b"version: 1\n"})
    assert packed is not None
    assert complaints("keywords", document_of("keywords", packed)) == []


def test_a_record_of_a_wrong_shape_fails_the_test_that_makes_it() -> None:
    with pytest.raises(AssertionError, match=r"decisions: \$ breaks anyOf of its schema"):
        correction_record(THREAD, "Refund", "renamed", SOURCE, 0)  # type: ignore[arg-type]
