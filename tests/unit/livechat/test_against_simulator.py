"""The client and the simulated LiveChat, each written from LiveChat's documentation alone, meet."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from random import Random

import aiohttp
import pytest

from tagger.commands.login import log_in
from tagger.livechat.authorization.credentials import Credentials, ForAll
from tagger.livechat.authorization.oauth import Tokens, missing_scopes
from tagger.livechat.authorization.tokens import App, Fixed, OAuth
from tagger.livechat.calls.answers import NOT_TAGGED, Done, GivenUp, Permanent, Transient
from tagger.livechat.calls.requests import (
    Call,
    create_tag,
    get_chat,
    list_archives,
    list_archives_of_thread,
    list_threads,
    tag_thread,
    untag_thread,
)
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk
from tagger.livechat.tags import Wanted, findings, tags_of, to_create
from tagger.livechat.webhooks import Registry, addresses, to_register, to_remove
from tagger.simulator.livechat.account import Draft, Organization, Thread, User
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.livechat.server import SimulatedLiveChat
from tests.deadline import DEADLINE_S
from tests.unit.livechat.server import Time

CUSTOMER = User("b2f8b0e2-7a55-4b0a-9c56-2f6a3c1f9d10", "customer", "Maya", "maya@example.com")
HERE = "https://chats.example.com/webhooks/livechat"


@pytest.fixture
async def livechat(time: Time) -> AsyncIterator[SimulatedLiveChat]:
    async with SimulatedLiveChat(seed=1, clock=time.clock) as running:
        yield running


@pytest.fixture
def organization(livechat: SimulatedLiveChat) -> Organization:
    return livechat.add_organization("3.6", ["Refund"])


Connect = Callable[[Credentials], Client]


@pytest.fixture
async def connect(livechat: SimulatedLiveChat, time: Time) -> AsyncIterator[Connect]:
    made: list[Client] = []

    def make(credentials: Credentials) -> Client:
        made.append(Client(credentials, livechat.url, clock=time.clock, sleep=time.sleep, rng=Random(1)))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def client(livechat: SimulatedLiveChat, organization: Organization, connect: Connect) -> Client:
    account, pat = livechat.add_account(organization)
    return connect(ForAll(Fixed(lambda: pat, account.id)))


def ended(livechat: SimulatedLiveChat, organization: Organization) -> Thread:
    opening = [Draft("message", {"text": "I want a refund"}, CUSTOMER.id)]
    thread = livechat.start_chat(organization, (CUSTOMER,), opening)
    livechat.deactivate(thread)
    return thread


async def logged_in(livechat: SimulatedLiveChat, organization: Organization) -> tuple[Tokens, str]:
    """A person's login with the command's own code; the tokens, and the client id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    app = livechat.add_app("client-secret", (f"http://127.0.0.1:{port}/",))
    livechat.consenting, _ = livechat.add_account(organization)
    said: asyncio.Queue[str] = asyncio.Queue()
    login = asyncio.create_task(
        log_in(livechat.accounts_url, app.client_id, app.client_secret, port, said.put_nowait)
    )
    while not (line := (await asyncio.wait_for(said.get(), DEADLINE_S)).strip()).startswith("http"):
        pass
    async with aiohttp.ClientSession() as browser, browser.get(line) as page:
        assert page.status == 200
    tokens = await asyncio.wait_for(login, DEADLINE_S)
    assert isinstance(tokens, Tokens)
    return tokens, app.client_id


def refreshing(livechat: SimulatedLiveChat, tokens: Tokens, client_id: str, time: Time) -> ForAll:
    refresh_token = tokens.refresh_token or ""
    app = App(livechat.accounts_url, client_id, lambda: "client-secret", lambda: refresh_token)
    return ForAll(OAuth(app, time.clock, Random(1)))


async def test_a_bot_is_created_its_webhooks_registered_and_it_is_set_online(
    livechat: SimulatedLiveChat, organization: Organization, connect: Connect, time: Time
) -> None:
    tokens, client_id = await logged_in(livechat, organization)
    client = connect(refreshing(livechat, tokens, client_id, time))
    registry = Registry(Desk(client, organization.id), client_id, lambda _: None)
    create = Call(
        "create_bot", "configuration/action/create_bot", {"name": "Tagger", "owner_client_id": client_id}
    )
    assert await client.ask(organization.id, create) == Done()
    (bot,) = organization.bots.values()
    await registry.register(to_register([], HERE, "s3cret", kind="bot"), HERE, "s3cret")
    sent = [webhook.type for webhook in livechat.registry.wanted(organization, "incoming_chat")]
    assert sent == []  # the bot is offline
    await registry.wake(bot.id)
    sent = [webhook.type for webhook in livechat.registry.wanted(organization, "incoming_chat")]
    assert sent == ["bot"]
    assert [(one.missing, one.bot) for one in addresses(await registry.listed())] == [((), True)]


