"""`tagger webhooks`: registers them with LiveChat, and checks that they arrive.

It asks before it removes anything, and no output contains a token or the secret.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.kafka import KafkaConnection
from ingest.runtime.settings import read_settings
from tagger.commands.keyword_options import format_option
from tagger.commands.webhook_registry import URL, YES, first_secret, remove, with_registry
from tagger.commands.webhooks_rotation import rotate_secret
from tagger.livechat.calls.requests import WebhookKind
from tagger.livechat.sample_webhooks import is_sample
from tagger.livechat.webhooks import Registry, addresses, described, line, summarized, to_register, to_remove

if TYPE_CHECKING:
    from tagger.kafka.last_arrival import Arrived

# These need Kafka's client, which takes longer to import than the others take to run.
ON_TOPIC: Final = ("send", "tail")


class _Group(click.Group):
    """Imports the commands that read a topic only when they are needed."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), *ON_TOPIC]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in ON_TOPIC:
            found: click.Command = getattr(import_module("tagger.commands.webhooks_topic"), name)
            return found
        return super().get_command(context, name)


@click.group("webhooks", cls=_Group)
def command() -> None:
    """Register the webhooks that ingest receives, and check that they arrive.

    \b
    Examples:
      tagger webhooks register https://chats.example.com/webhooks/livechat
      tagger webhooks status
      tagger webhooks send http://127.0.0.1:8080/webhooks/livechat
      tagger webhooks tail
    """


command.add_command(rotate_secret)
FORMAT = format_option()


@command.command()
@URL
@click.option(
    "--corrections", is_flag=True, help="Also thread_tagged and thread_untagged: what people correct."
)
@click.option("--bot", metavar="BOT_ID", help="Register bot webhooks, and set this bot of your app online.")
@with_registry
async def register(registry: Registry, url: str, corrections: bool, bot: str | None) -> None:
    """Register the three webhooks for URL. Existing registrations stay as they are.

    With --corrections, LiveChat also sends which tags people set and remove: a tag that a person removed is then
    not set again, and statistics show what people correct.

    With --bot, they are bot webhooks, which LiveChat sends while the bot is online. It is set online, and gets no
    chats. deploy/bot-webhooks.md shows how to create one, and when this is of use.

    LiveChat allows three registrations of an action per client id. The client id is LIVECHAT_CLIENT_ID, the
    secret is the first of LIVECHAT_WEBHOOK_SECRETS.

    \b
    Examples:
      tagger webhooks register https://chats.example.com/webhooks/livechat
      tagger webhooks register --corrections https://chats.example.com/webhooks/livechat
      tagger webhooks register --bot 5c9871d5372c824cbf22d860a707a578 https://chats.example.com/webhooks/livechat
    """
    secret = first_secret()
    kind: WebhookKind = "license" if bot is None else "bot"
    plan = to_register(await registry.listed(), url, secret, corrections=corrections, kind=kind)
    await registry.register(plan, url, secret)
    if not plan.register:
        which = "all five" if corrections else "all three"
        click.echo(f"{which} are already registered for this address; nothing was changed")
    if bot is not None:
        await registry.wake(bot)


@command.command("list")
@with_registry
@FORMAT
async def list_(registry: Registry, form: str) -> None:
    """List the registered webhooks of the client id.

    \b
    Example:
      tagger webhooks list --format json
    """
    found = await registry.listed()
    if form == "json":
        click.echo(orjson.dumps(found))
        return
    for one in found:
        click.echo(line(one))
    if not found:
        click.echo("no webhooks are registered; begin with: tagger webhooks register URL")


@command.command()
@with_registry
async def enable(registry: Registry) -> None:
    """Have LiveChat send the registered webhooks.

    \b
    Example:
      tagger webhooks enable
    """
    await registry.switch(on=True)


@command.command()
@with_registry
@YES
async def disable(registry: Registry, yes: bool) -> None:
    """Stop LiveChat from sending webhooks. No chat is tagged until they are enabled again.

    \b
    Example:
      tagger webhooks disable
    """
    if not yes and not click.confirm(
        "Until you enable them again, no chat will be tagged. Disable webhooks?"
    ):
        stop("nothing was changed")
    await registry.switch(on=False)


@command.command()
@with_registry
@FORMAT
async def status(registry: Registry, form: str) -> None:
    """Show whether LiveChat sends the webhooks, where to, and when the last one arrived.

    Exits 1 unless they are enabled, and one address gets all three. When the last one arrived is looked up on the
    topic if KAFKA_BOOTSTRAP_SERVERS is set. The two that tell what people correct are optional.

    \b
    Example:
      tagger webhooks status
    """
    enabled, found = await registry.enabled(), addresses(await registry.listed())
    arrived, summary = await _arrived(), summarized(found)
    if form == "json":
        click.echo(orjson.dumps({"enabled": enabled, **summary, "last_arrived_at": arrived.at}))
    else:
        click.echo("enabled" if enabled else "disabled; to enable them: tagger webhooks enable")
        for text in (*described(found), arrived.text):
            click.echo(text)
    if summary["missing"] or not (
        enabled or found[0].bot
    ):  # bot webhooks do not ask what the license has enabled
        raise SystemExit(1)


async def _arrived() -> "Arrived":
    from tagger.kafka.last_arrival import last_arrival  # takes Kafka's client

    return await last_arrival(read_settings(KafkaConnection), lambda key: not is_sample(key))


@command.command()
@click.argument("url", required=False)
@click.option("--all", "everything", is_flag=True, help="All webhooks of the client id, for any address.")
@with_registry
@YES
async def unregister(registry: Registry, url: str | None, everything: bool, yes: bool) -> None:
    """Remove the registrations for URL.

    \b
    Examples:
      tagger webhooks unregister https://chats.example.com/webhooks/livechat
      tagger webhooks unregister --all
    """
    if (url is None) is not everything:
        raise click.UsageError("give a URL or --all")
    await remove(registry, to_remove(await registry.listed(), url), yes)
