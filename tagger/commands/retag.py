"""`tagger retag`: changes tags of chats of the past. First a plan, which sets nothing; then that plan."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from tagger.commands.history_options import Asked, history_options
from tagger.commands.history_reading import beside_data, read_decisions, read_file_joined, read_history
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.retag_apply import apply
from tagger.commands.retag_report import Planned, planned_lines, warnings
from tagger.core.matching.decide import Decider
from tagger.core.records.retag_plan import Head
from tagger.core.review import retag
from tagger.core.review.past_chat import PastChat
from tagger.core.review.retag import Retag
from tagger.history.counts import Counts
from tagger.recovery.plan_file import PlanError, written


def _renames(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    names = dict[str, str]()
    for value in values:
        old, _, new = (part.strip() for part in value.partition("="))
        if not old or not new or old == new:
            raise click.BadParameter(f"{value} does not name two tags: write OLD=NEW")
        if names.setdefault(old, new) != new:
            raise click.BadParameter(f"{old} is renamed twice")
    if chained := names.keys() & {*names.values()}:
        raise click.BadParameter(f"{min(chained)} is both an old and a new name: rename one after the other")
    return names


@click.command("retag")
@config_option
@history_options
@click.option("--remove", is_flag=True, help="Also remove tags that decisions set and no rule calls for now.")
@click.option(
    "--undo",
    metavar="RULE",
    multiple=True,
    help="Only remove the tags that this rule called for and no other rule in force did.",
)
@click.option(
    "--rename",
    metavar="OLD=NEW",
    multiple=True,
    callback=_renames,
    help="Only replace a tag that decisions set.",
)
@click.option(
    "--apply",
    "plan",
    metavar="PLAN",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Do what this plan says.",
)
@format_option(explained="json: of a plan one object; with --apply one for each chat, then the report.")
@placeholder_option
def command(plan: Path | None, path: Path, asked: Asked, form: Any, placeholder: str, **what: Any) -> None:
    """Set tags that today's keyword files call for on past chats, and remove tags that they set before.

    Without --apply it writes a plan, retag-HASH-DATE.ndjson, into the current folder and changes nothing. The plan has
    a line for each chat. Delete the lines that you do not want, then apply it. It can be stopped at any time (Ctrl-C)
    and applied again: it goes on where it stopped.

    Tags that people set or removed are never touched, nor are tags that no rule set. Rules on trial do not count.

    \b
    Exit code: 0 fine; 1 part of the plan was not applied; 2 chats, keyword files or the plan cannot be read.
    \b
    Examples:
      tagger retag --since 30d
      tagger retag --since 30d --remove
      tagger retag --since 30d --undo upset
      tagger retag --since 30d --rename 'Refund=Refund request'
      tagger retag --apply retag-d814c37ea64b-20261129.ndjson
    """
    if plan is not None:
        _refuse_others()
        apply(plan, form)
    wanted = retag.Asked(what["remove"], tuple(dict.fromkeys(what["undo"])), what["rename"])
    if wanted.remove and not wanted.decides:
        raise click.UsageError("Give --remove without --undo and --rename: they are plans of their own.")
    _plan(wanted, asked, Decider.compile(load(path), placeholder), form)


def _refuse_others() -> None:
    context = click.get_current_context()
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name not in {"plan", "form"}
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"{given[0]} belongs to making a plan. With --apply, the plan says it all.")


def _plan(wanted: retag.Asked, asked: Asked, decider: Decider, form: str) -> None:
    made_at_ms = now_ms()
    since_ms = 0 if asked.since is None else asked.since.ms
    source = "a file" if asked.file else "LiveChat's archive" if asked.archive else "Kafka"
    head = Head(decider.hash, made_at_ms, wanted, source, since_ms, not (asked.file or asked.archive))
    plan = Retag(wanted, {rule.id for rule in decider.rules if rule.dry_run})
    try:
        with written(Path(), head) as (name, writer):

            def take(chat: PastChat) -> None:
                said = chat.conversation if wanted.decides else None
                whole = said is not None and said.complete
                today = decider.decide(said, chat.ended_at_ms) if said is not None and whole else None
                change = plan.plan(chat, today, made_at_ms)
                if change is not None:
                    writer.add(change)

            counts = _read(wanted, asked, take)
    except PlanError as error:
        stop(str(error))
    done = Planned(plan, wanted, name, writer.left_out, counts, str(asked), decider.rules)
    for warning in warnings(done):
        click.echo(warning, err=True)
    for line in planned_lines(done, form):
        click.echo(line)
    beside_data(counts, form)
    raise SystemExit(2 if counts.unreadable or counts.problems else 0)


def _read(wanted: retag.Asked, asked: Asked, take: Any) -> Counts:
    if asked.file is not None:
        return read_file_joined(asked, take)
    if asked.archive or wanted.decides:
        return read_history(asked, take)
    return read_decisions(asked, take, partly=False)
