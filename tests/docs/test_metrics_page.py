"""deploy/metrics.md lists what is exported, and everything that the core counts is exported."""

import re
from pathlib import Path
from typing import Final

import pytest

from tagger import metrics
from tests.docs import metrics_page
from tests.docs.metrics_page import Row

CORE: Final = Path(__file__).parents[2] / "tagger" / "core"
COUNTED: Final = re.compile(r'count[(\[]"(\w+)", ("")?')  # a name, and its reason where that is empty
# Whoever has one of these as a label exports content, a person's address, or a series for each chat.
NO_LABELS: Final = frozenset("chat_id thread_id event_id organization text keyword email author tag".split())


def test_the_page_has_every_metric_as_it_is() -> None:
    """Where this fails, run `.venv/bin/python -m tests.docs.metrics_page`."""
    page = metrics_page.PAGE.read_text("utf-8")
    assert page == metrics_page.filled(page)


@pytest.mark.parametrize(
    "row", [*metrics_page.of_ingest(), *metrics_page.of_tagger()], ids=lambda row: row.name
)
def test_a_metric_is_named_for_its_service_and_has_no_label_without_bound(row: Row) -> None:
    assert row.name.startswith(("ingest_", "tagger_"))
    assert not NO_LABELS & set(row.labels)
    assert row.meaning.endswith(".")


def test_everything_that_the_core_counts_is_exported_with_its_reasons() -> None:
    found = {name for path in CORE.rglob("*.py") for name in COUNTED.findall(path.read_text("utf-8"))}
    assert {name for name, reason in found if reason} == metrics.STATE_COUNTERS.keys()
    assert {name for name, reason in found if not reason} == metrics.STATE_REASONS.keys()
