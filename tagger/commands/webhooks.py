"""`tagger webhooks`: registers them with LiveChat, and checks that they arrive.

It asks before it removes anything, and no output contains a token or the secret.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click
import orjson
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from ingest.runtime.exit import stop
from ingest.runtime.kafka import KafkaConnection
from ingest.runtime.settings import load, read_settings
from tagger.commands.keyword_options import format_option
from tagger.commands.setup import with_client
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, organization_of
from tagger.livechat.sample_webhooks import (
    ACCEPTED,
    SECRET_REFUSED,
    is_sample,
    post,
    sample_organization,
    secret_check,
)
from tagger.livechat.webhooks import (
    Plan,
    Registry,
    addresses,
    described,
    line,
    registered,
    summarized,
    to_register,
    to_remove,
    to_rotate,
)
from tagger.settings import ApiUrl, LiveChatSettings

if TYPE_CHECKING:
    from tagger.kafka.last_arrival import Arrived

# A change of configuration may take two minutes to take effect: https://platform.text.com/docs/management
SETTLE_S: Final = 120.0
# These need Kafka's client, which takes longer to import than the others take to run.
ON_TOPIC: Final = ("send", "tail")


class _WebhookSettings(LiveChatSettings):
    """The API, and the secret that ingest knows."""

    livechat_webhook_secrets: SecretStr | None = Field(
        None, description="secret_key of the webhooks, as for ingest; with several, the first is registered"
    )
    ingest_organizations: str | None = Field(None, description="as for ingest, which accepts no others")


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


def _address(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        return TypeAdapter(ApiUrl).validate_python(url)
    except ValidationError as failure:
        (problem,) = failure.errors(include_url=False, include_input=False, include_context=False)
        raise click.BadParameter(problem["msg"].removeprefix("Value error, ")) from None


URL = click.argument("url", callback=_address)
YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
FORMAT = format_option()


def _with_registry(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A command that gets the webhooks of the settings' client id, and exits 2 if LiveChat refuses something."""

    @click.option("--organization", metavar="ID", help="Whose credentials to use, if the file has several.")
    @click.option("--verbose", is_flag=True, help="Print each API call, without token and secret.")
    @wraps(function)
    def run(organization: str | None, verbose: bool, **given: Any) -> None:
        settings = load(_WebhookSettings)
        client_id = settings.livechat_client_id
        if not client_id:
            stop("LIVECHAT_CLIENT_ID: required, the client id of your app, which owns its webhooks")

        async def main(client: Client, who: Credentials) -> None:
            say = (lambda text: click.echo(text, err=True)) if verbose else None
            desk = Desk(client, organization_of(who, organization), say)
            await function(Registry(desk, client_id, click.echo), **given)

        with_client(settings, main)

    return run


@command.command()
@URL
@click.option(
    "--corrections", is_flag=True, help="Also thread_tagged and thread_untagged: what people correct."
)
@_with_registry
async def register(registry: Registry, url: str, corrections: bool) -> None:
    """Register the three webhooks for URL. Existing registrations stay as they are.

    With --corrections, LiveChat also sends which tags people set and remove: a tag that a person removed is then
    not set again, and statistics show what people correct.

    LiveChat allows three registrations of an action per client id. The client id is LIVECHAT_CLIENT_ID, the
    secret is the first of LIVECHAT_WEBHOOK_SECRETS.

    \b
    Examples:
      tagger webhooks register https://chats.example.com/webhooks/livechat
      tagger webhooks register --corrections https://chats.example.com/webhooks/livechat
    """
    secret = _secret()
    plan = to_register(await registry.listed(), url, secret, corrections=corrections)
    await registry.register(plan, url, secret)
    if not plan.register:
        which = "all five" if corrections else "all three"
        click.echo(f"{which} are already registered for this address; nothing was changed")


@command.command("list")
@_with_registry
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
@_with_registry
async def enable(registry: Registry) -> None:
    """Have LiveChat send the registered webhooks.

    \b
    Example:
      tagger webhooks enable
    """
    await registry.switch(on=True)


@command.command()
@_with_registry
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
@_with_registry
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
    if summary["missing"] or not enabled:
        raise SystemExit(1)


async def _arrived() -> "Arrived":
    from tagger.kafka.last_arrival import last_arrival  # takes Kafka's client

    return await last_arrival(read_settings(KafkaConnection), lambda key: not is_sample(key))


@command.command()
@click.argument("url", required=False)
@click.option("--all", "everything", is_flag=True, help="All webhooks of the client id, for any address.")
@_with_registry
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
    await _remove(registry, to_remove(await registry.listed(), url), yes)


@command.command("rotate-secret")
@URL
@_with_registry
@YES
async def rotate_secret(registry: Registry, url: str, yes: bool) -> None:
    """Replace the secret without losing a webhook.

    The new secret is the first of LIVECHAT_WEBHOOK_SECRETS. LiveChat cannot change a registration. So this
    adds new ones, waits two minutes, and removes the old ones. No webhook is refused meanwhile, because ingest
    accepts both secrets:

    \b
      1. set LIVECHAT_WEBHOOK_SECRETS=new,old for ingest, and here
      2. tagger webhooks rotate-secret https://chats.example.com/webhooks/livechat
      3. set LIVECHAT_WEBHOOK_SECRETS=new for ingest

    After an interruption, run it again: it continues where it stopped.
    """
    secret, organization = _secret(), sample_organization(load(_WebhookSettings).ingest_organizations)
    answered = await asyncio.to_thread(post, url, secret_check(secret, organization))
    if answered == SECRET_REFUSED:
        stop(
            "ingest does not accept the new secret yet; first set LIVECHAT_WEBHOOK_SECRETS=new,old for it. If "
            "INGEST_ORGANIZATIONS is set for it, set it here, too"
        )
    if answered != ACCEPTED and not yes:
        question = f"Could not check whether ingest accepts the new secret ({answered}). Continue?"
        if not click.confirm(question):
            stop("nothing was changed")
    plan = to_rotate(await registry.listed(), url, secret)
    await registry.register(plan, url, secret)
    if plan.register and plan.remove:
        click.echo(f"waiting {SETTLE_S:.0f} s for LiveChat to use the new registrations")
        await asyncio.sleep(SETTLE_S)
    await _remove(registry, plan, yes)
    click.echo("only the new secret is in use; remove the old one from LIVECHAT_WEBHOOK_SECRETS")


async def _remove(registry: Registry, plan: Plan, yes: bool) -> None:
    if not await registry.remove(plan.remove, lambda question: yes or click.confirm(question)):
        stop("nothing was removed")


def _secret() -> str:
    settings = load(_WebhookSettings)
    first = registered(settings.secret("livechat_webhook_secrets").value())
    if not first:
        stop("LIVECHAT_WEBHOOK_SECRETS: required, the same as for ingest; of several, the first is used")
    return first
