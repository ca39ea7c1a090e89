"""A backtest as text for a terminal, objects for programs, a table, or a comment for a pull request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tagger.commands import tables
from tagger.commands.listed_decisions import minute
from tagger.commands.transcript import Line, printable, transcript
from tagger.core.matching.decide import Reason
from tagger.core.matching.explain import passages, short
from tagger.core.plurals import counted
from tagger.core.records.decision import reasons_json, rfc3339
from tagger.core.review.backtest import Backtest, Change, Changed, TagChange
from tagger.core.review.difference import is_new, rules_by_id
from tagger.core.review.shares import share
from tagger.core.rules.model import Rule, RuleSet
from tagger.history.counts import Counts

Form = Literal["text", "json", "csv", "markdown"]

# GitHub takes comments of 65,536 characters: https://docs.github.com/en/rest/issues/comments
COMMENT_CHARS_MAX: Final = 65_000
CAUSES_MAX: Final = 5  # keywords named for one tag and direction; the rest is counted
_COLUMNS: Final = ("tag", "before", "after", "gained", "lost", "share")
_SIGNS: Final[Mapping[Change, str]] = {"lost": "−", "gained": "+"}


@dataclass(frozen=True, slots=True)
class Report:
    """A backtest and what was asked for."""

    test: Backtest
    old: RuleSet
    new: RuleSet
    counts: Counts
    period: str  # `of 7 days`; "" for a whole file
    max_change: float | None

    def share(self, tag: str) -> float:
        """Return the share of the chats that have the tag afterwards."""
        return self.test.tags[tag].after / self.test.chats if self.test.chats else 0.0


def lines(report: Report, form: Form) -> Iterator[Line]:
    """Return the lines to print."""
    if form == "json":
        yield from map(Line, _json(report))
    elif form == "csv":
        rows = [_row(report, tag)[:-1] for tag in sorted(report.test.tags)]
        yield from map(Line, tables.as_csv(_COLUMNS, rows))
    elif form == "markdown":
        yield from _bounded(_told(report, is_markdown=True))
    else:
        yield from _told(report, is_markdown=False)


def _bounded(lines: Iterator[Line]) -> Iterator[Line]:
    """Leave out what a comment does not hold."""
    held = 0
    for line in lines:
        held += len(line.text) + 1
        if held > COMMENT_CHARS_MAX:
            left_out = counted(1 + sum(1 for _ in lines), "line")
            yield Line(f"\n… {left_out} left out: a comment holds no more. `--format text` shows all.")
            return
        yield line


def _told(report: Report, *, is_markdown: bool) -> Iterator[Line]:
    test, changed = report.test, report.test.changed_tags()
    yield Line(_head(report))
    if changed:
        header = ("tag", *_COLUMNS[1:], "")
        rows = [_row(report, tag) for tag in changed]
        if is_markdown:
            yield Line("")
            yield from map(Line, tables.as_markdown(header, rows))
            yield Line("")
        else:
            yield from map(Line, tables.as_text(("", *header[1:]), rows))
    unchanged = len(test.tags) - len(changed)
    same = f"{counted(unchanged, 'tag')} unchanged. " if changed and unchanged else ""
    same = same if changed else "No chat changes. "
    yield Line(f"{same}Without a tag {_untagged(test, before=True)} → {_untagged(test, before=False)}.")
    before = rules_by_id(report.old.rules)
    for tag in changed:
        for direction in ("lost", "gained"):
            yield from _of_tag(tag, direction, test.tags[tag], before, is_markdown=is_markdown)
    yield from map(Line, report.counts.notes())


def _head(report: Report) -> str:
    period = f" {report.period}" if report.period else ""
    return printable(
        f"{counted(report.test.chats, 'chat')}{period}, from {report.counts.source}. "
        f"Old {report.old.hash}, new {report.new.hash}."
    )


def _row(report: Report, tag: str) -> tuple[str | int, ...]:
    change = report.test.tags[tag]
    remark = ""
    if report.max_change is not None and change.share_of_before() > report.max_change:
        remark = f"more than {100 * report.max_change:.4g} %"
    return (
        tag,
        change.before,
        change.after,
        f"+{change.gained:,}" if change.gained else "0",
        f"−{change.lost:,}" if change.lost else "0",
        share(change.after, report.test.chats),
        remark,
    )


def _untagged(test: Backtest, *, before: bool) -> str:
    number = test.untagged_before if before else test.untagged_after
    return f"{number:,} ({share(number, test.chats)})"


def _of_tag(
    tag: str, direction: Change, change: TagChange, before: Mapping[str, Rule], *, is_markdown: bool
) -> Iterator[Line]:
    """The causes of a tag's gains or losses, and the chats kept of them."""
    number = change.gained if direction == "gained" else change.lost
    if not number:
        return
    causes = [
        (keyword, rule, chats)
        for (way, rule, keyword), chats in sorted(change.causes.items(), key=lambda one: (-one[1], one[0]))
        if way == direction
    ]
    by_rule: dict[str, list[str]] = {}
    for keyword, rule, chats in causes[:CAUSES_MAX]:
        many = "all" if chats == number else f"{chats:,}"
        by_rule.setdefault(_told_rule(direction, tag, keyword, rule, before), []).append(
            f"{many} by `{short(keyword)}`"
        )
    named = ", ".join(f"{', '.join(keywords)} ({rule})" for rule, keywords in by_rule.items())
    more = f" and {counted(len(causes) - CAUSES_MAX, 'more keyword')}" if len(causes) > CAUSES_MAX else ""
    sample = change.sample[direction]
    end = ":" if sample else "."
    yield Line("")
    yield Line(printable(f"{tag} {_SIGNS[direction]}{number:,}: {named}{more}{end}"))
    if is_markdown and sample:
        yield Line("")
    for place, one in enumerate(sample):
        last = f"  ({len(sample):,} of {number:,})" if place + 1 == len(sample) < number else ""
        yield from _of_chat(direction, one, last, is_markdown=is_markdown)


