"""`tagger skip`: step over one batch of the log that cannot be read."""

import asyncio

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import load
from tagger.commands.keyword_options import counted, format_option
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.kafka.skip import Skip, SkipRefusedError, skipping
from tagger.kafka.topics import what_to_do
from tagger.settings import RunSettings, group_of


@click.command("skip")
@click.argument("partition", type=click.IntRange(0))
@click.argument("offset", type=click.IntRange(0))
@click.option("--yes", is_flag=True, help="Do not ask.")
@format_option(explained="json: one object that says what was stepped over; with --yes only.")
def command(partition: int, offset: int, yes: bool, form: str) -> None:
    """Step over one batch of webhooks that cannot be read.

    A batch that a disk or a network damaged holds up its partition: `tagger run` stands still before it, says
    the partition and the OFFSET, and tries it again by itself. Restore it if there is a good replica. If
    there is none, stop all members of the group and run this: it commits an offset behind the batch, records
    on the topic of parked items what was stepped over, and names the `tagger reconcile` that finds the chats in
    it. Chats that were open then are completed by LiveChat when they end.

    It refuses what can be read, and a batch before which something is unfinished.

    \b
    Exit code: 0 it is stepped over; 1 it must not be, the text says why; 2 it could not be done.
    \b
    Examples:
      tagger skip 3 180412
      tagger skip 3 180412 --yes --format json
    """
    if form == "json" and not yes:
        raise click.UsageError("--format json needs --yes: a question would stand in the output")
    settings = load(RunSettings)
    configure_logs("error", settings.log_format)
    try:
        code = asyncio.run(_skip(settings, partition, offset, yes, form))
    except SkipRefusedError as refused:
        click.echo(f"nothing was changed: {refused}", err=True)
        raise SystemExit(1) from None
    except (TopicMissingError, *NO_KAFKA) as error:
        stop(what_to_do(settings, error))
    raise SystemExit(code)


async def _skip(settings: RunSettings, partition: int, offset: int, yes: bool, form: str) -> int:
    async with skipping(settings, group_of(settings)) as skips:
        skip = await skips.plan(partition, offset)
        if form == "text":
            click.echo(_described(skip))
        if not yes and not click.confirm(f"Step over {counted(skip.count, 'record')}?"):
            stop("nothing was done")
        await skips.carry_out(skip)
        if form == "json":
            click.echo(orjson.dumps(skip.json()))
        else:
            click.echo(
                f"stepped over; start `tagger run` again, and then find the chats:\n  {skip.reconcile}"
            )
    return 0


def _described(skip: Skip) -> str:
    return (
        f"offsets {skip.committed} to {skip.batch.last} of partition {skip.tp.partition} of {skip.tp.topic} cannot be "
        f"read ({skip.batch.error_type})"
    )
