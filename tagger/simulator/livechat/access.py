"""Who may call LiveChat's API: personal access tokens, access tokens that expire, and the code grant. No I/O.

https://platform.text.com/docs/authorization: PATs go as `Basic base64(account_id:PAT)`, access tokens as
`Bearer`; a server-side app's refresh token does not rotate; a code is good once, for a few minutes.
"""

import base64
import hashlib
import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from tagger.simulator.livechat.errors import ApiError

TOKEN_LIFE_S: Final = 28_800.0
CODE_LIFE_S: Final = 180.0
# "There's a limit of 25 access tokens per client per user account. When the limit is reached, the oldest
# token is automatically revoked"; the same holds for refresh tokens.
TOKENS_MAX: Final = 25
HANDED_OUT_MAX: Final = 10_000  # tokens and codes kept, so that logs can be searched for them

# What the tagger's calls need; an account may have fewer.
SCOPES: Final = frozenset(
    {"agents-bot--all:rw", "chats--all:rw", "tags--all:rw", "webhooks.configuration:rw", "webhooks.state:rw"}
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account in one organization."""

    id: str
    organization_id: str
    scopes: frozenset[str] = SCOPES


@dataclass(slots=True)
class App:
    """A server-side app of the Developer Console; its client id owns webhooks."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str] = SCOPES


@dataclass(frozen=True, slots=True)
class Granted:
    """What a request may do. `client_id` is None for a personal access token."""

    account: Account
    scopes: frozenset[str]
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Code:
    granted: Granted
    redirect_uri: str
    challenge: str
    expires_at: float


@dataclass(slots=True)
class Access:
    """All tokens. `now` is in seconds, by the same clock in all calls."""

    rng: random.Random = field(repr=False)
    token_life_s: float = TOKEN_LIFE_S
    apps: dict[str, App] = field(default_factory=dict)
    _pats: dict[tuple[str, str], Account] = field(default_factory=dict, repr=False)
    _access: dict[str, tuple[Granted, float]] = field(default_factory=dict, repr=False)
    _refresh: dict[str, tuple[Granted, float]] = field(default_factory=dict, repr=False)
    _codes: dict[str, _Code] = field(default_factory=dict, repr=False)
    # The newest tokens and codes, also as they are sent with Basic.
    handed_out: deque[str] = field(default_factory=lambda: deque(maxlen=HANDED_OUT_MAX), repr=False)

    def add_pat(self, account: Account) -> str:
        """A new personal access token of the account."""
        token = self._new_token("")
        self._pats[account.id, token] = account
        self.handed_out.append(base64.b64encode(f"{account.id}:{token}".encode()).decode())
        return token

    def add_refresh_token(self, granted: Granted) -> str:
        """A new refresh token, which does not expire."""
        return self._add(self._refresh, "", granted, math.inf)

    def add_token(self, granted: Granted, now: float) -> str:
        """A new access token, valid for `token_life_s`."""
        return self._add(self._access, "dal:", granted, now + self.token_life_s)

    def expire(self) -> None:
        """Let every access token expire."""
        self._access.clear()

    def revoke(self, organization_id: str | None = None) -> None:
        """As when an organization (None: each one) removes the app and its people's personal tokens."""

        def is_theirs(account: Account) -> bool:
            return organization_id in (None, account.organization_id)

        self._pats = {key: who for key, who in self._pats.items() if not is_theirs(who)}
        for tokens in (self._access, self._refresh):
            for token in [token for token, (granted, _) in tokens.items() if is_theirs(granted.account)]:
                del tokens[token]

    def check(self, authorization: str, now: float) -> Granted | ApiError:
        """What an Authorization header allows."""
        scheme, _, credentials = authorization.partition(" ")
        if scheme == "Bearer":
            granted, expires_at = self._access.get(credentials, (None, 0.0))
            return granted if granted and now < expires_at else ApiError("authentication")
        try:
            account_id, _, token = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:  # not base64, or not UTF-8
            return ApiError("authentication")
        account = self._pats.get((account_id, token)) if scheme == "Basic" else None
        return Granted(account, account.scopes) if account else ApiError("authentication")

    def authorize(self, account: Account, query: Mapping[str, str], now: float) -> str | None:
        """The person clicks Allow: the address to redirect to; None if client or address are unknown."""
        app = self.apps.get(query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        if app is None or not any(_matches(uri, redirect_uri) for uri in app.redirect_uris):
            return None
        granted = Granted(account, app.scopes & account.scopes, app.client_id)
        code = self._new_token("dal:")
        self._codes[code] = _Code(granted, redirect_uri, query.get("code_challenge", ""), now + CODE_LIFE_S)
        return f"{redirect_uri}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def exchange(self, form: Mapping[str, str], now: float) -> dict[str, Any] | str:
        """An access token for a code or a refresh token; a string is OAuth's error."""
        app = self.apps.get(form.get("client_id", ""))
        if app is None or form.get("client_secret") != app.client_secret:
            return "invalid_client"
        match form.get("grant_type"):
            case "authorization_code":
                code = self._codes.pop(form.get("code", ""), None)  # valid once
                if code is None or not _proves(code, app, form, now):
                    return "invalid_grant"
                return self._token_answer(code.granted, self.add_refresh_token(code.granted), now)
            case "refresh_token":
                refresh_token = form.get("refresh_token", "")
                granted, _ = self._refresh.get(refresh_token, (None, 0.0))
                if granted is None or granted.client_id != app.client_id:
                    return "invalid_grant"
                return self._token_answer(granted, refresh_token, now)
        return "unsupported_grant_type"

    def _token_answer(self, granted: Granted, refresh_token: str, now: float) -> dict[str, Any]:
        return {
            "access_token": self.add_token(granted, now),
            "account_id": granted.account.id,
            "expires_in": int(self.token_life_s),
            "organization_id": granted.account.organization_id,
            "refresh_token": refresh_token,
            "scope": ",".join(sorted(granted.scopes)),
            "token_type": "Bearer",
        }

    def _add(
        self, tokens: dict[str, tuple[Granted, float]], region: str, granted: Granted, expires_at: float
    ) -> str:
        """A new token. Beyond the limit of its account and client, the oldest is revoked."""
        same = [token for token, (owner, _) in tokens.items() if owner == granted]
        for oldest in same[: max(0, len(same) - TOKENS_MAX + 1)]:
            del tokens[oldest]
        token = self._new_token(region)
        tokens[token] = granted, expires_at
        return token

    def _new_token(self, region: str) -> str:
        token = f"{region}sim_{self.rng.getrandbits(160):040x}"
        self.handed_out.append(token)
        return token


def _matches(registered: str, asked: str) -> bool:
    """Scheme, host and port are equal, and the path begins with the registered one."""
    return asked == registered or (asked.startswith(registered.rstrip("/") + "/") and "/../" not in asked)


def _proves(code: _Code, app: App, form: Mapping[str, str], now: float) -> bool:
    """PKCE with S256: https://www.rfc-editor.org/rfc/rfc7636"""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (
        now < code.expires_at
        and code.granted.client_id == app.client_id
        and code.redirect_uri == form.get("redirect_uri")
        and code.challenge in ("", challenge)
    )
