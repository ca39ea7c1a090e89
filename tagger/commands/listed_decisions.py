"""A decision as a line of text, an object, or a row of a table. Never what was said in the chat."""

from datetime import UTC, datetime
from typing import Any, Final, Literal

import orjson

from tagger.commands.tables import csv_line, markdown_line
from tagger.commands.transcript import printable
from tagger.core.records.decision import reasons_json, rfc3339
from tagger.core.records.past import Past
from tagger.core.review.past_chat import Correction, PastDecision
from tagger.history.ledger_view import Decided
from tagger.history.wanted import Key

Form = Literal["text", "json", "csv", "markdown"]

COLUMNS: Final = (
    *("ended_at", "organization", "chat_id", "thread_id", "outcome"),
    *("tags", "rules", "removed", "added", "config"),
)
_BY: Final = {"removed": "−", "added": "+"}


def header(form: Form) -> list[str]:
    """Return the lines above the rows."""
    if form == "csv":
        return [csv_line(COLUMNS)]
    return [markdown_line(COLUMNS), markdown_line(["---"] * len(COLUMNS))] if form == "markdown" else []


def row(each: Decided, form: Form) -> str:
    """Return one decision; for people, times are in UTC."""
    if form == "json":
        return orjson.dumps(decided_json(each)).decode()
    if form == "text":
        return printable(_text(each))
    cells = _cells(each)
    return csv_line(cells) if form == "csv" else markdown_line(cells)


def told(past: Past, form: Form) -> str:
    """Return a record as it comes: a decision, or a correction."""
    what = past.what
    if isinstance(what, PastDecision):
        return row(Decided(past.thread, what, (), Key(what.ended_at_ms, 0)), form)
    if form == "json":
        return orjson.dumps({**past.thread._asdict(), "correction": correction_json(what)}).decode()
    _, chat_id, thread_id = past.thread
    return printable(
        f"{minute(what.at_ms)}  {chat_id}  {thread_id}  {_BY[what.change]}{what.tag} by a person"
    )


def decided_json(each: Decided) -> dict[str, Any]:
    """Return a decision as a value for programs."""
    made = each.decision
    return {
        **each.thread._asdict(),
        "ended_at": rfc3339(made.ended_at_ms),
        "outcome": made.outcome,
        "tags": made.tags,
        "rules": _rules(each),
        "config": made.config,
        "untagged": made.untagged,
        "corrections": [correction_json(one) for one in each.corrections],
    }


def decision_json(made: PastDecision) -> dict[str, Any]:
    """Return what was decided as a value for programs, with its reasons."""
    return {
        "tags": made.tags,
        "because": reasons_json(made.because),
        "outcome": made.outcome,
        "config": made.config,
        "messages": made.messages,
        "settled_at": rfc3339(made.settled_at_ms),
    }


def correction_json(made: Correction) -> dict[str, str]:
    """Return a correction as a value for programs."""
    return {"tag": made.tag, "change": made.change, "at": rfc3339(made.at_ms)}


def minute(ms: int) -> str:
    """Return a time as people read it: 2026-11-28 14:02."""
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M")


def _rules(each: Decided) -> list[str]:
    return sorted({one.rule for one in each.decision.because})


def _text(each: Decided) -> str:
    made, (_, chat_id, thread_id) = each.decision, each.thread
    besides = [f"−{tag} by retag" for tag in made.untagged]
    besides += [f"{_BY[one.change]}{one.tag} by a person" for one in each.corrections]
    if not made.outcome:  # a correction alone
        return f"{minute(each.corrections[0].at_ms)}  {chat_id}  {thread_id}  corrected  {', '.join(besides)}"
    tags = ", ".join(made.tags) or "no tag"
    rules = f"  [{', '.join(_rules(each))}]" if made.because else ""
    corrected = f"  {', '.join(besides)}" if besides else ""
    return f"{minute(made.ended_at_ms)}  {chat_id}  {thread_id}  {made.outcome}  {tags}{rules}{corrected}"


def _cells(each: Decided) -> list[str]:
    made = each.decision
    people = {
        change: "; ".join(one.tag for one in each.corrections if one.change == change) for change in _BY
    }
    return [
        *(rfc3339(made.ended_at_ms), *each.thread, made.outcome, "; ".join(made.tags)),
        *("; ".join(_rules(each)), people["removed"], people["added"], made.config),
    ]
