"""A simulated LiveChat with one organization, a client that may call its API, and a receiver of webhooks."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tagger.simulator.livechat.account import Draft, Organization, Thread, User
from tagger.simulator.livechat.server import SimulatedLiveChat

CUSTOMER = User("b2f8b0e2-7a55-4b0a-9c56-2f6a3c1f9d10", "customer", "Maya", "maya@example.com")
AGENT = User("nora@example.com", "agent", "Nora", "nora@example.com")


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Account:
    """Everything a test needs to call the API as somebody."""

    livechat: SimulatedLiveChat
    organization: Organization
    session: aiohttp.ClientSession
    account_id: str
    pat: str

    async def call(
        self, path: str, body: Any = None, version: str = "v3.6", **headers: str
    ) -> tuple[int, Any]:
        """POST to the API; the status and the JSON, or None if the answer has no body."""
        url = f"{self.livechat.url.removesuffix('/v3.6')}/{version}/{path}"
        sent = {"Authorization": basic(self.account_id, self.pat)} | headers
        async with self.session.post(url, json=body if body is not None else {}, headers=sent) as response:
            return response.status, await response.json() if await response.read() else None

    def say(self, thread: Thread, text: str) -> None:
        self.livechat.add_event(thread, Draft("message", {"text": text}, CUSTOMER.id))

    def ended_chat(self, *, chat_id: str | None = None, group_ids: tuple[int, ...] = (0,)) -> Thread:
        opening = [Draft("message", {"text": "hello"}, CUSTOMER.id)]
        thread = self.livechat.start_chat(
            self.organization, (CUSTOMER, AGENT), opening, group_ids, chat_id=chat_id
        )
        self.livechat.deactivate(thread)
        return thread


def basic(account_id: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{account_id}:{token}".encode()).decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def account(clock: Clock) -> AsyncIterator[Account]:
    async with SimulatedLiveChat(seed=1, clock=clock) as livechat, aiohttp.ClientSession() as session:
        organization = livechat.add_organization("3.6", ["Refund", "Billing"])
        owner, pat = livechat.add_account(organization)
        yield Account(livechat, organization, session, owner.id, pat)


@dataclass
class Receiver:
    """Where webhooks go. `answers` are the statuses of the next requests, then 200; None: no answer."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int | None] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            await self.released.wait()
        return web.Response(status=status or 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/", receiver.receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield receiver
    receiver.released.set()
    await runner.cleanup()
