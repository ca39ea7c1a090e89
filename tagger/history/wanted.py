"""Which decisions are wanted, and how SQLite is asked for them: each filter has an index. Pure.

Everything that can be filtered by is a label of the newest decision on a thread. Labels have one index, ordered by
time; a query walks the first label that it names and probes for the others, so name the rarest first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from tagger.core.review.authorship import NOT_SET

# What a label is about: a tag or a rule of the decision, its outcome, its organization; "is": see `IS`.
Kind = Literal["tag", "rule", "outcome", "organization", "is"]
# Outcomes of decisions that call for tags which are not set, at least in part.
NOT_WHOLLY_SET: Final = NOT_SET | {"parked"}


class Label(NamedTuple):
    """Something that a decision is labelled with."""

    kind: Kind
    name: str


UNTAGGED: Final = Label("is", "untagged")
TAGGED: Final = Label("is", "tagged")
CORRECTED: Final = Label("is", "corrected")
UNSET: Final = Label("is", "not_set")


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
    tagged: bool = False  # it called for one
    corrected: bool = False  # people changed what it called for
    not_set: bool = False  # what it called for is not set, at least in part
    outcome: str | None = None
    chat_id: str | None = None
    an_id: str | None = None  # of the chat or of the thread
    organization: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None  # exclusive

    def labels(self) -> list[Label]:
        """Return the labels that a decision must have."""
        named: list[tuple[Kind, str | None]] = [
            ("tag", self.tag),
            ("rule", self.rule),
            ("outcome", self.outcome),
            ("organization", self.organization),
        ]
        flags = [
            (self.corrected, CORRECTED),
            (self.not_set, UNSET),
            (self.untagged, UNTAGGED),
            (self.tagged, TAGGED),
        ]
        return [Label(kind, name) for kind, name in named if name is not None] + [
            label for is_wanted, label in flags if is_wanted
        ]


_LABEL: Final = "(SELECT id FROM names WHERE kind = ? AND name = ?)"
_HAS: Final = (
    f"EXISTS (SELECT 1 FROM labels o WHERE o.label = {_LABEL} "
    "AND o.ended_at_ms = k.ended_at_ms AND o.id = k.id)"
)


class Query(NamedTuple):
    """A query for keys, newest first: FROM and WHERE in which `k` has `ended_at_ms` and `id`, and its values."""

    clause: str
    values: list[Any]


def query_of(  # noqa: PLR0913 - what is wanted, and which part of it
    wanted: Wanted,
    labels: Sequence[Label],
    *,
    before: Key | None = None,
    after: Key | None = None,
    newer_id: int | None = None,
    examined: int = -1,
) -> Query:
    """Return the query for what is wanted, behind `before` or ahead of `after` in the list.

    labels    those of `wanted`, the rarest first
    after     the order is turned round: what is nearest to it comes first
    newer_id  only decisions with a greater id, which came later
    examined  look at so many of the first label at most; -1: at all
    """
    first, others, values = labels[:1], labels[1:], list[Any]()
    if wanted.chat_id is not None:
        inner, others = "decisions WHERE newest AND chat_id = ?", labels
        values.append(wanted.chat_id)
    elif wanted.an_id is not None:
        inner, others = "decisions WHERE newest AND (chat_id = ? OR thread_id = ?)", labels
        values += [wanted.an_id, wanted.an_id]
    elif newer_id is not None:  # a short range of ids; the index by time would lead through all that is older
        inner, others = "decisions NOT INDEXED WHERE newest", labels
    elif first:
        inner = f"labels WHERE label = {_LABEL}"
        values += first[0]
    else:
        inner = "decisions WHERE newest"
    for condition, value in (
        ("ended_at_ms >= ?", wanted.since_ms),
        ("ended_at_ms < ?", wanted.until_ms),
        ("id > ?", newer_id),
    ):
        if value is not None:
            inner += f" AND {condition}"
            values.append(value)
    for sign, key in (("<", before), (">", after)):
        if key is not None:
            inner += f" AND (ended_at_ms, id) {sign} (?, ?)"
            values += key
    turn = "DESC" if after is None else "ASC"
    clause = f"FROM (SELECT ended_at_ms, id FROM {inner} ORDER BY ended_at_ms {turn}, id {turn} LIMIT ?) k"
    values.append(examined)
    if others:
        clause += " WHERE " + " AND ".join([_HAS] * len(others))
        values += [value for label in others for value in label]
    return Query(clause, values)
