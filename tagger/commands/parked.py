"""`tagger parked`: what was given up on, why, and trying it again.

An item is closed by a later record on the topic with its identity and `resolved`: `core.records.parked`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from ingest.runtime.supervision import together
from tagger.commands.keyword_options import format_option
from tagger.commands.on_kafka import on_kafka
from tagger.commands.progress import bar
from tagger.commands.setup import equipment
from tagger.commands.transcript import printable
from tagger.core.plurals import counted
from tagger.core.records.parked import Item, OpenItems
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.kafka.reader import read_topic
from tagger.metrics import Metrics
from tagger.recovery.removed import recall_of
from tagger.recovery.repair import tools
from tagger.recovery.retry import Parked, Retry, Tried
from tagger.settings import RunSettings, TopicSettings

AT_ONCE: Final = (
    8  # items retried at a time; each is a call, and live jobs need their share of LiveChat's limit
)


@click.group("parked")
def command() -> None:
    """List parked items, retry them or drop them.

    A tag that LiveChat refuses for good, or a chat that it does not return, is parked on the topic
    livechat.parked, so that it holds up no other chat. The item stays open until a retry succeeds or you drop
    it; either is recorded on the same topic.

    \b
    Examples:
      tagger parked list
      tagger parked show PJ0MRSHTDG
      tagger parked retry --error-type not_found
      tagger parked drop PJ0MRSHTDG
    """


def _which(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that select items."""
    organization = click.option("--organization", metavar="ID", help="Only items of this organization.")
    error_type = click.option("--error-type", metavar="TYPE", help="Only items of this error type.")
    ids = click.argument("ids", metavar="[CHAT_OR_THREAD_ID]...", nargs=-1)
    return ids(organization(error_type(function)))


FORMAT = format_option()


@command.command("list")
@_which
@FORMAT
def list_(form: str, **which: Any) -> None:
    """List the open items. Exits 1 if there are any.

    \b
    Examples:
      tagger parked list
      tagger parked list --error-type organization_unavailable --format json
    """
    found = _found(which)
    if form == "json":
        click.echo(_as_json(found))
    else:
        for item in found:
            click.echo(_line(item))
        kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(one.error_type for one in found).most_common())
        click.echo(f"{len(found)} open: {kinds}" if found else "nothing is open")
    raise SystemExit(1 if found else 0)


@command.command()
@_which
@FORMAT
def show(form: str, **which: Any) -> None:
    """Show everything about open items. Exits 1 if there are none.

    \b
    Example:
      tagger parked show PJ0MRSHTDG
    """
    found = _found(which)
    if form == "json":
        click.echo(_as_json(found))
    for item in found if form == "text" else ():
        for name, value in item.json().items():
            click.echo(printable(f"{name:<13}{'-' if value is None else value}"))
        click.echo()
    if not found and form == "text":
        click.echo("no matching item is open")
    raise SystemExit(0 if found else 1)


@command.command()
@_which
@FORMAT
def retry(form: str, **which: Any) -> None:
    """Retry open items. Exits 1 if some stay open.

    A retry sets the tag, or fetches the chat and decides it. A tag that a person removed meanwhile is not set, and its
    item is closed. An item that is refused again stays open with the new reason. If LiveChat cannot be reached,
    nothing changes. After an interruption, run it again: what was done by then is closed.

    \b
    Examples:
      tagger parked retry
      tagger parked retry --organization 9a3d0a44-… --error-type organization_unavailable
    """
    settings = load(RunSettings)
    if settings.tagger_dry_run:
        stop("TAGGER_DRY_RUN is set, so nothing is retried")
    found, done = on_kafka(settings, _retry(settings, which, form))
    if form == "text":
        click.echo(f"{done} of {counted(found, 'item')} done, {found - done} still open")
    raise SystemExit(0 if done == found else 1)


async def _retry(settings: RunSettings, which: dict[str, Any], form: str) -> tuple[int, int]:
    """How many items were open, and how many of them are closed now."""
    found, done = await _open_items(settings, which), 0
    async with tools(settings, *equipment(settings)) as equipped:
        parked = Parked(equipped.producer, settings.kafka_parked_topic)
        recall = recall_of(settings, one_for_all=not equipped.who.organizations())
        again = Retry(equipped.client, equipped.settle, parked, recall)
        with bar("retrying") as moved:
            for start in range(0, len(found), AT_ONCE):
                chunk = found[start : start + AT_ONCE]
                for tried in await together(map(again.again, chunk)):
                    done += tried.is_closed
                    _print_tried(tried, form)
                moved(start + len(chunk), len(found))
    return len(found), done


@command.command()
@_which
@click.option("--all", "everything", is_flag=True, help="All open items.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def drop(everything: bool, yes: bool, **which: Any) -> None:
    """Close items and do nothing about them. Their chats stay as they are.

    \b
    Examples:
      tagger parked drop PJ0MRSHTDG
      tagger parked drop --error-type unreadable
    """
    if any(which.values()) is everything:
        raise click.UsageError("name what to drop (an id, --organization or --error-type), or use --all")
    settings = load(TopicSettings)

    async def main() -> None:
        found = await _open_items(settings, which)
        for item in found:
            click.echo(_line(item))
        if found and not yes and not click.confirm(f"Drop {counted(len(found), 'item')}?"):
            stop("nothing was changed")
        producer = Producer(settings.client_options(), Metrics(), COMMAND_PATIENCE_S)
        parked = Parked(producer, settings.kafka_parked_topic)
        try:
            with bar("dropping") as moved:
                for number, item in enumerate(found, 1):
                    await parked.close(item, "dropped")
                    moved(number, len(found))
        finally:
            await producer.stop()
        click.echo(f"dropped {counted(len(found), 'item')}")

    on_kafka(settings, main())


def _found(which: dict[str, Any]) -> list[Item]:
    settings = load(TopicSettings)
    return on_kafka(settings, _open_items(settings, which))


async def _open_items(settings: RunSettings | TopicSettings, which: dict[str, Any]) -> list[Item]:
    items = OpenItems()
    await read_topic(settings.client_options(), settings.kafka_parked_topic, items.take)
    if items.left_out:
        hidden = counted(items.left_out, "older item")
        click.echo(f"{hidden} not shown; close some of the newer ones first", err=True)
    return items.matching(which["ids"], which["organization"], which["error_type"])


def _as_json(items: list[Item]) -> bytes:
    return orjson.dumps([item.json() for item in items])


def _line(item: Item) -> str:
    what = "the chat" if item.tag is None else f"tag {item.tag!r}"
    if not item.thread.thread_id and (source := item.identity.source) is not None:
        first, last = source.offset, item.last_offset
        offsets = f"offsets {first} to {last}" if last is not None and last > first else f"offset {first}"
        what = f"partition {source.partition}, {offsets}"
    chat = "  ".join(part or "-" for part in item.thread)
    return printable(f"{item.parked_at}  {item.error_type}  {what}  {chat}")


def _print_tried(tried: Tried, form: str) -> None:
    if form == "json":
        click.echo(orjson.dumps({**tried.item.json(), "result": tried.result, "why": tried.text}))
    elif tried.text:
        click.echo(f"{_line(tried.item)}  {'closed' if tried.is_closed else 'still open'}: {tried.text}")
