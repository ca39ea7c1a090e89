"""OAuth 2.1 with LiveChat's accounts server: what to send it, and what its answers mean. Pure.

https://platform.text.com/docs/authorization/oauth-authorization. It never shows a token: values that hold one
hide it from `repr`, and of what the server says only OAuth's own error names are repeated.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import orjson

# For tagging and reading chats, listing and creating tags, and registering webhooks.
# https://platform.text.com/docs/authorization/scopes
SCOPES_NEEDED: Final = ("chats--all:rw", "tags--all:rw", "webhooks.configuration:rw", "webhooks.state:rw")
EXPIRES_IN_S: Final = 28_800.0  # LiveChat's own, if an answer does not say
# Errors of the token endpoint that no retry fixes: somebody has to log in again or fix the app.
# https://platform.text.com/docs/authorization/troubleshooting
LOGIN_NEEDED: Final = frozenset(
    "invalid_grant invalid_client unauthorized_client missing_grant access_denied invalid_request".split()
)
REGIONS: Final = ("dal", "fra")  # a token may begin with its region and a colon


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of the token endpoint."""

    access_token: str = field(repr=False)
    expires_in_s: float
    refresh_token: str | None = field(default=None, repr=False)
    organization_id: str | None = None
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NoTokens:
    """The token endpoint gave none."""

    reason: str  # for people
    login_needed: bool  # False: the server or the network failed, and the same request may work later


@dataclass(frozen=True, slots=True)
class Code:
    """What the login page's redirect brought."""

    value: str = field(repr=False)


def region_of(token: str) -> str | None:
    """The region that a token names: "fra" of "fra:…"."""
    region, colon, _ = token.partition(":")
    return region if colon and region in REGIONS else None


def refresh_form(client_id: str, client_secret: str, refresh_token: str) -> dict[str, str]:
    """The form that asks for a new access token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return form | _client(client_id, client_secret)


def exchange_form(
    client_id: str, client_secret: str, code: Code, redirect_uri: str, verifier: str
) -> dict[str, str]:
    """The form that exchanges the code of a login for tokens; `verifier` belongs to its challenge."""
    form = {"grant_type": "authorization_code", "code": code.value}
    return (
        form | {"redirect_uri": redirect_uri, "code_verifier": verifier} | _client(client_id, client_secret)
    )


def _client(client_id: str, client_secret: str) -> dict[str, str]:
    """Web apps have no client secret; server-side apps need it."""
    return {"client_id": client_id} | ({"client_secret": client_secret} if client_secret else {})


def code_challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (43 to 128 characters), RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorize_url(accounts_url: str, client_id: str, redirect_uri: str, state: str, verifier: str) -> str:
    """The address that a person opens to log in and to grant the app its scopes."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    return f"{accounts_url.rstrip('/')}/?{urlencode(query)}"


def read_redirect(query: str, state: str) -> Code | NoTokens:
    """What the query string of the redirect says; `state` is the one that the login began with."""
    fields = {name: values[0] for name, values in parse_qs(query[:4096]).items()}
    if fields.get("state") != state:
        return NoTokens(
            "this answer is for another login (its state differs); start again", login_needed=True
        )
    if code := fields.get("code"):
        return Code(code)
    return NoTokens(_said(fields), login_needed=True)


def read_tokens(status: int, body: bytes) -> Tokens | NoTokens:
    """What an answer of the token endpoint means."""
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None  # the exception is dropped: it holds the whole document, and with it perhaps a token
    fields: Mapping[str, Any] = document if isinstance(document, dict) else {}
    token = fields.get("access_token")
    if 200 <= status < 300 and isinstance(token, str) and token and token.isascii() and token.isprintable():
        return _tokens(token, fields)
    if _error_name(fields) in LOGIN_NEEDED:
        return NoTokens(_said(fields), login_needed=True)
    return NoTokens(f"the accounts server answered {status} without a token", login_needed=False)


def missing_scopes(granted: Iterable[str], needed: Iterable[str] = SCOPES_NEEDED) -> list[str]:
    """The needed scopes that a token does not have. `rw` includes `ro`; `all` includes `access` and `my`."""
    held = {wide for scope in granted for wide in _contained(scope)}
    return [scope for scope in needed if scope not in held]


def _contained(scope: str) -> list[str]:
    name, _, right = scope.partition(":")
    rights = ["rw", "ro"] if right == "rw" else [right]
    resource, dashes, reach = name.rpartition("--")
    reaches = {"all": ["all", "access", "my"], "access": ["access", "my"]}.get(reach, [reach])
    return [f"{resource}{dashes}{wide}:{kind}" for wide in reaches for kind in rights]


def _tokens(access_token: str, fields: Mapping[str, Any]) -> Tokens:
    def text(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) and value else None

    seconds = fields.get("expires_in")
    usable = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0
    return Tokens(
        access_token,
        float(seconds) if usable else EXPIRES_IN_S,  # type: ignore[arg-type]  # `usable` says it is a number
        text("refresh_token"),
        text("organization_id"),
        frozenset(scope.strip() for scope in (text("scope") or "").split(",") if scope.strip()),
    )


def _error_name(fields: Mapping[str, Any]) -> str | None:
    """OAuth's name of an error, wherever LiveChat puts it."""
    for name in ("error", "oauth_exception", "identity_exception"):
        value = fields.get(name)
        value = value.get("type") if isinstance(value, dict) else value
        if isinstance(value, str):
            return value
    return None


def _said(fields: Mapping[str, Any]) -> str:
    """A sentence about an error that repeats only names from OAuth's own list."""
    name = _error_name(fields)
    known = name if name in LOGIN_NEEDED else "no known reason"
    return f"the accounts server refused ({known})"
