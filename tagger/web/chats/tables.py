"""The list for programs, as JSON and as CSV: what `tagger decisions list` writes. Never what was said. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from tagger.core.records.decision import rfc3339
from tagger.history.ledger_view import Decided

COLUMNS: Final = (
    *("ended_at", "organization", "chat_id", "thread_id", "outcome"),
    *("tags", "rules", "removed", "added", "config"),
)


def as_json(rows: Iterable[Decided], older: str) -> dict[str, Any]:
    """`{"chats": [...], "older": address or null}`."""
    return {"chats": [_value(each) for each in rows], "older": older or None}


def csv_row(each: Decided) -> list[str]:
    """A line; lists within a cell have semicolons."""
    value = _value(each)
    by = {
        change: [one["tag"] for one in value["corrections"] if one["change"] == change]
        for change in ("removed", "added")
    }
    cells = [value[name] if name in value else by[name] for name in COLUMNS]
    return ["; ".join(cell) if isinstance(cell, list) else cell for cell in cells]


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
