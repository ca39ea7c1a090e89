"""What a plan of `tagger retag` would do, and what came of one, for people and programs. Ids and tags only."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from shlex import quote
from typing import Any

import orjson

from tagger.commands import tables
from tagger.commands.transcript import printable
from tagger.core.plurals import counted
from tagger.core.review.retag import UNTOUCHED, Asked, Retag, Untouched
from tagger.core.rules.model import Rule
from tagger.history.counts import Counts
from tagger.livechat.calls.price import dollars, priced
from tagger.recovery.retag import Applied, Report


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was made."""

    plan: Retag
    asked: Asked
    path: Path
    left_out: int  # chats beyond what one plan may hold
    counts: Counts
    period: str  # `of 7 days`; "" for a whole file
    rules: Sequence[Rule]


def planned_lines(done: Planned, form: str) -> Iterator[str]:
    """Return the lines to print."""
    plan = done.plan
    if form == "json":
        yield orjson.dumps(_planned_json(done)).decode()
        return
    untouched = _untouched(plan.untouched)
    if not plan.planned:
        seen = f"{counted(plan.chats, 'chat')} {done.period}".strip()
        yield printable(f"Nothing to retag: {seen}, from {done.counts.source}{untouched}.")
        yield from _notes(done)
        return
    changes = " and ".join(_tags(number, what) for number, what in _both(plan) if number)
    yield printable(f"Plan {done.path}: {changes} in {counted(plan.planned, 'chat')}{untouched}.")
    tags = sorted(plan.set.keys() | plan.removed.keys())
    if len(tags) > 1:
        yield ""
        rows = [(tag, plan.set[tag], plan.removed[tag]) for tag in tags]
        yield from tables.as_text(("tag", "set", "remove"), rows)
        yield ""
    yield f"{priced(plan.calls)}. Apply with: tagger retag --apply {quote(str(done.path))}"
    yield from _notes(done)


def _notes(done: Planned) -> Iterator[str]:
    yield from done.counts.notes()
    if done.plan.recent:
        yield f"Left for later: {counted(done.plan.recent, 'chat')} that just ended and are not decided yet."
    if done.left_out:
        yield f"{counted(done.left_out, 'more chat')} did not fit into one plan: apply it, then make another one."


def _both(plan: Retag) -> tuple[tuple[int, str], tuple[int, str]]:
    return (plan.set.total(), "set"), (plan.removed.total(), "remove")


def _tags(number: int, what: str) -> str:
    return f"{counted(number, 'tag')} to {what}"


def _untouched(untouched: Counter[Untouched]) -> str:
    if not untouched:
        return ""
    total = untouched.total()
    if len(untouched) == 1:
        return f"; {total:,} not touched ({UNTOUCHED[next(iter(untouched))]})"
    why = ", ".join(f"{untouched[name]:,} {UNTOUCHED[name]}" for name in UNTOUCHED if untouched[name])
    return f"; {total:,} not touched ({why})"


def warnings(done: Planned) -> Iterator[str]:
    """Say what in the keyword files works against the plan, and which names may be mistakes."""
    names = {rule.id for rule in done.rules if not rule.dry_run}
    for asked, what, known in (
        (done.asked.undo, "rule", [rule.id for rule in done.rules]),
        (done.asked.rename, "tag", [rule.tag for rule in done.rules]),
    ):
        for name in asked:
            if name not in done.plan.named:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f" Did you mean {close[0]}?" if close and close[0] != name else ""
                yield printable(f"No decision on these chats names the {what} {name}.{hint}")
    for rule in done.asked.undo:
        if rule in names:
            yield f"Rule {rule} is still in force: chats that end from now on get its tag. Delete it, or try it with dry_run."
    for old in done.asked.rename:
        if using := sorted(rule.id for rule in done.rules if rule.tag == old and not rule.dry_run):
            yield f"Rule {using[0]} still sets {old}: change its tag, too, or chats that end from now on get the old one."


def _planned_json(done: Planned) -> dict[str, Any]:
    plan = done.plan
    return {
        "plan": str(done.path) if plan.planned else None,
        "chats": plan.chats,
        "chats_to_change": plan.planned,
        "set": dict(sorted(plan.set.items())),
        "remove": dict(sorted(plan.removed.items())),
        "not_touched": dict(sorted(plan.untouched.items())),
        "incomplete": plan.incomplete,
        "recent": plan.recent,
        "left_out": done.left_out,
        "calls": plan.calls,
        "dollars": round(dollars(plan.calls), 4),
        "stopped": done.counts.stopped,
    }


def applied_line(applied: Applied) -> str:
    """Return what became of a chat, as an object."""
    return orjson.dumps({
        **applied.thread._asdict(),
        "result": applied.result,
        "set": applied.set,
        "removed": applied.removed,
        "gone": applied.gone,
        "refused": [{"tag": one.tag, "why": one.why} for one in applied.refused],
    }).decode()  # fmt: skip


def report_lines(report: Report, path: Path, calls: int, form: str) -> Iterator[str]:
    """Return the report of `--apply`."""
    if form == "json":
        yield orjson.dumps(_report_json(report, calls)).decode()
        return
    yield f"{counted(report.chats, 'chat')}: {', '.join(_parts(report))}{_untouched(report.untouched)}."
    if report.gone:
        yield f"{counted(report.gone, 'tag')} to remove {'was' if report.gone == 1 else 'were'} not there any more."
    for one in report.named:
        _, chat_id, thread_id = one.thread
        yield printable(f"refused  {chat_id}  {thread_id}  {one.tag}: {one.why}")
    if more := report.refused - len(report.named):
        yield f"{more:,} more were refused; --format json names them all."
    for organization, why in report.problems.items():
        if organization:
            yield printable(f"organization {organization}: {why}")
        else:  # of a file, and no decision tells whose they are
            yield printable(f"chats without an organization: {why}. Write it into their lines of the plan.")
    yield f"{priced(calls)}."
    if report.left or report.refused:
        begin = "Stopped. Go on with" if report.stopped else "Try the rest again with"
        yield f"{begin}: tagger retag --apply {quote(str(path))}"


def _parts(report: Report) -> Iterator[str]:
    done, tags = report.done, [(report.set, "set"), (report.removed, "removed")]
    changed = " and ".join(f"{counted(number, 'tag')} {how}" for number, how in tags if number)
    yield f"{done['retagged']:,} retagged" + (f" ({changed})" if changed else "")
    if done["nothing"]:
        yield f"{done['nothing']:,} with nothing to do"
    if done["refused"]:
        yield f"{done['refused']:,} partly refused by LiveChat"
    if report.left:
        yield f"{report.left:,} left"


def _report_json(report: Report, calls: int) -> dict[str, Any]:
    names = ("chats", "set", "removed", "gone", "left", "problems", "stopped")
    return {
        **{name: getattr(report, name) for name in names},
        **{name: report.done[name] for name in ("retagged", "nothing", "refused")},
        "not_touched": report.untouched,
        "calls": calls,
    }
