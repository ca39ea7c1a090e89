"""`tagger webhooks`: register them with LiveChat, look after them, and try the way they go.

It says what it removes and asks before; no output holds a token or the secret.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

import click
import orjson
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from tagger.commands.keyword_options import format_option
from tagger.commands.setup import with_client
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, organization_of
from tagger.livechat.post import ACCEPTED, SECRET_REFUSED, post
from tagger.livechat.registry import Registry, line
from tagger.livechat.sample_webhooks import secret_check
from tagger.livechat.webhooks import Plan, missing, registered, to_register, to_remove, to_rotate
from tagger.settings import ApiUrl, LiveChatSettings

# A change of the configuration may take two minutes to act: https://platform.text.com/docs/management
SETTLE_S: Final = 120.0
# These need Kafka's client, whose import takes longer than the others run.
ON_TOPIC: Final = ("send", "tail")


class WebhookSettings(LiveChatSettings):
    """What is needed beside the API: the secret that ingest knows."""

    livechat_webhook_secrets: SecretStr | None = Field(
        None, description="secret_key of the webhooks, as for ingest; with several, the first is registered"
    )


class _Group(click.Group):
    """Loads the commands that read a topic only when they are asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*super().list_commands(context), *ON_TOPIC]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in ON_TOPIC:
            found: click.Command = getattr(import_module("tagger.commands.webhooks_topic"), name)
            return found
        return super().get_command(context, name)


@click.group("webhooks", cls=_Group)
def command() -> None:
    """Register the webhooks that ingest receives, and see whether they arrive.

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
YES = click.option("--yes", is_flag=True, help="Do not ask before something is removed.")
FORMAT = format_option()


def _with_api(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that calls the API."""
    organization = click.option(
        "--organization", metavar="ID", help="Whose credentials, where the credentials file has several."
    )
    verbose = click.option("--verbose", is_flag=True, help="Say each API call, token and secret hidden.")
    return organization(verbose(function))


@command.command(short_help="Have LiveChat send the three webhooks to URL.")
@URL
@_with_api
def register(url: str, **api: Any) -> None:
    """Have LiveChat send the three webhooks to URL; what is registered already stays as it is.

    LiveChat allows three registrations of an action for one client id. The secret is the first of
    LIVECHAT_WEBHOOK_SECRETS, the client id is LIVECHAT_CLIENT_ID.

    \b
    Example:
      tagger webhooks register https://chats.example.com/webhooks/livechat
    """
    secret = _secret()

    async def main(registry: Registry) -> None:
        plan = to_register(await registry.listed(), url, secret)
        await registry.register(plan, url, secret)
        if not plan.register:
            click.echo("all three are registered at this address already; nothing was changed")

    _run(main, **api)


@command.command("list")
@_with_api
@FORMAT
def list_(form: str, **api: Any) -> None:
    """Show the registered webhooks of the client id.

    \b
    Example:
      tagger webhooks list --format json
    """

    async def main(registry: Registry) -> None:
        found = await registry.listed()
        if form == "json":
            click.echo(orjson.dumps(found))
            return
        for one in found:
            click.echo(line(one))
        if not found:
            click.echo("no webhook is registered; begin with: tagger webhooks register URL")

    _run(main, **api)


@command.command(short_help="Let LiveChat send the registered webhooks.")
@_with_api
def enable(**api: Any) -> None:
    """Let LiveChat send the registered webhooks of this license.

    \b
    Example:
      tagger webhooks enable
    """
    _run(lambda registry: registry.switch(on=True), **api)


@command.command(short_help="Have LiveChat send no webhooks.")
@_with_api
@YES
def disable(yes: bool, **api: Any) -> None:
    """Have LiveChat send no webhooks of this license until they are enabled again.

    \b
    Example:
      tagger webhooks disable
    """
    if not yes and not click.confirm("No chat of this license will be tagged meanwhile. Disable webhooks?"):
        stop("nothing was done")
    _run(lambda registry: registry.switch(on=False), **api)


