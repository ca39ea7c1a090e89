"""`tagger reconcile`: ended chats that LiveChat has and we have not judged, found and tagged."""

import asyncio

import click
import orjson

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import load
from tagger.commands.keyword_options import counted, format_option
from tagger.commands.progress import Moved, bar
from tagger.commands.setup import equipment
from tagger.commands.transcript import printable
from tagger.core.matching.decide import Decision
from tagger.core.records.decision import Outcome, rfc3339
from tagger.core.records.missed import Look, instant_ms
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.kafka.topics import what_to_do
from tagger.recovery.reconcile import Reconcile, Report, Watch
from tagger.recovery.repair import tools
from tagger.settings import RunSettings


def _instant(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    at = instant_ms(value, now_ms())
    if at is None:
        raise click.BadParameter(f"{value} is neither so long ago (90s, 30m, 2h, 1d) nor a time in RFC 3339")
    return at


@click.command("reconcile")
@click.option("--since", required=True, metavar="TIME", callback=_instant, help="What ended since then.")
@click.option("--until", default="0s", metavar="TIME", callback=_instant, help="And before then; else now.")
@click.option("--dry-run", is_flag=True, help="Tell what is missing; set no tag, record nothing.")
@format_option(explained="json: one object a chat that was missed, and the report as the last line.")
def command(since: int, until: int, dry_run: bool, form: str) -> None:
    """Find chats that LiveChat could not deliver, and tag them.

    LiveChat retries a webhook for about a minute. What was lost by then is found here: the ended chats that
    LiveChat lists are compared with the topic of decisions. Chats without a decision, or judged by fewer
    messages than LiveChat has, are judged by the present keyword files and tagged. A TIME is so long ago
    (30m, 2h, 1d), or RFC 3339.

    What ended less than 5 minutes ago, or after the oldest end that is still being worked on, is left for
    the next time. Interrupted, run it again: it goes on where it stopped.

    \b
    Exit code: 0 nothing was missed, or all of it is tagged now; 1 something is left; 2 it could not be done.
    \b
    Examples:
      tagger reconcile --since 2h --dry-run
      tagger reconcile --since 2h
      tagger reconcile --since 2026-11-23T08:00:00Z --until 2026-11-23T10:00:00Z
    """
    if since >= until:
        raise click.UsageError("--since must lie before --until")
    settings = load(RunSettings)
    configure_logs("warning", settings.log_format)
    try:
        with bar("comparing") as moved:
            watch = _Shown(form, moved)
            report = asyncio.run(_run(settings, since, until, watch, repairs=not dry_run))
    except (TopicMissingError, *NO_KAFKA) as error:
        stop(what_to_do(settings, error))
    _tell(report, form)
    for problem in report.problems:
        click.echo(problem, err=True)
    raise SystemExit(2 if report.problems else int(report.left > 0))


async def _run(settings: RunSettings, since: int, until: int, watch: "_Shown", *, repairs: bool) -> Report:
    async with tools(settings, *equipment(settings)) as equipped:
        reconcile = Reconcile(settings, equipped.who, equipped.client, equipped.settle)
        return await reconcile.run(since, until, repairs=repairs, watch=watch)


class _Shown(Watch):
    """Says each chat that was missed when it is found; ids and tags, nothing that was said."""

    def __init__(self, form: str, moved: Moved) -> None:
        self._form, self._moved = form, moved

    def on_page(self, organization: str, looked: int, total: int) -> None:
        self._moved(looked, total)

    def on_chat(self, found: Look, decision: Decision, outcome: Outcome | None) -> None:
        assert found.thread is not None, "what needs repair has a thread"
        if self._form == "json":
            shown = {**found.thread._asdict(), "found": found.found, "tags": decision.tags}
            click.echo(orjson.dumps({**shown, "outcome": outcome}))
            return
        tags = ", ".join(decision.tags) or "no tag"
        organization, chat_id, thread_id = found.thread
        text = f"{found.found}  {organization or '-'}  {chat_id}  {thread_id}  {outcome or 'left'}  {tags}"
        click.echo(printable(text))


def _tell(report: Report, form: str) -> None:
    window = report.window
    until = max(window.since_ms, window.until_ms)
    if form == "json":
        counts = {name: getattr(report, name) for name in ("looked", "missed", "short", "repaired", "recent")}
        times = {"since": rfc3339(window.since_ms), "until": rfc3339(until)}
        click.echo(orjson.dumps({**times, **counts, "left": report.left, "problems": report.problems}))
        return
    click.echo(
        f"{counted(report.missed, 'chat')} missed since {rfc3339(window.since_ms)}, {report.short} judged by "
        f"fewer messages than LiveChat has; {report.repaired} repaired, {report.left} left"
    )
    click.echo(
        f"looked at {counted(report.looked, 'ended chat')}, until {rfc3339(until)}; "
        f"{report.recent} are too recent to tell"
    )
