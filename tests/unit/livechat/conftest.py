"""The far side and the clock that the tests of the client share."""

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest

from tagger.livechat.authorization.credentials import Credentials, ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.client import Client
from tests.unit.livechat.server import Server, Time


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


MakeClient = Callable[..., Client]


@pytest.fixture
async def make_client(server: Server, time: Time) -> AsyncIterator[MakeClient]:
    """Clients of the server, with a fixed token where no other credentials are given."""
    made: list[Client] = []

    def make(credentials: Credentials | None = None, measure: Any = None) -> Client:
        token = Fixed(lambda: "token-1")
        given = credentials or ForAll(token)
        client = Client(given, server.url, measure, clock=time.clock, sleep=time.sleep, rng=Random(1))
        made.append(client)
        return client

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()