@command.command(short_help="Say whether webhooks flow.")
@_with_api
@FORMAT
def status(form: str, **api: Any) -> None:
    """Say whether webhooks flow: enabled, and all three actions registered. Exits 1 where they do not.

    \b
    Example:
      tagger webhooks status
    """

    async def main(registry: Registry) -> None:
        enabled, lacking = await registry.enabled(), missing(await registry.listed())
        if form == "json":
            click.echo(orjson.dumps({"enabled": enabled, "missing": lacking}))
        else:
            click.echo("enabled" if enabled else "disabled; to enable them: tagger webhooks enable")
            for action in lacking:
                click.echo(f"{action} is not registered; to register it: tagger webhooks register URL")
        if lacking or not enabled:
            raise SystemExit(1)

    _run(main, **api)


@command.command()
@click.argument("url", required=False)
@click.option("--all", "everything", is_flag=True, help="All webhooks of the client id, wherever they go.")
@_with_api
@YES
def unregister(url: str | None, everything: bool, yes: bool, **api: Any) -> None:
    """Have LiveChat send nothing more to URL.

    \b
    Examples:
      tagger webhooks unregister https://chats.example.com/webhooks/livechat
      tagger webhooks unregister --all
    """
    if (url is None) is not everything:
        raise click.UsageError("name the URL, or say --all")

    async def main(registry: Registry) -> None:
        await _remove(registry, to_remove(await registry.listed(), url), yes)

    _run(main, **api)


@command.command("rotate-secret", short_help="Put a new secret in the place of the old.")
@URL
@_with_api
@YES
def rotate_secret(url: str, yes: bool, **api: Any) -> None:
    """Put the first of LIVECHAT_WEBHOOK_SECRETS in the place of the secret that is registered.

    LiveChat cannot change a registration. So new ones are registered beside the old ones, and two
    minutes later the old ones are removed. No webhook is refused in between, because ingest accepts
    both secrets meanwhile:

    \b
      1. set LIVECHAT_WEBHOOK_SECRETS=new,old for ingest, and here
      2. tagger webhooks rotate-secret https://chats.example.com/webhooks/livechat
      3. set LIVECHAT_WEBHOOK_SECRETS=new for ingest

    Interrupted, it goes on where it stopped when it is run again.
    """
    secret = _secret()
    answered = post(url, secret_check(secret))
    if answered == SECRET_REFUSED:
        stop("ingest does not accept the new secret yet: first set LIVECHAT_WEBHOOK_SECRETS=new,old there")
    if answered != ACCEPTED and not yes:
        question = f"Whether ingest accepts the new secret could not be tried ({answered}). Go on?"
        if not click.confirm(question):
            stop("nothing was done")

    async def main(registry: Registry) -> None:
        plan = to_rotate(await registry.listed(), url, secret)
        await registry.register(plan, url, secret)
        if plan.register and plan.remove:
            click.echo(f"waiting {SETTLE_S:.0f} s, until LiveChat sends the new ones")
            await asyncio.sleep(SETTLE_S)
        await _remove(registry, plan, yes)
        click.echo("only the new secret is in use; take the old one from LIVECHAT_WEBHOOK_SECRETS")

    _run(main, **api)


async def _remove(registry: Registry, plan: Plan, yes: bool) -> None:
    if not await registry.remove(plan.remove, lambda question: yes or click.confirm(question)):
        stop("nothing was removed")


def _run(
    main: Callable[[Registry], Awaitable[None]], *, organization: str | None = None, verbose: bool = False
) -> None:
    """Run `main` with the webhooks of the settings' client id; what it cannot do ends it with exit code 2."""
    settings = load(WebhookSettings)
    client_id = settings.livechat_client_id
    if not client_id:
        stop("LIVECHAT_CLIENT_ID: required, webhooks are registered for your app's client id")

    async def connected(client: Client, who: Credentials) -> None:
        say = (lambda text: click.echo(text, err=True)) if verbose else None
        desk = Desk(client, organization_of(who, organization), say)
        await main(Registry(desk, client_id, click.echo))

    with_client(settings, connected)


def _secret() -> str:
    settings = load(WebhookSettings)
    first = registered(settings.secret("livechat_webhook_secrets").value())
    if not first:
        stop("LIVECHAT_WEBHOOK_SECRETS: required, the same as for ingest; with several, the first is meant")
    return first
