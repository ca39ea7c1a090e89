"""`tagger webhooks rotate-secret`: another secret, without losing a webhook."""

import asyncio
from typing import Final

import click

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from tagger.commands.webhook_registry import URL, YES, WebhookSettings, first_secret, remove, with_registry
from tagger.livechat.sample_webhooks import ACCEPTED, SECRET_REFUSED, post, sample_organization, secret_check
from tagger.livechat.webhooks import Registry, to_rotate

# A change of configuration may take two minutes to take effect: https://platform.text.com/docs/management
SETTLE_S: Final = 120.0


@click.command("rotate-secret")
@URL
@with_registry
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
    secret, organization = first_secret(), sample_organization(load(WebhookSettings).ingest_organizations)
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
    await remove(registry, plan, yes)
    click.echo("only the new secret is in use; remove the old one from LIVECHAT_WEBHOOK_SECRETS")
