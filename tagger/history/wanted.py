"""Which decisions are wanted, and how SQLite is asked for them: each filter has an index. Pure."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class Key(NamedTuple):
    """The place of a decision in the list; unique, and stable while the ledger grows."""

    ended_at_ms: int
    id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that is given must hold. Times are when the thread ended (Unix time, ms)."""

    tag: str | None = None  # the decision called for it
    rule: str | None = None  # the rule held, on trial or not
    untagged: bool = False  # the decision called for no tag
    outcome: str | None = None
    chat_id: str | None = None
    organization: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None  # exclusive


class Query(NamedTuple):
    """FROM and WHERE of a query in which `d` is a decision, its values, and what it is ordered by."""

    clause: str
    values: list[Any]
    order: str


def query_of(wanted: Wanted, before: Key | None = None) -> Query:
    """Return the query for what is wanted, behind `before` in the list."""
    clause, values, by = "FROM decisions d WHERE d.newest", list[Any](), "d"
    labels = [(kind, name) for kind, name in (("tag", wanted.tag), ("rule", wanted.rule)) if name is not None]
    if labels:
        by = "l"
        clause = "FROM labels l JOIN decisions d ON d.id = l.id WHERE d.newest AND l.kind = ? AND l.name = ?"
        values += labels[0]
    for label in labels[1:]:
        clause += (
            " AND EXISTS (SELECT 1 FROM labels o WHERE o.kind = ? AND o.name = ? "
            "AND o.ended_at_ms = l.ended_at_ms AND o.id = l.id)"
        )
        values += label
    if wanted.untagged:
        clause += " AND d.tags = '[]'"
    for condition, value in (
        ("d.outcome = ?", wanted.outcome),
        ("d.chat_id = ?", wanted.chat_id),
        ("d.organization = ?", wanted.organization),
        (f"{by}.ended_at_ms >= ?", wanted.since_ms),
        (f"{by}.ended_at_ms < ?", wanted.until_ms),
    ):
        if value is not None:
            clause += f" AND {condition}"
            values.append(value)
    if before is not None:
        clause += f" AND ({by}.ended_at_ms, {by}.id) < (?, ?)"
        values += before
    return Query(clause, values, f"{by}.ended_at_ms DESC, {by}.id DESC")
