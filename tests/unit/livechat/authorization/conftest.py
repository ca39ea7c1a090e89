"""A LiveChat that gives out tokens."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.unit.livechat.server import Asked, Server, error, tokens


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
