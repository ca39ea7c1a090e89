"""Which credentials the settings name, and how those of a file are read again and written."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import orjson
import pytest
from aiohttp import web

from tagger.livechat.authorization.credentials import credentials
from tagger.livechat.authorization.credentials_file import CredentialsFile
from tagger.livechat.authorization.tokens import Fixed, OAuth
from tagger.livechat.calls.answers import Done
from tagger.livechat.calls.requests import tag_thread
from tests.unit.livechat.authorization.conftest import LiveChat
from tests.unit.livechat.conftest import MakeClient
from tests.unit.livechat.server import Asked, Server, Time, tokens

TAG = tag_thread("c", "t", "Refund")


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
