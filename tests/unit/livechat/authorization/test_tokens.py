"""Credentials at work against a real accounts server: kept fresh, refreshed once, never shown."""

import asyncio
from collections.abc import Callable
from random import Random

import aiohttp
import pytest
from aiohttp import web

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import App, Authorization, Fixed, OAuth
from tagger.livechat.calls.answers import Done, Transient
from tagger.livechat.calls.requests import tag_thread
from tagger.livechat.client import Client
from tests.unit.livechat.authorization.conftest import LiveChat
from tests.unit.livechat.conftest import MakeClient
from tests.unit.livechat.server import Asked, Reset, Server, Time, error

TAG = tag_thread("c", "t", "Refund")


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
    assert isinstance(await client.ask("org", TAG), Transient)
    (complaint,) = client.health()
    assert "look for a line break" in complaint
    assert not token or token not in complaint
    assert server.asked == []


async def test_nothing_shows_a_token(livechat: LiveChat, client: Client, oauth: OAuth) -> None:
    await client.perform("org", TAG)
    fixed = Fixed(lambda: "access-1")
    app = App("https://accounts.livechat.com", "client", lambda: "client-secret", lambda: "refresh-0")
    shown = [client, oauth, fixed, app, Authorization("Bearer access-1"), vars(client), *vars(oauth).values()]
    for secret in ("access-1", "refresh-0", "client-secret"):
        assert secret not in repr(shown)
