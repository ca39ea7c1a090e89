"""examples/decisions counts each decision once, whatever is repeated, and the newest of each thread."""

import csv
import json
import sqlite3
from pathlib import Path

import pytest

from examples.decisions.decisions import TABLE, row_of, write
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Outcome, Source, decision_record


def a_decision(
    thread: str, offset: int | None, settled_at_ms: int, *tags: str, outcome: Outcome = "tagged"
) -> bytes:
    record = decision_record(
        ThreadKey("org", "C", thread),
        Decision(tags, (), (), "hash"),
        outcome,
        None if offset is None else Source("livechat.webhooks", 0, offset),
        read_from="webhooks",
        messages=1,
        ended_at_ms=0,
        settled_at_ms=settled_at_ms,
    )
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("records", "stored", "newest"),
    [
        ([a_decision("T", 4, 10, "Refund")] * 3, 1, [("T", "Refund")]),
        ([a_decision("T", 4, 10), a_decision("T", 4, 20, "Refund")], 1, [("T", "Refund")]),
        ([a_decision("T", 4, 10, "A"), a_decision("T", 9, 20, "A", "B", outcome="late")], 2, [("T", "A, B")]),
        ([a_decision("T", None, 10, "A"), a_decision("T", None, 20, "B")], 1, [("T", "B")]),
        ([a_decision("T", 4, 10, "A"), a_decision("U", 4, 20, "B")], 2, [("T", "A"), ("U", "B")]),
    ],
)
def test_what_is_repeated_is_counted_once(
    tmp_path: Path, records: list[bytes], stored: int, newest: list[tuple[str, str]]
) -> None:
    store = sqlite3.connect(":memory:")
    store.execute(TABLE)
    for record in records:
        row = row_of(record)
        assert row
        store.execute("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert store.execute("SELECT count(*) FROM decisions").fetchone() == (stored,)
    assert write(store, tmp_path / "decisions.csv") == len(newest)
    store.close()
    with (tmp_path / "decisions.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["thread_id"], row["tags"]) for row in csv.DictReader(file)] == newest


def test_a_correction_is_no_row_and_a_record_without_kind_is_a_decision() -> None:
    correction = correction_record(ThreadKey("org", "C", "T"), "Refund", "removed", Source("t", 0, 1), 0)
    assert row_of(json.dumps(correction).encode()) is None
    old = json.loads(a_decision("T", 4, 10))
    del old["kind"]
    assert row_of(json.dumps(old).encode()) is not None