async def test_from_an_empty_account_to_a_tagged_chat(
    livechat: SimulatedLiveChat, organization: Organization, connect: Connect, time: Time
) -> None:
    tokens, client_id = await logged_in(livechat, organization)
    assert tokens.organization_id == organization.id
    assert missing_scopes(tokens.scopes) == []
    client = connect(refreshing(livechat, tokens, client_id, time))
    registry = Registry(Desk(client, organization.id), client_id, lambda _: None)
    for _ in range(2):  # the second time changes nothing
        await registry.register(to_register(await registry.listed(), HERE, "s3cret"), HERE, "s3cret")
    await registry.switch(on=True)
    assert await registry.enabled()
    assert [(one.url, one.missing) for one in addresses(await registry.listed())] == [(HERE, ())]
    assert len(await registry.listed()) == 3
    tags = await tags_of(client, organization.id)
    assert not isinstance(tags, Transient | Permanent)
    found = findings(tags, [Wanted("Refund"), Wanted("refund"), Wanted("Delay")])
    assert [finding.kind for finding in found] == ["other_case", "missing"]
    for tag in to_create(found):
        assert await client.ask(organization.id, create_tag(tag)) == Done()
    assert isinstance(await client.ask(organization.id, create_tag("REFUND")), Permanent)
    thread = ended(livechat, organization)
    for _ in range(2):
        assert await client.perform(organization.id, tag_thread(thread.chat.id, thread.id, "Delay")) == Done()
    assert set(thread.tags) == {"Delay"}
    untag = untag_thread(thread.chat.id, thread.id, "Delay")
    assert await client.perform(organization.id, untag) == Done()
    assert set(thread.tags) == set()
    again = await client.ask(organization.id, untag)
    assert isinstance(again, Permanent)
    assert again.error_type == NOT_TAGGED
    await registry.remove(to_remove(await registry.listed(), HERE).remove, lambda _: True)
    assert await registry.listed() == []


async def test_chats_threads_and_archives_have_the_shapes_we_ask_for(
    livechat: SimulatedLiveChat, organization: Organization, client: Client
) -> None:
    threads = [ended(livechat, organization) for _ in range(7)]
    chat_id, thread_id = threads[0].chat.id, threads[0].id
    chat = await client.ask(organization.id, get_chat(chat_id, thread_id))
    assert isinstance(chat, Done)
    assert chat.value["thread"]["events"][0]["text"] == "I want a refund"
    of_chat = await client.ask(organization.id, list_threads(chat_id))
    assert isinstance(of_chat, Done)
    assert [thread["id"] for thread in of_chat.value["threads"]] == [thread_id]
    seen, page_id = list[str](), None
    while True:
        call = list_archives(0, 4_000_000_000_000, limit=3, page_id=page_id)
        page = await client.ask(organization.id, call)
        assert isinstance(page, Done)
        seen += [chat["thread"]["id"] for chat in page.value["chats"]]
        if (page_id := page.value.get("next_page_id")) is None:
            break
    assert sorted(seen) == sorted(thread.id for thread in threads)
    by_thread = await client.ask(organization.id, list_archives_of_thread(thread_id))
    assert isinstance(by_thread, Done)
    assert [chat["id"] for chat in by_thread.value["chats"]] == [chat_id]


FAULTS = {
    "everything is 503": Fault("service_unavailable"),
    "the token server is down": Fault("html", method="token"),
    "connections are cut": Fault("cut"),
    "every third answer is lost": Fault("lost", share=0.3),
    "answers are cut": Fault("truncated"),
    "a proxy answers": Fault("html"),
    "answers are no JSON": Fault("not_json", method="get_chat"),
    "every second call fails": Fault("internal", share=0.5),
    "limits without end": Fault("too_many_requests", retry_after_s=7),
    "types out of the blue": Fault("wrong_product_version", status=200),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_three_bad_minutes_lose_and_park_nothing(
    livechat: SimulatedLiveChat, organization: Organization, connect: Connect, time: Time, fault: Fault
) -> None:
    livechat.access.token_life_s = 90  # so that it expires in the middle
    tokens, client_id = await logged_in(livechat, organization)
    client = connect(refreshing(livechat, tokens, client_id, time))
    threads = [ended(livechat, organization) for _ in range(60)]
    methods = [fault.method] if fault.method else ["get_chat", "tag_thread"]
    livechat.faults += [replace(fault, method=method) for method in methods]

    async def heal() -> None:
        until = time.now + 180
        while time.now < until:
            await time.sleep(1.0)
            await asyncio.sleep(0.0005)  # the network is real
        livechat.faults.clear()

    async def work(thread: Thread) -> None:
        ids = thread.chat.id, thread.id
        assert isinstance(await client.perform(organization.id, get_chat(*ids)), Done)
        assert await client.perform(organization.id, tag_thread(*ids, "Refund")) == Done()

    began = time.now
    await asyncio.gather(heal(), *map(work, threads))
    assert time.now - began >= 180
    assert fault.method == "token" or any(call.outcome == fault.answer for call in livechat.calls)
    assert [set(thread.tags) for thread in threads] == [{"Refund"}] * 60


async def test_a_deleted_tag_parks_its_chats_only(
    livechat: SimulatedLiveChat, organization: Organization, client: Client
) -> None:
    threads = [ended(livechat, organization) for _ in range(20)]
    tags = ["Gone" if number % 4 == 0 else "Refund" for number in range(20)]
    calls = [
        client.perform(organization.id, tag_thread(thread.chat.id, thread.id, tag))
        for thread, tag in zip(threads, tags, strict=True)
    ]
    answers = await asyncio.gather(*calls)
    assert [isinstance(answer, GivenUp) for answer in answers] == [tag == "Gone" for tag in tags]


async def test_an_organization_of_another_region_is_found(
    livechat: SimulatedLiveChat, organization: Organization, client: Client
) -> None:
    organization.region = "fra"
    thread = ended(livechat, organization)
    assert await client.perform(organization.id, tag_thread(thread.chat.id, thread.id, "Refund")) == Done()


async def test_a_token_without_the_scope_is_refused_by_its_type(
    livechat: SimulatedLiveChat, organization: Organization, connect: Connect
) -> None:
    account, pat = livechat.add_account(organization, frozenset({"chats--all:ro"}))
    client, thread = connect(ForAll(Fixed(lambda: pat, account.id))), ended(livechat, organization)
    answer = await client.ask(organization.id, tag_thread(thread.chat.id, thread.id, "Refund"))
    assert isinstance(answer, Permanent)
    assert answer.error_type == "authorization"
