"""`tagger login` from the address it prints to the stored refresh token, with a pretend accounts server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
import pytest
from click.testing import CliRunner, Result

from tagger.commands import login
from tagger.livechat.authorization.oauth import SCOPES_NEEDED, NoTokens, Tokens, code_challenge
from tests.deadline import DEADLINE_S
from tests.unit.livechat.server import Server, tokens


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
async def accounts() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


async def visit(redirect: str, **query: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as browser, browser.get(redirect, params=query) as page:
        return page.status, await page.text()


async def logged_in(
    accounts: Server, port: int, come_back: Callable[[str, str], Awaitable[None]]
) -> tuple[Tokens | NoTokens, dict[str, str]]:
    """Log in; `come_back(redirect_uri, state)` is what the browser does. Also what the address asked for."""
    said: asyncio.Queue[str] = asyncio.Queue()
    task = asyncio.create_task(login.log_in(accounts.url, "client", "client-secret", port, said.put_nowait))
    while not (line := await asyncio.wait_for(said.get(), DEADLINE_S)).strip().startswith(accounts.url):
        pass
    asked = {name: values[0] for name, values in parse_qs(urlsplit(line.strip()).query).items()}
    await come_back(asked["redirect_uri"], asked["state"])
    return await asyncio.wait_for(task, DEADLINE_S), asked


async def test_a_login_exchanges_its_code_with_the_verifier_of_its_challenge(
    accounts: Server, port: int
) -> None:
    accounts.answer = lambda _: tokens("dal:access", refresh_token="refresh", organization_id="org")

    async def allow(redirect: str, state: str) -> None:
        assert redirect == f"http://127.0.0.1:{port}/"
        assert (await visit(redirect, code="the-code", state=state)) == (200, "You can close this page.\n")

    answer, asked = await logged_in(accounts, port, allow)
    assert isinstance(answer, Tokens)
    assert (answer.refresh_token, answer.organization_id) == ("refresh", "org")
    (exchanged,) = accounts.asked
    verifier = exchanged.body.pop("code_verifier")
    assert code_challenge(verifier) == asked["code_challenge"]
    assert 43 <= len(verifier) <= 128
    assert exchanged.body == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "client_id": "client",
        "client_secret": "client-secret",
        "redirect_uri": f"http://127.0.0.1:{port}/",
    }


async def test_a_redirect_with_another_state_does_not_end_the_login(accounts: Server, port: int) -> None:
    accounts.answer = lambda _: tokens("dal:access", refresh_token="refresh", organization_id="org")

    async def forged_first(redirect: str, state: str) -> None:
        assert (await visit(redirect, code="forged", state="guessed"))[0] == 400
        assert (await visit(redirect, code="forged"))[0] == 400
        assert (await visit(redirect, code="the-code", state=state))[0] == 200

    answer, _ = await logged_in(accounts, port, forged_first)
    assert isinstance(answer, Tokens)
    assert [asked.body["code"] for asked in accounts.asked] == ["the-code"]


async def test_a_person_who_refuses_ends_the_login(accounts: Server, port: int) -> None:
    async def refuse(redirect: str, state: str) -> None:
        await visit(redirect, error="access_denied", state=state)

    answer, _ = await logged_in(accounts, port, refuse)
    assert answer == NoTokens("the accounts server refused (access_denied)", login_needed=True)
    assert accounts.asked == []


async def test_nobody_coming_ends_the_login_too(
    accounts: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "LOGIN_TIMEOUT_S", 0.01)
    answer = await login.log_in(accounts.url, "client", "", port, lambda _: None)
    assert isinstance(answer, NoTokens)


def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Tokens | NoTokens, **settings: str
) -> Result:
    async def log_in(*_: object) -> Tokens | NoTokens:
        return answer

    monkeypatch.setattr(login, "log_in", log_in)
    env = {
        "LIVECHAT_CLIENT_ID": "client",
        "LIVECHAT_CLIENT_SECRET": "client-secret",
        "LIVECHAT_CREDENTIALS_FILE": str(tmp_path / "credentials.json"),
        **settings,
    }
    result = CliRunner().invoke(login.command, [], env=env)
    for secret in ("client-secret", "dal:access", "the-refresh"):
        assert secret not in result.output
    return result


FULL = Tokens("dal:access", 28800.0, "the-refresh", "org", frozenset(SCOPES_NEEDED))


def test_the_refresh_token_is_added_to_those_of_other_organizations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(orjson.dumps({"version": 1, "organizations": {"other": {"access_token": "a"}}}))
    path.chmod(0o600)
    result = run(tmp_path, monkeypatch, FULL)
    assert result.exit_code == 0
    assert "Logged in to organization org" in result.output
    assert orjson.loads(path.read_bytes())["organizations"] == {
        "other": {"access_token": "a"},
        "org": {"client_id": "client", "client_secret": "client-secret", "refresh_token": "the-refresh"},
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_missing_scope_is_reported_as_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    incomplete = Tokens("dal:access", 28800.0, "the-refresh", "org", frozenset(SCOPES_NEEDED[1:]))
    result = run(tmp_path, monkeypatch, incomplete)
    assert result.exit_code == 1
    assert f"Missing scope: {SCOPES_NEEDED[0]}" in result.output


@pytest.mark.parametrize(
    ("answer", "settings", "said"),
    [
        (NoTokens("the accounts server refused (invalid_client)", True), {}, "invalid_client"),
        (Tokens("dal:access", 1.0, None, "org"), {}, "no refresh token"),
        (Tokens("dal:access", 1.0, "the-refresh", None), {}, "no refresh token"),
        (FULL, {"LIVECHAT_CLIENT_ID": ""}, "LIVECHAT_CLIENT_ID: required"),
        (FULL, {"LIVECHAT_CREDENTIALS_FILE": ""}, "LIVECHAT_CREDENTIALS_FILE: required"),
        (FULL, {"LIVECHAT_CREDENTIALS_FILE": "/no/such/folder/c.json"}, "cannot be read"),
    ],
)
def test_what_is_missing_is_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Tokens | NoTokens,
    settings: dict[str, str],
    said: str,
) -> None:
    result = run(tmp_path, monkeypatch, answer, **settings)
    assert result.exit_code == 2
    assert said in result.stderr
