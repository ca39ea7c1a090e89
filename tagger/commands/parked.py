"""`tagger parked`: what was given up on, why, and again.

An item is done when a record with its identity and `resolved` follows it on the topic: `core.parked`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import KafkaSettings, load
from tagger.commands.keyword_options import counted, format_option
from tagger.commands.progress import bar
from tagger.commands.setup import equipment
from tagger.commands.transcript import printable
from tagger.core.records.parked import Item, OpenItems
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.kafka.reader import NO_KAFKA, TopicMissingError, read_topic
from tagger.kafka.topics import what_to_do
from tagger.metrics import Metrics
from tagger.recovery.repair import tools
from tagger.recovery.retry import Parked, Retry, Tried
from tagger.settings import RunSettings, TopicSettings

AT_ONCE: Final = 8  # items tried at a time; each is a call, and live work needs its share of LiveChat's limit


@click.group("parked")
def command() -> None:
    """Show what was given up on, and try it again.

    A tag that LiveChat refuses for good, or a chat that it does not give, is parked on the topic
    livechat.parked, so that it holds back no other chat. It stays open until it is retried with success or
    dropped, which is recorded on the same topic.

    \b
    Examples:
      tagger parked list
      tagger parked show PJ0MRSHTDG
      tagger parked retry --error-type not_found
      tagger parked drop PJ0MRSHTDG
    """


def _which(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which items are meant."""
    organization = click.option("--organization", metavar="ID", help="Only those of this organization.")
    error_type = click.option(
        "--error-type", metavar="TYPE", help="Only those of this error type, as `list` shows."
    )
    ids = click.argument("ids", metavar="[CHAT_OR_THREAD_ID]...", nargs=-1)
    return ids(organization(error_type(function)))


FORMAT = format_option()


@command.command("list", short_help="Show all that is open, a line each.")
@_which
@FORMAT
def list_(form: str, **which: Any) -> None:
    """Show all that is open, a line each. Exits 1 where there is something.

    \b
    Examples:
      tagger parked list
      tagger parked list --error-type organization_unavailable --format json
    """

    async def main(kafka: KafkaSettings) -> int:
        found = await _open_items(kafka, which)
        if form == "json":
            click.echo(orjson.dumps([item.json() for item in found]))
        else:
            for item in found:
                click.echo(_line(item))
            click.echo(_summary(found))
        return 1 if found else 0

    _run(main)


@command.command(short_help="Show everything about open items.")
@_which
@FORMAT
def show(form: str, **which: Any) -> None:
    """Show everything about the open items of a chat or thread. Exits 1 where there is none.

    \b
    Example:
      tagger parked show PJ0MRSHTDG
    """

    async def main(kafka: KafkaSettings) -> int:
        found = await _open_items(kafka, which)
        if form == "json":
            click.echo(orjson.dumps([item.json() for item in found]))
            return 0 if found else 1
        for item in found:
            for name, value in item.json().items():
                click.echo(printable(f"{name:<13}{'-' if value is None else value}"))
            click.echo()
        if not found:
            click.echo("nothing is open there")
        return 0 if found else 1

    _run(main)


@command.command(short_help="Try again what is open.")
@_which
@FORMAT
def retry(form: str, **which: Any) -> None:
    """Try again what is open: set the tag, or fetch and judge the chat. Exits 1 where some stays open.

    What is refused again stays open with its new reason; where LiveChat cannot be reached, nothing changes.
    Interrupted, run it again: what is done by then is closed.

    \b
    Examples:
      tagger parked retry
      tagger parked retry --organization 9a3d0a44-… --error-type organization_unavailable
    """
    settings = load(RunSettings)
    if settings.tagger_dry_run:
        stop("TAGGER_DRY_RUN is set: nothing is tried again")

    async def main(kafka: KafkaSettings) -> int:
        found = await _open_items(kafka, which)
        results = Counter[str]()
        async with tools(settings, *equipment(settings)) as equipped:
            again = Retry(
                equipped.client, equipped.settle, Parked(equipped.producer, kafka.kafka_parked_topic)
            )
            with bar("retrying") as moved:
                for start in range(0, len(found), AT_ONCE):
                    chunk = found[start : start + AT_ONCE]
                    for tried in await asyncio.gather(*map(again.again, chunk)):
                        results[tried.result] += 1
                        _tell(tried, form)
                    moved(start + len(chunk), len(found))
        if form == "text":
            left = results["refused"] + results["waits"]
            click.echo(f"{results['done']} of {counted(len(found), 'item')} done, {left} still open")
        return 0 if results["done"] == len(found) else 1

    _run(main, settings)


@command.command(short_help="Close items without doing anything about them.")
@_which
@click.option("--all", "everything", is_flag=True, help="All that is open.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(everything: bool, yes: bool, **which: Any) -> None:
    """Close items without doing anything about them: their chats stay as they are.

    \b
    Examples:
      tagger parked drop PJ0MRSHTDG
      tagger parked drop --error-type unreadable
    """
    if any(which.values()) is everything:
        raise click.UsageError("say which (an id, --organization, --error-type), or --all")

    async def main(kafka: KafkaSettings) -> int:
        found = await _open_items(kafka, which)
        for item in found:
            click.echo(_line(item))
        if found and not yes and not click.confirm(f"Drop {counted(len(found), 'item')}?"):
            stop("nothing was done")
        producer = Producer(kafka.client_options(), Metrics(), COMMAND_PATIENCE_S)
        parked = Parked(producer, kafka.kafka_parked_topic)
        try:
            with bar("dropping") as moved:
                for number, item in enumerate(found, 1):
                    await parked.close(item, "dropped")
                    moved(number, len(found))
        finally:
            await producer.stop()
        click.echo(f"dropped {len(found)}")
        return 0

    _run(main)


async def _open_items(kafka: KafkaSettings, which: dict[str, Any]) -> list[Item]:
    items = OpenItems()
    await read_topic(kafka.client_options(), kafka.kafka_parked_topic, items.take)
    if items.left_out:
        click.echo(f"{items.left_out} older items are left out; close some of the newer first", err=True)
    return items.matching(which["ids"], which["organization"], which["error_type"])


def _line(item: Item) -> str:
    what = "the chat" if item.tag is None else f"tag {item.tag!r}"
    if not item.thread.thread_id and (source := item.identity.source) is not None:
        first, last = source.offset, item.last_offset
        what = f"partition {source.partition}, offset {first}"
        if last is not None and last > first:
            what = f"partition {source.partition}, offsets {first} to {last}"
    chat = f"{item.thread.organization or '-'}  {item.thread.chat_id or '-'}  {item.thread.thread_id or '-'}"
    return printable(f"{item.parked_at}  {item.error_type}  {what}  {chat}")


def _summary(items: list[Item]) -> str:
    if not items:
        return "nothing is open"
    kinds = Counter(item.error_type for item in items)
    return f"{len(items)} open: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def _tell(tried: Tried, form: str) -> None:
    if form == "json":
        shown = {**tried.item.json(), "result": tried.result, "why": tried.text}
        click.echo(orjson.dumps(shown))
    elif tried.text:
        click.echo(f"{_line(tried.item)}  still open: {tried.text}")


def _run(
    main: Callable[[KafkaSettings], Coroutine[Any, Any, int]],
    given: RunSettings | TopicSettings | None = None,
) -> None:
    settings = given or load(TopicSettings)
    configure_logs("warning", settings.log_format)
    try:
        code = asyncio.run(main(settings))
    except (TopicMissingError, *NO_KAFKA) as error:
        stop(what_to_do(settings, error))
    raise SystemExit(code)
