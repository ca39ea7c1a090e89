"""What the commands that change LiveChat's registrations share: settings, the registry, and asking before removing."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import click
from pydantic import Field, SecretStr, TypeAdapter, ValidationError

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from tagger.commands.setup import with_client
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, organization_of
from tagger.livechat.webhooks import Plan, Registry, registered
from tagger.settings import ApiUrl, LiveChatSettings


class WebhookSettings(LiveChatSettings):
    """The API, and the secret that ingest knows."""

    livechat_webhook_secrets: SecretStr | None = Field(
        None, description="secret_key of the webhooks, as for ingest; with several, the first is registered"
    )
    ingest_organizations: str | None = Field(None, description="as for ingest, which accepts no others")


def _address(_: click.Context, __: click.Parameter, url: str) -> str:
    try:
        return TypeAdapter(ApiUrl).validate_python(url)
    except ValidationError as failure:
        (problem,) = failure.errors(include_url=False, include_input=False, include_context=False)
        raise click.BadParameter(problem["msg"].removeprefix("Value error, ")) from None


URL = click.argument("url", callback=_address)
YES = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def with_registry(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A command that gets the webhooks of the settings' client id, and exits 2 if LiveChat refuses something."""

    @click.option("--organization", metavar="ID", help="Whose credentials to use, if the file has several.")
    @click.option("--verbose", is_flag=True, help="Print each API call, without token and secret.")
    @wraps(function)
    def run(organization: str | None, verbose: bool, **given: Any) -> None:
        settings = load(WebhookSettings)
        client_id = settings.livechat_client_id
        if not client_id:
            stop("LIVECHAT_CLIENT_ID: required, the client id of your app, which owns its webhooks")

        async def main(client: Client, who: Credentials) -> None:
            say = (lambda text: click.echo(text, err=True)) if verbose else None
            desk = Desk(client, organization_of(who, organization), say)
            await function(Registry(desk, client_id, click.echo), **given)

        with_client(settings, main)

    return run


async def remove(registry: Registry, plan: Plan, yes: bool) -> None:
    """Remove what a plan names, if the person agrees; otherwise exit 2."""
    if not await registry.remove(plan.remove, lambda question: yes or click.confirm(question)):
        stop("nothing was removed")


def first_secret() -> str:
    """The secret to register; exits 2 if there is none."""
    settings = load(WebhookSettings)
    first = registered(settings.secret("livechat_webhook_secrets").value())
    if not first:
        stop("LIVECHAT_WEBHOOK_SECRETS: required, the same as for ingest; of several, the first is used")
    return first
