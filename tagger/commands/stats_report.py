"""Statistics as text for a terminal, objects for programs, or tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tagger.commands import tables
from tagger.commands.transcript import printable
from tagger.core.diagnosis.span import span
from tagger.core.matching.explain import short
from tagger.core.plurals import counted
from tagger.core.records.decision import rfc3339
from tagger.core.review.shares import share
from tagger.core.review.statistics import Row, Statistics, Use
from tagger.history.counts import Counts

Form = Literal["text", "json", "csv", "markdown"]

NEVER: Final = "never"
_RULE: Final = (
    *("rule", "tag", "chats", "share", "last match", "only this"),
    *("removed by people", "added by people"),
)
_KEYWORD: Final = ("keyword", "rule", "chats", "only this", "last match")
_TAG: Final = ("tag", "decided", "on chats", "both")


@dataclass(frozen=True, slots=True)
class Report:
    """Statistics and what was asked for."""

    statistics: Statistics
    counts: Counts
    period: str  # `of 7 days`; "" for a whole file
    now_ms: int
    most: int  # keywords to list


def lines(report: Report, form: Form) -> Iterator[str]:
    """Return the lines to print."""
    if form == "json":
        yield from _json(report)
    elif form == "csv":
        yield from tables.as_csv(_CSV, list(_csv_rows(report)))
    else:
        yield from _told(report, is_markdown=form == "markdown")


def _told(report: Report, *, is_markdown: bool) -> Iterator[str]:
    def table(header: tables.Row, rows: list[tables.Row], left: int) -> Iterator[str]:
        yield ""
        yield from tables.as_markdown(header, rows) if is_markdown else tables.as_text(header, rows, left)

    statistics, rows = report.statistics, report.statistics.rows()
    period = f" {report.period}" if report.period else ""
    untagged = f"{statistics.untagged:,} ({share(statistics.untagged, statistics.chats)}) without a tag"
    yield printable(f"{counted(statistics.chats, 'chat')}{period}, from {report.counts.source}, {untagged}.")
    yield from table(_RULE, [_of_rule(report, row) for row in rows], 2)
    keywords = _keywords(rows)
    if shown := keywords[: report.most]:
        yield from table(_KEYWORD, [_of_keyword(report, *one) for one in shown], 2)
    if len(keywords) > len(shown):
        yield f"… and {counted(len(keywords) - len(shown), 'more keyword')}; list them with --most."
    if statistics.tags:
        compared = sorted(statistics.tags.items())
        yield from table(_TAG, [(tag, use.decided, use.there, use.both) for tag, use in compared], 1)
    yield from _notes(report)


def _notes(report: Report) -> Iterator[str]:
    if report.statistics.tags:
        there = report.statistics.untagged_there
        yield f"As they are now, {there:,} chats ({share(there, report.statistics.chats)}) have no tag at all."
    if report.statistics.undecided:
        yield f"Not counted: {counted(report.statistics.undecided, 'chat')} without a decision."
    if report.statistics.omitted:
        yield f"Not counted: {counted(report.statistics.omitted, 'match')} of keywords that are in no rule now."
    yield from report.counts.notes()


def _of_rule(report: Report, row: Row) -> tuple[str | int, ...]:
    use = row.use
    name = row.id if row.rule else f"{row.id} (not in the files)"
    return (
        f"{row.id} (on trial)" if row.is_on_trial else name,
        row.tag,
        use.chats,
        share(use.chats, report.statistics.chats),
        _ago(use.last_ms, report.now_ms),
        share(use.alone, use.chats),
        share(use.removed, use.chats) if use.removed else "–",
        use.added or "–",
    )


def _of_keyword(report: Report, keyword: str, row: Row, use: Use) -> tuple[str | int, ...]:
    return (
        short(keyword),
        row.id,
        use.chats,
        share(use.alone, use.chats),
        _ago(use.last_ms, report.now_ms),
    )


def _keywords(rows: list[Row]) -> list[tuple[str, Row, Use]]:
    """Keywords of the rules there are now: never matched first, then the rarest."""
    listed = [(keyword, row, use) for row in rows if row.rule for keyword, use in row.use.keywords.items()]
    return sorted(listed, key=lambda one: (one[2].chats, one[1].id, one[0]))


def _ago(at_ms: int | None, now_ms: int) -> str:
    return NEVER if at_ms is None else span(now_ms - at_ms)


_CSV: Final = ("rule", "keyword", "tag", "chats", "only_this", "last_match", "removed", "added")


def _csv_rows(report: Report) -> Iterator[tuple[str | int, ...]]:
    """A row a rule, with an empty keyword, and below it one for each of its keywords."""
    for row in report.statistics.rows():
        use = row.use
        yield row.id, "", row.tag, use.chats, use.alone, _at(use) or "", use.removed, use.added
        for keyword, its in sorted(use.keywords.items()):
            yield row.id, keyword, row.tag, its.chats, its.alone, _at(its) or "", "", ""


def _json(report: Report) -> Iterator[str]:
    statistics = report.statistics
    summary = {
        "kind": "summary",
        "source": report.counts.source,
        "chats": statistics.chats,
        "untagged": statistics.untagged,
        "untagged_on_chats": statistics.untagged_there if statistics.tags else None,
        "undecided": statistics.undecided,
        "unreadable": report.counts.unreadable,
        "stopped": report.counts.stopped,
    }
    yield orjson.dumps(summary).decode()
    for row in statistics.rows():
        yield orjson.dumps(_rule_json(row)).decode()
        for keyword, use in sorted(row.use.keywords.items()):
            named = {"kind": "keyword", "rule": row.id, "tag": row.tag, "keyword": keyword}
            yield orjson.dumps({**named, **_use_json(use)}).decode()
    for tag, compared in sorted(statistics.tags.items()):
        figures = {"decided": compared.decided, "on_chats": compared.there, "both": compared.both}
        yield orjson.dumps({"kind": "tag", "tag": tag, **figures}).decode()


def _rule_json(row: Row) -> dict[str, Any]:
    return {
        "kind": "rule",
        "rule": row.id,
        "tag": row.tag,
        "in_files": row.rule is not None,
        "on_trial": row.is_on_trial,
        **_use_json(row.use),
        "removed": row.use.removed,
        "added": row.use.added,
    }


def _use_json(use: Use) -> dict[str, Any]:
    return {"chats": use.chats, "only_this": use.alone, "last_match": _at(use)}


def _at(use: Use) -> str | None:
    return None if use.last_ms is None else rfc3339(use.last_ms)
