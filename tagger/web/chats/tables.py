"""The list for programs, as JSON and as CSV: what `tagger decisions list` writes. Never what was said."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Any, Final

import orjson

from tagger.core.records.decision import rfc3339
from tagger.history.ledger_view import Decided

COLUMNS: Final = (
    *("ended_at", "organization", "chat_id", "thread_id", "outcome"),
    *("tags", "rules", "removed", "added", "config"),
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes a text for one


def as_json(rows: Iterable[Decided], older: str) -> bytes:
    """`{"chats": [...], "older": address or null}`."""
    return orjson.dumps({"chats": [_value(each) for each in rows], "older": older or None})


def as_csv(rows: Iterable[Decided]) -> str:
    """A header and a line each; lists within a cell have semicolons."""
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    for each in rows:
        value = _value(each)
        by = {
            change: [one["tag"] for one in value["corrections"] if one["change"] == change]
            for change in ("removed", "added")
        }
        cells = [value[name] if name in value else by[name] for name in COLUMNS]
        writer.writerow([plain("; ".join(cell) if isinstance(cell, list) else cell) for cell in cells])
    return written.getvalue()


def _value(each: Decided) -> dict[str, Any]:
    made = each.decision
    return {
        **each.thread._asdict(),
        "ended_at": rfc3339(made.ended_at_ms),
        "outcome": made.outcome,
        "tags": list(made.tags),
        "rules": sorted({one.rule for one in made.because}),
        "config": made.config,
        "corrections": [
            {"tag": one.tag, "change": one.change, "at": rfc3339(one.at_ms)} for one in each.corrections
        ],
    }


def plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
