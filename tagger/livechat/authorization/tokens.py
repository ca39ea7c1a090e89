"""Who we are to LiveChat: a personal access token, a fixed access token, or OAuth tokens kept fresh.

Promises that a token is refreshed before it expires and when it is refused, once however many calls wait
for it, and that no `repr`, exception or complaint holds a token.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from aiohttp import ClientError, ClientSession, ClientTimeout

from tagger.livechat.authorization.oauth import NoTokens, Tokens, read_tokens, refresh_form, region_of
from tagger.livechat.calls.answers import Transient, failed
from tagger.livechat.pacing.circuit import back_off_s

LEEWAY_S: Final = 60.0  # before a token expires it is refreshed: clocks differ, and calls take time
TOKEN_TIMEOUT_S: Final = 15.0  # of one request to the accounts server
TOKEN_ANSWER_BYTES_MAX: Final = 64 << 10  # an answer has a few hundred bytes

Source = Callable[[], str]  # a secret's present value, which may come from a file


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a request carries to show who sends it."""

    header: str = field(repr=False)
    region: str | None = None  # for X-Region


class Credential(Protocol):
    """One organization's way to authorize a call."""

    async def authorization(self, session: ClientSession) -> Authorization | Transient:
        """What to send now; Transient if there is nothing at present."""

    def refused(self, used: Authorization) -> bool:
        """LiveChat refused `used` (401). Whether another can be had at once."""

    def problem(self) -> str | None:
        """What somebody has to do about it, if anything."""

    async def close(self) -> None:
        """Wait for a refresh under way."""


class Fixed:
    """A personal access token (Basic), or an access token that nobody refreshes (Bearer)."""

    def __init__(self, token: Source, account_id: str | None = None) -> None:
        self._token, self._account_id = token, account_id

    async def authorization(self, session: ClientSession) -> Authorization | Transient:
        """The token as it is now."""
        return failed("authentication") if self.problem() else self._present()

    def refused(self, used: Authorization) -> bool:
        """Whether the token has changed meanwhile."""
        return self._present() != used

    def problem(self) -> str | None:
        """Why the token cannot be sent."""
        token = self._token()
        if token and token.isascii() and token.isprintable():
            return None
        return "LiveChat's token is empty or has characters that no token has: look for a line break in it"

    async def close(self) -> None:
        """Nothing to wait for."""

    def _present(self) -> Authorization:
        token = self._token()
        if self._account_id is None:
            return Authorization(f"Bearer {token}", region_of(token))
        # https://platform.text.com/docs/authorization/personal-access-tokens
        pair = b64encode(f"{self._account_id}:{token}".encode()).decode()
        return Authorization(f"Basic {pair}", region_of(token))


@dataclass(frozen=True, slots=True)
class App:
    """An OAuth app, the refresh token it was given, and where to refresh."""

    accounts_url: str
    client_id: str
    client_secret: Source = field(repr=False)  # empty for apps that have none
    refresh_token: Source = field(repr=False)
    # Stores a rotated refresh token, unless the previous one was replaced meanwhile. May block.
    store: Callable[[str, str], None] | None = field(default=None, repr=False)


class OAuth:
    """An access token kept fresh by a refresh token."""

    def __init__(self, app: App, clock: Callable[[], float], rng: Random) -> None:
        self._app, self._clock, self._rng = app, clock, rng
        self._present: Authorization | None = None
        self._expires_at = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        self._rotated: tuple[str, str] | None = None  # (the refresh token it replaces, itself)
        self._failures, self._not_before = 0, -float("inf")
        self._problem: str | None = None

    async def authorization(self, session: ClientSession) -> Authorization | Transient:
        """An access token that is valid now, refreshed if need be."""
        now = self._clock()
        if self._present is None or now >= self._expires_at - LEEWAY_S:
            if now >= self._not_before:
                await self._refreshed(session)
            if self._present is None or self._clock() >= self._expires_at:
                return failed("token_refresh")
        return self._present

    def refused(self, used: Authorization) -> bool:
        """Drop the token; whether there is a newer one or may be at once."""
        if self._present == used:
            self._present = None
        return self._present is not None or self._clock() >= self._not_before

    def problem(self) -> str | None:
        """Why the token cannot be refreshed, or the refresh token not stored."""
        return self._problem

    async def close(self) -> None:
        """Wait for a refresh under way: its answer may hold the only valid refresh token."""
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])

    async def _refreshed(self, session: ClientSession) -> None:
        """One refresh for all who wait, as its own task: if a caller is cancelled, the answer must not be lost."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh(session))
        await asyncio.shield(self._refreshing)

    async def _refresh(self, session: ClientSession) -> None:
        given = self._app.refresh_token()  # as stored; a login may replace it while LiveChat is asked
        refresh_token = self._rotated[1] if self._rotated and self._rotated[0] == given else given
        form = refresh_form(self._app.client_id, self._app.client_secret(), refresh_token)
        answer = await _ask_for_tokens(session, self._app.accounts_url, form)
        if isinstance(answer, NoTokens):
            self._failures += 1
            self._not_before = self._clock() + back_off_s(self._failures + 1, self._rng)
            self._problem = f"the access token cannot be refreshed: {answer.reason}"
            if answer.login_needed:
                self._problem += "; log in again: tagger login"
            return
        self._failures, self._problem = 0, None
        self._present = Authorization(f"Bearer {answer.access_token}", region_of(answer.access_token))
        self._expires_at = self._clock() + answer.expires_in_s
        if answer.refresh_token is not None and answer.refresh_token != refresh_token:
            await self._rotate(given, answer.refresh_token)

    async def _rotate(self, given: str, new: str) -> None:
        """LiveChat rotates the refresh tokens of apps without a secret; the previous one is void now."""
        self._rotated = (given, new)
        try:
            if self._app.store is None:
                self._problem = (
                    "LiveChat replaced the refresh token, and the new one is lost at the next restart: "
                    "use LIVECHAT_CREDENTIALS_FILE, or a server-side app, whose refresh tokens do not change"
                )
            else:
                await asyncio.to_thread(self._app.store, given, new)
        except OSError as error:
            self._problem = (
                f"LiveChat replaced the refresh token, and the credentials file cannot be written "
                f"({type(error).__name__}): make it writable, or the next restart needs a new login"
            )


async def _ask_for_tokens(
    session: ClientSession, accounts_url: str, form: dict[str, str]
) -> Tokens | NoTokens:
    """POST a form to the token endpoint, https://platform.text.com/docs/authorization/oauth-authorization."""
    url, timeout = f"{accounts_url}/v2/token", ClientTimeout(total=TOKEN_TIMEOUT_S)
    try:
        async with session.post(url, data=form, timeout=timeout, allow_redirects=False) as response:
            body = b""
            while chunk := await response.content.read(TOKEN_ANSWER_BYTES_MAX):
                body += chunk
                if len(body) > TOKEN_ANSWER_BYTES_MAX:
                    return NoTokens("the accounts server answered too much", login_needed=False)
            return read_tokens(response.status, body)
    except (ClientError, OSError, TimeoutError) as error:
        return NoTokens(
            f"the accounts server could not be reached ({type(error).__name__})", login_needed=False
        )


async def exchange(accounts_url: str, form: dict[str, str]) -> Tokens | NoTokens:
    """Ask for tokens once, on a new connection: for a login."""
    async with ClientSession() as session:
        return await _ask_for_tokens(session, accounts_url, form)
