"""`tagger login`: gets a refresh token for an organization by OAuth's code grant with PKCE, and stores it.

The redirect comes back to the loopback only. No output contains a code or a token.
"""

import asyncio
import time
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Final

import click
from aiohttp import web

from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import load
from tagger.livechat.authorization.credentials_file import CredentialsFile
from tagger.livechat.authorization.oauth import (
    Code,
    NoTokens,
    Tokens,
    authorize_url,
    exchange_form,
    missing_scopes,
    read_redirect,
)
from tagger.livechat.authorization.tokens import exchange
from tagger.settings import LiveChatSettings

PORT: Final = 7080
LOGIN_TIMEOUT_S: Final = 600.0  # for a person to log in; LiveChat's code is valid for a few minutes only
VERIFIER_BYTES: Final = 64  # 86 characters of the 43 to 128 that PKCE allows
STATE_BYTES: Final = 32


@click.command("login")
@click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(1, 65535), help="Port for the redirect."
)
def command(port: int) -> None:
    """Log in to LiveChat and store the refresh token in LIVECHAT_CREDENTIALS_FILE.

    You need an app with the Authorization block (Developer Console) that has http://127.0.0.1:PORT/ among its
    redirect URIs. Its client id and secret go into LIVECHAT_CLIENT_ID and LIVECHAT_CLIENT_SECRET. Run this once
    for each organization; the file holds the tokens of all. Exits 1 if the app is missing a scope.

    \b
    Examples:
      tagger login
      ssh -L 7080:127.0.0.1:7080 server    run it there, and open the address here
    """
    settings = load(LiveChatSettings)
    path, client_id = settings.livechat_credentials_file, settings.livechat_client_id
    if path is None:
        stop("LIVECHAT_CREDENTIALS_FILE: required, the file that the refresh token is stored in")
    if not client_id:
        stop("LIVECHAT_CLIENT_ID: required, the client id of your app")
    secret, accounts_url = settings.secret("livechat_client_secret").value(), settings.livechat_accounts_url
    file = CredentialsFile(path, time.monotonic)
    file.entries()
    if file.problem and (path.exists() or not path.parent.is_dir()):
        stop(f"LIVECHAT_CREDENTIALS_FILE: {file.problem}")
    configure_logs("error", None)  # keeps requests to the port out of aiohttp's log
    try:
        tokens = asyncio.run(log_in(accounts_url, client_id, secret, port, click.echo))
    except OSError as error:
        stop(f"cannot listen on 127.0.0.1:{port} ({type(error).__name__}); choose another port with --port")
    if isinstance(tokens, NoTokens):
        stop(tokens.reason)
    if tokens.refresh_token is None or tokens.organization_id is None:
        stop("the accounts server returned no refresh token; use a server-side app, or one with PKCE")
    entry = {"client_id": client_id, "refresh_token": tokens.refresh_token}
    try:
        file.store(tokens.organization_id, entry | ({"client_secret": secret} if secret else {}))
    except OSError as error:
        stop(f"cannot store the refresh token: {error.strerror or error}")
    missing = missing_scopes(tokens.scopes)
    click.echo(f"Logged in to organization {tokens.organization_id}; its refresh token is in {path}.")
    click.echo(f"Scopes: {', '.join(sorted(tokens.scopes)) or 'none reported'}")
    for scope in missing:
        click.echo(f"Missing scope: {scope}; add it to the app's Authorization block, then log in again.")
    raise SystemExit(1 if missing else 0)


async def log_in(
    accounts_url: str, client_id: str, client_secret: str, port: int, say: Callable[[str], None]
) -> Tokens | NoTokens:
    """Send a person to the login page, and exchange the code that comes back. OSError if the port is taken."""
    state, verifier = token_urlsafe(STATE_BYTES), token_urlsafe(VERIFIER_BYTES)
    redirect_uri = f"http://127.0.0.1:{port}/"
    came: asyncio.Future[Code | NoTokens] = asyncio.get_running_loop().create_future()

    async def back(request: web.Request) -> web.Response:
        answer = read_redirect(request.query_string, state)
        if isinstance(answer, NoTokens) and request.query.get("state") != state:
            return web.Response(status=400, text=f"{answer.reason}\n")  # not our redirect; keep waiting
        if not came.done():
            came.set_result(answer)
        said = "You can close this page." if isinstance(answer, Code) else answer.reason
        return web.Response(text=f"{said}\n", headers={"Referrer-Policy": "no-referrer"})

    app = web.Application()
    app.router.add_get("/", back)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        say("Open this address in a browser, log in and allow the app:\n")
        say(f"  {authorize_url(accounts_url, client_id, redirect_uri, state, verifier)}\n")
        say(f"The app's redirect URIs must include {redirect_uri}")
        async with asyncio.timeout(LOGIN_TIMEOUT_S):
            answer = await came
    except TimeoutError:
        return NoTokens("nobody logged in within ten minutes", login_needed=True)
    finally:
        await runner.cleanup()
    if isinstance(answer, NoTokens):
        return answer
    return await exchange(
        accounts_url, exchange_form(client_id, client_secret, answer, redirect_uri, verifier)
    )
