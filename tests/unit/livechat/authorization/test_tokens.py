"""Credentials at work against a real accounts server: kept fresh, refreshed once, never shown."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import orjson
import pytest
from aiohttp import web

from tagger.livechat.authorization.credentials import ForAll, credentials
from tagger.livechat.authorization.credentials_file import CredentialsFile
from tagger.livechat.authorization.tokens import App, Authorization, Fixed, OAuth
from tagger.livechat.calls.requests import Done, Wait, tag_thread
from tagger.livechat.client import Client
from tests.unit.livechat.conftest import MakeClient
from tests.unit.livechat.server import Asked, Reset, Server, Time, error, tokens

TAG = tag_thread("c", "t", "Refund")


@dataclass
class LiveChat:
    """The API and the accounts server in one: gives out access tokens and accepts the newest only."""

    server: Server
    given: int = 0
    refreshing: Callable[[], web.StreamResponse] | None = None  # answers refreshes instead
    refresh_tokens: list[str] = field(default_factory=list)  # as they came in
    rotates: bool = False

    def __post_init__(self) -> None:
        self.server.answer = self.answer

    def answer(self, asked: Asked) -> web.StreamResponse:
        if asked.method == "token":
            self.refresh_tokens.append(asked.body["refresh_token"])
            if self.refreshing is not None:
                return self.refreshing()
            self.given += 1
            fields = {"refresh_token": f"refresh-{self.given}"} if self.rotates else {}
            return tokens(f"access-{self.given}", **fields)
        if asked.headers["Authorization"] == f"Bearer access-{self.given}":
            return web.Response()
        return error("authentication", 401, "Invalid access token")


@pytest.fixture
def livechat(server: Server) -> LiveChat:
    return LiveChat(server)


@pytest.fixture
def oauth(server: Server, time: Time) -> OAuth:
    app = App(server.url, "client", lambda: "client-secret", lambda: "refresh-0")
    return OAuth(app, time.clock, Random(1))


@pytest.fixture
def client(make_client: MakeClient, oauth: OAuth) -> Client:
    return make_client(ForAll(oauth))


async def test_the_first_call_gets_a_token_and_later_ones_use_it(livechat: LiveChat, client: Client) -> None:
    for _ in range(3):
        assert await client.perform("org", TAG) == Done()
    methods = [asked.method for asked in livechat.server.asked]
    assert methods == ["token", "tag_thread", "tag_thread", "tag_thread"]
    assert livechat.server.asked[0].body == {
        "grant_type": "refresh_token",
        "client_id": "client",
        "client_secret": "client-secret",
        "refresh_token": "refresh-0",
    }


async def test_a_token_is_refreshed_a_minute_before_it_expires(
    livechat: LiveChat, client: Client, time: Time
) -> None:
    await client.perform("org", TAG)
    time.now += 28800 - 61
    await client.perform("org", TAG)
    assert livechat.given == 1
    time.now += 1
    await client.perform("org", TAG)
    assert livechat.given == 2


async def test_a_refused_token_is_refreshed_once_for_all_calls(livechat: LiveChat, client: Client) -> None:
    await client.perform("org", TAG)
    livechat.given += 1  # the token that was given out is no longer the valid one
    calls = [client.perform("org", TAG) for _ in range(200)]
    assert await asyncio.gather(*calls) == [Done()] * 200
    assert len(livechat.refresh_tokens) == 2


async def test_many_calls_at_the_start_wait_for_one_refresh(livechat: LiveChat, client: Client) -> None:
    await asyncio.gather(*(client.perform("org", TAG) for _ in range(200)))
    assert len(livechat.refresh_tokens) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        lambda: web.Response(status=503),
        Reset,
        lambda: web.json_response({"error": "invalid_grant"}, status=400),
    ],
)
async def test_a_refresh_that_fails_for_two_minutes_parks_nothing(
    livechat: LiveChat, client: Client, time: Time, trouble: Callable[[], web.StreamResponse]
) -> None:
    until = time.now + 120

    def refuse() -> web.StreamResponse:
        if time.now >= until:
            livechat.refreshing = None
        return trouble()

    livechat.refreshing = refuse
    calls = [client.perform("org", TAG) for _ in range(100)]
    assert await asyncio.gather(*calls) == [Done()] * 100
    assert len(livechat.refresh_tokens) < 60  # not one for each call that waits


async def test_a_refresh_that_failed_is_not_repeated_by_everybody_who_comes(
    livechat: LiveChat, oauth: OAuth, time: Time
) -> None:
    livechat.refreshing = lambda: web.Response(status=503)
    async with aiohttp.ClientSession() as session:
        for _ in range(50):
            await oauth.authorization(session)
    assert len(livechat.refresh_tokens) == 1


async def test_while_a_refresh_fails_the_token_is_used_to_its_end(
    livechat: LiveChat, client: Client, time: Time
) -> None:
    await client.perform("org", TAG)
    livechat.refreshing = lambda: web.Response(status=503)
    time.now += 28800 - 30
    assert await client.perform("org", TAG) == Done()
    assert client.health() != []


async def test_a_refused_refresh_says_to_log_in(livechat: LiveChat, client: Client) -> None:
    livechat.refreshing = lambda: web.json_response({"error": "invalid_grant"}, status=400)
    await client.ask("org", TAG, tries=1)
    (complaint,) = client.health()
    assert "refused (invalid_grant)" in complaint
    assert "log in again: tagger login" in complaint
    assert "refresh-0" not in complaint


async def test_a_caller_who_is_cancelled_does_not_lose_the_refresh(
    livechat: LiveChat, client: Client, server: Server
) -> None:
    call = asyncio.create_task(client.perform("org", TAG))
    await server.has_been_asked(1)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await client.perform("org", TAG)
    assert len(livechat.refresh_tokens) == 1


async def test_an_app_whose_refresh_tokens_rotate_uses_the_newest(
    livechat: LiveChat, client: Client, time: Time
) -> None:
    livechat.rotates = True
    for _ in range(3):
        await client.perform("org", TAG)
        time.now += 28800
    assert livechat.refresh_tokens == ["refresh-0", "refresh-1", "refresh-2"]
    assert "LIVECHAT_CREDENTIALS_FILE" in client.health()[0]


async def test_a_fixed_token_that_was_changed_is_used_at_once(
    server: Server, make_client: MakeClient
) -> None:
    token = "old"
    fixed = Fixed(lambda: token)

    def only_new(asked: Asked) -> web.Response:
        nonlocal token
        if asked.headers["Authorization"] == "Bearer new":
            return web.Response()
        token = "new"  # the file is changed while the call is under way
        return error("authentication", 401)

    server.answer = only_new
    assert await make_client(ForAll(fixed)).ask("org", TAG, tries=1) == Done()


@pytest.mark.parametrize("token", ["", "two\nlines", "a\x00b", "tökén"])
async def test_a_token_that_cannot_be_sent_is_told_and_not_shown(
    server: Server, make_client: MakeClient, token: str
) -> None:
    client = make_client(ForAll(Fixed(lambda: token)))
    assert isinstance(await client.ask("org", TAG), Wait)
    (complaint,) = client.health()
    assert "look for a line break" in complaint
    assert not token or token not in complaint
    assert server.asked == []


class FakeSecret:
    def __init__(self, value: str) -> None:
        self._value = value

    def value(self) -> str:
        return self._value


@dataclass
class FakeSettings:
    livechat_accounts_url: str = "https://accounts.livechat.com"
    livechat_account_id: str | None = None
    livechat_client_id: str | None = None
    livechat_credentials_file: Path | None = None
    secrets: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str) -> FakeSecret:
        return FakeSecret(self.secrets.get(name.removeprefix("livechat_"), ""))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (FakeSettings(), "set exactly one kind"),
        (FakeSettings(secrets={"pat": "p"}), "LIVECHAT_ACCOUNT_ID: required"),
        (FakeSettings(secrets={"refresh_token": "r"}), "LIVECHAT_CLIENT_ID: required"),
        (FakeSettings(secrets={"pat": "p", "access_token": "a"}), "set exactly one kind"),
        (
            FakeSettings(secrets={"access_token": "a"}, livechat_credentials_file=Path("c.json")),
            "set exactly one kind",
        ),
        (FakeSettings(livechat_credentials_file=Path("missing.json")), "cannot be read"),
    ],
)
def test_settings_that_name_no_one_kind_of_credentials_are_told(
    settings: FakeSettings, problem: str, time: Time
) -> None:
    found = credentials(settings, time.clock, Random(1))
    assert isinstance(found, list)
    assert problem in found[0]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (FakeSettings(livechat_account_id="a", secrets={"pat": "p"}), Fixed),
        (FakeSettings(secrets={"access_token": "a"}), Fixed),
        (FakeSettings(livechat_client_id="c", secrets={"client_secret": "s", "refresh_token": "r"}), OAuth),
    ],
)
def test_a_single_credential_serves_every_organization(
    settings: FakeSettings, kind: type, time: Time
) -> None:
    found = credentials(settings, time.clock, Random(1))
    assert not isinstance(found, list)
    assert isinstance(found.of("any"), kind)
    assert found.of("any") is found.of("other")


@contextmanager
def file_of(tmp_path: Path, **organizations: dict[str, str]) -> Iterator[FakeSettings]:
    path = tmp_path / "credentials.json"
    path.write_bytes(orjson.dumps({"version": 1, "organizations": organizations}))
    path.chmod(0o600)
    yield FakeSettings(livechat_credentials_file=path)


async def test_a_file_serves_its_organizations_and_no_other(
    tmp_path: Path, server: Server, make_client: MakeClient, time: Time
) -> None:
    entries = {"one": {"account_id": "a", "pat": "p"}, "two": {"access_token": "fra:t"}}
    with file_of(tmp_path, **entries) as settings:
        found = credentials(settings, time.clock, Random(1))
        assert not isinstance(found, list)
        client = make_client(found)
        assert found.organizations() == ["one", "two"]
        assert [client.has_credentials(name) for name in ("one", "two", "three")] == [True, True, False]
        await client.perform("one", TAG)
        await client.perform("two", TAG)
        assert [asked.headers["Authorization"] for asked in server.asked] == ["Basic YTpw", "Bearer fra:t"]


async def test_a_rotated_refresh_token_is_kept_in_the_file(
    tmp_path: Path, server: Server, livechat: LiveChat, make_client: MakeClient, time: Time
) -> None:
    livechat.rotates = True
    app = {"client_id": "c", "refresh_token": "refresh-0"}
    with file_of(tmp_path, org=app) as settings:
        settings.livechat_accounts_url = server.url
        found = credentials(settings, time.clock, Random(1))
        assert not isinstance(found, list)
        client = make_client(found)
        for _ in range(3):
            await client.perform("org", TAG)
            time.now += 14400
            await client.perform("org", TAG)  # by the same token: it outlives the rotation of the other
            time.now += 14400
        path = settings.livechat_credentials_file
        assert path is not None
        assert orjson.loads(path.read_bytes())["organizations"]["org"]["refresh_token"] == "refresh-3"
        assert path.stat().st_mode & 0o777 == 0o600
        assert livechat.refresh_tokens == ["refresh-0", "refresh-1", "refresh-2"]
        assert client.health() == []


async def test_a_refresh_under_way_does_not_undo_a_login(
    tmp_path: Path, server: Server, livechat: LiveChat, time: Time
) -> None:
    """`tagger login` stores while LiveChat has not answered the refresh, which will rotate the old token."""
    livechat.rotates = True
    answer, held = server.answer, asyncio.Event()

    async def slowly(asked: Asked) -> web.StreamResponse:
        if asked.method == "token":
            await held.wait()
        found = answer(asked)
        assert isinstance(found, web.StreamResponse)
        return found

    server.answer = slowly
    with file_of(tmp_path, org={"client_id": "c", "refresh_token": "refresh-0"}) as settings:
        settings.livechat_accounts_url = server.url
        found, path = credentials(settings, time.clock, Random(1)), settings.livechat_credentials_file
        assert not isinstance(found, list)
        assert path is not None
        credential = found.of("org")
        assert credential is not None
        async with aiohttp.ClientSession() as session:
            refreshing = asyncio.create_task(credential.authorization(session))
            await server.has_been_asked(1)
            login = {"client_id": "c", "client_secret": "new", "refresh_token": "of-the-login"}
            CredentialsFile(path, time.clock).store("org", login)
            held.set()
            await refreshing
        assert orjson.loads(path.read_bytes())["organizations"]["org"] == login


async def test_a_file_that_cannot_be_written_is_told_and_work_goes_on(
    tmp_path: Path, livechat: LiveChat, make_client: MakeClient, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    livechat.rotates = True
    with file_of(tmp_path, org={"client_id": "c", "refresh_token": "refresh-0"}) as settings:
        settings.livechat_accounts_url = livechat.server.url
        found = credentials(settings, time.clock, Random(1))
        assert not isinstance(found, list)
        client = make_client(found)
        monkeypatch.setattr(os, "open", read_only)
        for _ in range(3):
            assert await client.perform("org", TAG) == Done()
            time.now += 28800
        assert livechat.refresh_tokens == ["refresh-0", "refresh-1", "refresh-2"]
        assert "make it writable" in client.health()[0]


async def test_nothing_shows_a_token(livechat: LiveChat, client: Client, oauth: OAuth) -> None:
    await client.perform("org", TAG)
    fixed = Fixed(lambda: "access-1")
    app = App("https://accounts.livechat.com", "client", lambda: "client-secret", lambda: "refresh-0")
    shown = [client, oauth, fixed, app, Authorization("Bearer access-1"), vars(client), *vars(oauth).values()]
    for secret in ("access-1", "refresh-0", "client-secret"):
        assert secret not in repr(shown)


async def test_a_new_login_is_used_without_a_restart(
    tmp_path: Path, livechat: LiveChat, make_client: MakeClient, time: Time
) -> None:
    with file_of(tmp_path, org={"client_id": "c", "refresh_token": "void"}) as settings:
        settings.livechat_accounts_url = livechat.server.url
        found = credentials(settings, time.clock, Random(1))
        assert not isinstance(found, list)

        def only_new() -> web.StreamResponse:
            if livechat.refresh_tokens[-1] == "void":
                with file_of(tmp_path, org={"client_id": "c", "refresh_token": "from a new login"}):
                    return web.json_response({"error": "invalid_grant"}, status=400)
            livechat.given += 1
            return tokens(f"access-{livechat.given}")

        livechat.refreshing = only_new
        assert await make_client(found).perform("org", TAG) == Done()
        assert livechat.refresh_tokens[-1] == "from a new login"
