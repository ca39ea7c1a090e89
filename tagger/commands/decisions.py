"""`tagger decisions`: which chats got which tag, why, and what would be decided today."""

import asyncio
from contextlib import aclosing
from typing import Any

import click

from ingest.runtime.settings import load
from tagger.commands.decisions_show import show
from tagger.commands.history_options import Since, since_option
from tagger.commands.history_reading import filled
from tagger.commands.keyword_options import format_option
from tagger.commands.listed_decisions import Form, header, row, told
from tagger.commands.on_kafka import on_kafka
from tagger.core.plurals import counted
from tagger.core.records.past import read_past
from tagger.history.counts import Counts
from tagger.history.ledger_view import Decided
from tagger.history.wanted import Wanted
from tagger.kafka.following import Away, Back, Missed, News, keep_following
from tagger.kafka.log import Chunk
from tagger.settings import TopicSettings


@click.group("decisions")
def command() -> None:
    """List the decisions on chats, explain one, or watch them come in.

    Reads the topic livechat.decisions, without a group and without an API call. No words of chats are on it.

    \b
    Examples:
      tagger decisions list --untagged
      tagger decisions show PJ0MRSHTDG
      tagger decisions tail
    """


command.add_command(show)


@command.command("list")
@click.option("--tag", help="Only chats that were to get this tag.")
@click.option("--rule", metavar="ID", help="Only chats for which this rule held, on trial or not.")
@click.option("--untagged", is_flag=True, help="Only chats that got no tag.")
@click.option("--outcome", help="Only this outcome: tagged, no_match, partial, late, parked, …")
@click.option("--organization", metavar="ID", help="Only chats of this organization.")
@since_option()
@click.option(
    "--most", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="List at most this many."
)
@format_option("csv", "markdown", explained="json: one object for each chat.")
def list_(since: Since, most: int, form: Form, **which: Any) -> None:
    """List decisions, those on the chats that ended last first.

    Of several decisions on one chat, as after a late message, the newest is listed.

    \b
    Examples:
      tagger decisions list --tag Refund --since 2d
      tagger decisions list --rule upset --most 500 --format csv
      tagger decisions list --untagged --format json
    """
    settings = load(TopicSettings)
    wanted, counts = Wanted(since_ms=since.ms, **which), Counts(settings.kafka_decisions_topic, since.ms)

    async def main() -> tuple[list[Decided], int]:
        ledger = await filled(settings, since.ms, counts=counts)
        try:
            return ledger.page(wanted, most), ledger.count(wanted)
        finally:
            ledger.close()

    found, total = on_kafka(settings, main())
    for line in header(form):
        click.echo(line)
    for each in found:
        click.echo(row(each, form))
    say = f"{counted(total, 'chat')} {since}"
    if left := total - len(found):
        say += f"; {counted(left, 'older one')} not shown (--most)"
    click.echo(f"{say}.", err=form != "text")
    if counts.stopped:
        click.echo("Stopped before the end: there are more.", err=form != "text")


@command.command()
@format_option(explained="json: one object for each decision.")
def tail(form: Form) -> None:
    """Show decisions as they are made; Ctrl-C stops it.

    While Kafka is away it waits, and then shows what was decided meanwhile.

    \b
    Exit code: 0 stopped with Ctrl-C; 2 Kafka could not be reached at the start.
    \b
    Example:
      tagger decisions tail
    """
    settings = load(TopicSettings)

    async def main() -> None:
        waits = False
        following = keep_following(settings.client_options, settings.kafka_decisions_topic)
        async with aclosing(following):
            async for news in following:
                if not waits:
                    click.echo("waiting for decisions; press Ctrl-C to stop", err=True)
                    waits = True
                if isinstance(news, Chunk):
                    for record in news.records:
                        past = read_past(record.value)
                        if not isinstance(past, str):
                            click.echo(told(past, form))
                if (say := _said(news)) is not None:
                    click.echo(say, err=True)

    try:
        # Kafka's absence is said once, in words: no need for what the library says of each try.
        on_kafka(settings, main(), "critical")
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(0) from None


def _said(news: News) -> str | None:
    """What else there is to tell; None: nothing."""
    match news:
        case Away(error_type):
            return f"Kafka does not answer ({error_type}). Waiting for it; nothing is lost."
        case Back():
            return "Kafka answers again. What was decided meanwhile follows."
        case Missed(_, records):
            return f"{counted(records, 'record')} missed: deleted before they could be read."
        case Chunk(unreadable=unreadable) if unreadable:
            return f"{counted(unreadable, 'record')} missed: damaged."
    return None
