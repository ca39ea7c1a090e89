"""Tokens of the simulated LiveChat: the code grant with PKCE, expiry, refresh and revocation."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tagger.simulator.livechat.access import Account as Person
from tagger.simulator.livechat.access import App, Granted
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.faults import Fault
from tests.unit.simulator.conftest import Account, Clock
from tests.unit.simulator.livechat.test_server import GET_CHAT

REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def app(account: Account) -> App:
    account.livechat.consenting = Person("nora", account.organization.id)
    return account.livechat.add_app("client secret", (REDIRECT,))


async def consent(account: Account, app: App, **changes: str) -> tuple[int, dict[str, str]]:
    """Open the address that a person is sent to; the status, and what the redirect carries."""
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": REDIRECT,
        "state": "of the caller",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    async with account.session.get(
        f"{account.livechat.accounts_url}/", params=query, allow_redirects=False
    ) as response:
        location = response.headers.get("Location", "")
        return response.status, {
            name: values[0] for name, values in parse_qs(urlsplit(location).query).items()
        }


async def token(account: Account, app: App, **form: str) -> tuple[int, Any]:
    whole = {"client_id": app.client_id, "client_secret": app.client_secret} | form
    async with account.session.post(f"{account.livechat.accounts_url}/v2/token", data=whole) as response:
        return response.status, await response.json()


async def consented(account: Account, app: App) -> dict[str, str]:
    """The form that exchanges a new code."""
    _, carried = await consent(account, app)
    return {
        "grant_type": "authorization_code",
        "code": carried["code"],
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }


async def exchange(account: Account, app: App, **changes: str) -> tuple[int, Any]:
    return await token(account, app, **(await consented(account, app) | changes))


async def may_call(account: Account, access_token: str) -> bool:
    body = {"chat_id": account.ended_chat().chat.id}
    status, _ = await account.call(GET_CHAT, body, Authorization=f"Bearer {access_token}")
    return status == 200


async def test_a_code_becomes_tokens_that_open_the_api(account: Account, app: App) -> None:
    status, carried = await consent(account, app)
    assert (status, carried["state"]) == (302, "of the caller")
    status, answer = await exchange(account, app)
    assert status == 200
    assert answer["organization_id"] == account.organization.id
    assert (answer["expires_in"], answer["token_type"]) == (28800, "Bearer")
    assert answer["access_token"].startswith("dal:")
    assert "chats--all:rw" in answer["scope"].split(",")
    assert await may_call(account, answer["access_token"])


async def test_an_access_token_expires_and_the_refresh_token_brings_the_next(
    account: Account, app: App, clock: Clock
) -> None:
    _, first = await exchange(account, app)
    clock.seconds += 28800
    assert not await may_call(account, first["access_token"])
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    _, second = await token(account, app, **refresh)
    assert second["refresh_token"] == first["refresh_token"]  # a server-side app's does not rotate
    assert await may_call(account, second["access_token"])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "another"}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9/"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_a_wrong_exchange_brings_no_token(
    account: Account, app: App, changes: dict[str, str], error: str
) -> None:
    status, answer = await exchange(account, app, **changes)
    assert status in (400, 401)
    assert answer == {"error": error}


async def test_a_code_is_valid_once_and_for_a_few_minutes(account: Account, app: App, clock: Clock) -> None:
    form = await consented(account, app)
    assert (await token(account, app, **form))[0] == 200
    assert (await token(account, app, **form))[0] == 400
    _, carried = await consent(account, app)
    clock.seconds += 600
    assert (await token(account, app, **(form | {"code": carried["code"]})))[0] == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "unknown"},
        {"redirect_uri": "http://127.0.0.1:8765/"},
        {"redirect_uri": "http://evil.example.com"},
    ],
)
async def test_nobody_is_redirected_to_an_address_that_is_not_registered(
    account: Account, app: App, changes: dict[str, str]
) -> None:
    assert (await consent(account, app, **changes))[0] == 400


async def test_without_a_person_logged_in_there_is_no_code(account: Account, app: App) -> None:
    account.livechat.consenting = None
    assert (await consent(account, app))[0] == 403


async def test_the_twenty_sixth_token_revokes_the_first(account: Account, app: App) -> None:
    granted = Granted(Person("nora", account.organization.id), app.scopes, app.client_id)
    tokens = [account.livechat.access.add_token(granted, now=1000.0) for _ in range(26)]
    assert [await may_call(account, tokens[number]) for number in (0, 1, 25)] == [False, True, True]


async def test_revoked_tokens_are_refused(account: Account, app: App) -> None:
    _, answer = await exchange(account, app)
    account.livechat.access.revoke()
    assert not await may_call(account, answer["access_token"])
    assert (await account.call(GET_CHAT))[0] == 401


async def test_an_organization_that_revokes_its_tokens_leaves_others_theirs(
    account: Account, app: App
) -> None:
    another = Granted(Person("leo", "another"), app.scopes, app.client_id)
    access, now = account.livechat.access, account.livechat.clock()
    theirs = access.add_token(another, now)
    _, answer = await exchange(account, app)
    access.revoke("another")
    assert not isinstance(access.check(f"Bearer {answer['access_token']}", now), ApiError)
    assert isinstance(access.check(f"Bearer {theirs}", now), ApiError)
    access.revoke(account.organization.id)
    assert not await may_call(account, answer["access_token"])
    assert (await account.call(GET_CHAT))[0] == 401


@pytest.mark.parametrize(("fault", "status"), [("internal", 500), ("service_unavailable", 503)])
async def test_a_refresh_can_be_made_to_fail(account: Account, app: App, fault: str, status: int) -> None:
    account.livechat.faults.append(Fault(fault, method="token"))
    assert (await exchange(account, app))[0] == status
