"""Whether the registered webhooks lead to our `ingest`, with the right secret. Only one of these looks is I/O."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from tagger.core.diagnosis.finding import Finding, doubtful, ok, unchecked, wrong
from tagger.livechat.sample_webhooks import ACCEPTED, post, sample_organization, secret_check, to_do
from tagger.livechat.webhooks import ACTIONS, CORRECTIONS, Registration, addresses, description, is_ours

PATH: Final = "/webhooks/livechat"  # ingest's only one
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
REFUSALS: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


def examined(existing: Sequence[Registration], disabled: Sequence[str]) -> Iterator[Finding]:
    """Which of our actions go where. Pure.

    disabled  organizations for which LiveChat sends nothing; "" where one token serves all
    """
    for organization in disabled:
        of = f" of organization {organization}" if organization else ""
        yield wrong(
            "webhooks", f"LiveChat sends no webhooks{of}: they are disabled", "tagger webhooks enable"
        )
    found = addresses(existing)
    if not found:
        yield wrong("webhooks", "none is registered", f"tagger webhooks register https://YOUR-HOST{PATH}")
        return
    best, *others = found
    if best.missing:
        text = f"{', '.join(best.missing)}: not registered for {best.url}"
        yield wrong("webhooks", text, f"tagger webhooks register {best.url}")
    else:
        without = "" if not best.optional else ", without corrections (optional: register --corrections)"
        yield ok("webhooks", f"all {len(ACTIONS)} are registered for {best.url}{without}")
    yield from _odd(best.url)
    for other in others:
        text = f"{', '.join(other.actions)} also go to {other.url}"
        yield doubtful("webhooks", text, f"if that is an old address: tagger webhooks unregister {other.url}")
    if best.twice:
        text = f"{', '.join(best.twice)}: registered twice for {best.url}, so each comes twice"
        yield doubtful("webhooks", text, f"tagger webhooks rotate-secret {best.url}")
    if filtered := [one for one in existing if not one.whole and one.action in ACTIONS + CORRECTIONS]:
        text = f"{filtered[0].action} to {filtered[0].url} has a filter, so some webhooks do not come"
        yield doubtful("webhooks", text, "register it without a filter: tagger webhooks register URL")


def _odd(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.path != PATH:
        text = f"the path of {url} is not {PATH}, which is the only one that ingest has"
        yield doubtful(
            "webhooks", text, "unless a proxy rewrites it, unregister it and register the right one"
        )
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        text = f"{url} is not https, so the secret travels unencrypted"
        yield doubtful(
            "webhooks", text, "put a proxy with TLS in front (README.md, Set-up), and register its address"
        )


def tried(
    existing: Sequence[Registration], secrets: Sequence[str], organizations: str | None
) -> Iterator[Finding]:
    """Whether ingest answers at the registered address and knows the secret there. Blocks for some seconds.

    The secret is sent only where LiveChat sends it, too: to addresses registered with this very secret.
    """
    found = addresses(existing)
    if not found:
        return
    url = found[0].url
    if not secrets:
        text = f"whether ingest answers at {url}, and knows the secret"
        yield unchecked("webhooks", text, "set LIVECHAT_WEBHOOK_SECRETS as for ingest")
        return
    here = [one for one in existing if one.url == url and is_ours(one)]
    marks = {description(secret): secret for secret in secrets}
    known = [marks[one.description] for one in here if one.description in marks]
    if not here:
        yield unchecked(
            "webhooks", f"the secret of {url}: it was registered by hand", "tagger webhooks rotate-secret"
        )
    elif not known:
        text = f"{url} is registered with a secret that is not in LIVECHAT_WEBHOOK_SECRETS"
        yield wrong("webhooks", text, f"tagger webhooks rotate-secret {url}")
    else:
        yield _answer(url, post(url, secret_check(known[0], sample_organization(organizations))))


def _answer(url: str, answered: int | str) -> Finding:
    if answered == ACCEPTED:
        return ok("webhooks", f"ingest answers at {url}, and knows the secret")
    say = wrong if answered in REFUSALS else doubtful
    return say(
        "webhooks", f"{url} answers {answered} to a request like LiveChat's", to_do(answered).rstrip(".")
    )
