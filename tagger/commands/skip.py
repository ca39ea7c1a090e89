"""`tagger skip`: steps over one batch of the log that cannot be read."""

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from tagger.commands.keyword_options import format_option
from tagger.commands.on_kafka import on_kafka
from tagger.core.plurals import counted
from tagger.kafka.skip import SkipRefusedError, skipping
from tagger.settings import RunSettings, group_of


@click.command("skip")
@click.argument("partition", type=click.IntRange(0))
@click.argument("offset", type=click.IntRange(0))
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@format_option(explained="json: one object that says what was stepped over; needs --yes.")
def command(partition: int, offset: int, yes: bool, form: str) -> None:
    """Step over one batch of webhooks that cannot be read.

    A batch damaged by a disk or a network blocks its partition: `tagger run` logs PARTITION and OFFSET, waits
    there and keeps retrying. If a replica has an intact copy, restore it. If none has, stop all members of the
    group and run this command. It commits the offset after the batch, records on the topic of parked items
    what it stepped over, and prints the `tagger reconcile` that finds the chats in it. Chats that were open
    then are completed from LiveChat when they end.

    It refuses to step over a batch that can be read, or one with unfinished work before it.

    \b
    Exit code: 0 stepped over; 1 refused, the message says why; 2 it could not be done.
    \b
    Examples:
      tagger skip 3 180412
      tagger skip 3 180412 --yes --format json
    """
    if form == "json" and not yes:
        raise click.UsageError("--format json needs --yes: the question would be mixed with the output")
    settings = load(RunSettings)
    try:
        on_kafka(settings, _skip(settings, partition, offset, yes, form), "error")
    except SkipRefusedError as refused:
        stop(f"nothing was changed: {refused}", 1)


async def _skip(settings: RunSettings, partition: int, offset: int, yes: bool, form: str) -> None:
    async with skipping(settings, group_of(settings)) as skips:
        skip = await skips.plan(partition, offset)
        if form == "text":
            click.echo(
                f"offsets {skip.committed} to {skip.batch.last} of partition {partition} of {skip.tp.topic} cannot "
                f"be read ({skip.batch.error_type})"
            )
        if not yes and not click.confirm(f"Step over {counted(skip.count, 'record')}?"):
            stop("nothing was changed")
        await skips.carry_out(skip)
        if form == "json":
            click.echo(orjson.dumps(skip.json()))
        else:
            click.echo(f"stepped over; start `tagger run` again, then find the chats:\n  {skip.reconcile}")