def _told_rule(direction: Change, tag: str, keyword: str, rule: str, before: Mapping[str, Rule]) -> str:
    new = is_new(Reason(rule, tag, keyword, "", 0, 0), before) if direction == "gained" else ""
    return new or f"rule {rule}"


def _of_chat(direction: Change, one: Changed, last: str, *, is_markdown: bool) -> Iterator[Line]:
    where = f"+{one.because[0].start}..{one.because[0].end}"
    text = f"{one.thread.chat_id} {minute(one.ended_at_ms)}  {one.author}  {where}{last}"
    bullet = "- " if is_markdown else ""
    yield Line(printable(f"{bullet}{_SIGNS[direction]} {text}"), "green" if direction == "gained" else "red")
    if one.conversation is not None:
        labelled = [(reason, short(reason.keyword)) for reason in one.because]
        indent = "      " if is_markdown else "  "
        for line in transcript(passages(one.conversation.said, labelled), only_marked=True):
            yield line._replace(text=indent + line.text)


def _json(report: Report) -> Iterator[str]:
    test = report.test
    summary = {
        "kind": "summary",
        "source": report.counts.source,
        "chats": test.chats,
        "incomplete": test.incomplete,
        "unreadable": report.counts.unreadable,
        "stopped": report.counts.stopped,
        "changed": test.changed_chats,
        "untagged_before": test.untagged_before,
        "untagged_after": test.untagged_after,
        "old": report.old.hash,
        "new": report.new.hash,
    }
    yield orjson.dumps(summary).decode()
    for tag in sorted(test.tags):
        change = test.tags[tag]
        counts = {name: getattr(change, name) for name in ("before", "after", "gained", "lost")}
        causes = [
            {"change": way, "rule": rule, "keyword": keyword, "chats": chats}
            for (way, rule, keyword), chats in sorted(change.causes.items())
        ]
        share = round(report.share(tag), 4)
        yield orjson.dumps({"kind": "tag", "tag": tag, **counts, "share": share, "causes": causes}).decode()
    for tag in test.changed_tags():
        for direction, sample in test.tags[tag].sample.items():
            for one in sample:
                yield orjson.dumps(_chat_json(tag, direction, one)).decode()


def _chat_json(tag: str, direction: Change, one: Changed) -> dict[str, Any]:
    value: dict[str, Any] = {
        "kind": "chat",
        "tag": tag,
        "change": direction,
        **one.thread._asdict(),
        "ended_at": rfc3339(one.ended_at_ms),
        "author": one.author,
        "because": reasons_json(one.because),
    }
    if one.conversation is not None:
        value["said"] = [
            {"event_id": said.event_id, "author": said.author, "texts": said.fields}
            for said in one.conversation.said
        ]
    return value
