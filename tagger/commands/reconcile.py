"""`tagger reconcile`: finds ended chats whose webhooks were lost, and tags them."""

import math

import click
import orjson

from ingest.runtime.clock import now_ms
from ingest.runtime.settings import load
from tagger.commands.keyword_options import format_option
from tagger.commands.on_kafka import on_kafka
from tagger.commands.progress import Moved, bar
from tagger.commands.setup import equipment
from tagger.commands.transcript import printable
from tagger.core.matching.decide import Decision
from tagger.core.plurals import counted
from tagger.core.records.decision import Outcome, rfc3339
from tagger.core.records.missed import Look, instant_ms
from tagger.livechat.calls.price import priced
from tagger.livechat.calls.requests import PAGE_CHATS
from tagger.recovery.reconcile import Reconcile, Report, Watch
from tagger.recovery.repair import tools
from tagger.settings import RunSettings


def _instant(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    at = instant_ms(value, now_ms())
    if at is None:
        raise click.BadParameter(f"{value} is neither an age (90s, 30m, 2h, 1d) nor an RFC 3339 time")
    return at


@click.command("reconcile")
@click.option(
    "--since", required=True, metavar="TIME", callback=_instant, help="Chats that ended since then."
)
@click.option(
    "--until",
    default="0s",
    metavar="TIME",
    callback=_instant,
    help="Only chats that ended before this; default: now.",
)
@click.option("--dry-run", is_flag=True, help="Report what was missed; set no tag, record nothing.")
@format_option(explained="json: one object for each chat that was missed, then the report.")
def command(since: int, until: int, dry_run: bool, form: str) -> None:
    """Find ended chats whose webhooks were lost, and tag them.

    LiveChat retries a webhook for about a minute, then it is lost. This command compares the ended chats that
    LiveChat lists with the topic of decisions. A chat without a decision, or decided on fewer messages than
    LiveChat has, is decided with today's keyword files and tagged. TIME is an age (30m, 2h, 1d) or an
    RFC 3339 time.

    Chats that ended less than 5 minutes ago, or after the oldest unfinished job, are left for the next run.
    It says beforehand how many API calls that takes. After an interruption, run it again: it continues where it
    stopped.

    \b
    Exit code: 0 nothing was missed, or all of it is tagged now; 1 something is left; 2 it could not be done.
    \b
    Examples:
      tagger reconcile --since 2h --dry-run
      tagger reconcile --since 2h
      tagger reconcile --since 2026-11-23T08:00:00Z --until 2026-11-23T10:00:00Z
    """
    if since >= until:
        raise click.UsageError("--since must be earlier than --until")
    settings = load(RunSettings)
    with bar("comparing") as moved:
        shown = _Shown(form, moved)
        report = on_kafka(settings, _run(settings, since, until, shown, repairs=not dry_run))
    _print_report(report, form)
    for problem in report.problems:
        click.echo(problem, err=True)
    raise SystemExit(2 if report.problems else int(report.left > 0))


async def _run(settings: RunSettings, since: int, until: int, shown: "_Shown", *, repairs: bool) -> Report:
    async with tools(settings, *equipment(settings)) as equipped:
        reconcile = Reconcile(settings, equipped.who, equipped.client, equipped.settle)
        return await reconcile.run(since, until, repairs=repairs, watch=shown)


class _Shown(Watch):
    """Prints each missed chat when it is found: ids and tags, never what was said."""

    def __init__(self, form: str, moved: Moved) -> None:
        self._form, self._moved = form, moved

    def on_listed(self, organization: str, total: int | None) -> None:
        """Say what it costs, before the first chat is repaired."""
        of = f" of {organization}" if organization else ""
        if total is None:
            takes = f"Comparing the chats{of} takes an API call for every {PAGE_CHATS} of them"
        else:
            pages = max(1, math.ceil(total / PAGE_CHATS))
            takes = f"Comparing {counted(total, 'chat')}{of} takes {priced(pages)}"
        click.echo(printable(f"{takes}; each missing tag takes one more."), err=True)

    def on_page(self, organization: str, looked: int, total: int) -> None:
        """So many of an organization's ended chats were compared."""
        self._moved(looked, total)

    def on_chat(self, found: Look, decision: Decision, outcome: Outcome | None) -> None:
        """A chat was missed; None: it is left as it is."""
        assert found.thread is not None, "what needs repair has a thread"
        if self._form == "json":
            shown = {
                **found.thread._asdict(),
                "found": found.found,
                "tags": decision.tags,
                "outcome": outcome,
            }
            click.echo(orjson.dumps(shown))
            return
        thread = "  ".join(part or "-" for part in found.thread)
        tags = ", ".join(decision.tags) or "no tag"
        click.echo(printable(f"{found.found}  {thread}  {outcome or 'left'}  {tags}"))


def _print_report(report: Report, form: str) -> None:
    since = rfc3339(report.window.since_ms)
    until = rfc3339(max(report.window.since_ms, report.window.until_ms))
    if form == "json":
        names = ("looked", "missed", "short", "repaired", "recent", "left", "problems")
        counts = {name: getattr(report, name) for name in names}
        if report.too_early:
            counts["recent"] = None  # nothing was listed
        click.echo(orjson.dumps({"since": since, "until": until, **counts}))
        return
    if report.too_early:
        return  # the problem says it all
    click.echo(
        f"{counted(report.missed, 'chat')} missed since {since}, {report.short} decided on fewer messages than "
        f"LiveChat has; {report.repaired} repaired, {report.left} left"
    )
    compared = report.looked - report.recent
    recent = (
        f"{counted(report.recent, 'later one')} {'is' if report.recent == 1 else 'are'} too recent to say"
    )
    click.echo(f"compared {counted(compared, 'ended chat')} until {until}; {recent}")
