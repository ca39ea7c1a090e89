"""What calls of one credential share and those of several do not: limits, outages, health."""

import asyncio

from aiohttp import web

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.calls.answers import Done, GivenUp
from tagger.livechat.calls.requests import tag_thread
from tagger.livechat.client import Client
from tagger.livechat.pacing.call_queue import LASTS_S
from tagger.livechat.pacing.circuit import FAILURES_TO_OPEN
from tagger.livechat.pacing.pace import IN_FLIGHT_MAX
from tests.unit.livechat.conftest import MakeClient
from tests.unit.livechat.server import Asked, Server, Time, error
from tests.unit.livechat.test_client import TAG, reason
from tests.unit.livechat.tokens import Each


async def test_retry_after_holds_the_whole_organization(server: Server, client: Client, time: Time) -> None:
    began = time.now
    times: list[float] = []

    def limited(_: Asked) -> web.Response:
        times.append(time.now - began)
        return web.Response(status=429, headers={"Retry-After": "30"}) if len(times) == 1 else web.Response()

    server.answer = limited
    await client.perform("org", TAG)
    await client.perform("org", TAG)
    assert times[0] == 0
    assert min(times[1:]) >= 30


async def test_calls_in_flight_are_bounded_for_each_credential_by_itself(
    server: Server, make_client: MakeClient
) -> None:
    client, held = make_client(Each("fine", "revoked")), asyncio.Event()

    async def hold(asked: Asked) -> web.Response:
        if asked.body["chat_id"] == "slow":
            await held.wait()
        return web.Response()

    server.answer = hold
    slow = [asyncio.create_task(client.perform("slow", tag_thread("slow", "t", "x"))) for _ in range(100)]
    await server.has_been_asked(IN_FLIGHT_MAX)
    assert await client.perform("quick", tag_thread("quick", "t", "x")) == Done()
    assert len(server.asked) == IN_FLIGHT_MAX + 1
    held.set()
    assert await asyncio.gather(*slow) == [Done()] * 100


async def test_cancelled_calls_leave_no_place_taken(server: Server, client: Client) -> None:
    held = asyncio.Event()

    async def hold(_: Asked) -> web.Response:
        await held.wait()
        return web.Response()

    server.answer = hold
    tasks = [asyncio.create_task(client.perform("org", TAG)) for _ in range(3 * IN_FLIGHT_MAX)]
    await server.has_been_asked(IN_FLIGHT_MAX)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    held.set()
    again = [client.perform("org", TAG) for _ in range(2 * IN_FLIGHT_MAX)]
    assert await asyncio.gather(*again) == [Done()] * (2 * IN_FLIGHT_MAX)


async def test_an_outage_is_asked_about_by_one_call_at_a_time(
    server: Server, client: Client, time: Time
) -> None:
    """Of 500 waiting calls a few reach LiveChat while it is down for ten minutes; afterwards all are done."""
    began, during = time.now, 0

    def down(_: Asked) -> web.Response:
        nonlocal during
        if time.now - began < 600:
            during += 1
            return error("service_unavailable", 503)
        return web.Response()

    server.answer = down
    calls = [client.perform("org", tag_thread(f"c{n}", "t", "tag")) for n in range(500)]
    assert await asyncio.gather(*calls) == [Done()] * 500
    assert during < IN_FLIGHT_MAX + 600 / 2  # a probe every 5 s in the mean, and more at the start
    assert during > FAILURES_TO_OPEN


async def test_one_organization_out_holds_back_nobody_and_is_parked_after_a_quarter_of_an_hour(
    server: Server, make_client: MakeClient, time: Time
) -> None:
    def one_is_revoked(asked: Asked) -> web.Response:
        return error("authentication", 401) if "revoked" in asked.headers["Authorization"] else web.Response()

    server.answer = one_is_revoked
    client, began = make_client(Each("fine", "revoked")), time.now
    waiting = [asyncio.create_task(client.perform("revoked", TAG)) for _ in range(40)]
    while not all(task.done() for task in waiting):
        assert await client.perform("fine", TAG) == Done()
        await time.sleep(1.0)
    assert {reason(task.result()) for task in waiting} == {"organization_unavailable"}
    assert 900 <= time.now - began < 960
    already, now = len(server.asked), time.now
    later = await asyncio.gather(*(client.perform("revoked", TAG) for _ in range(500)))
    assert {reason(answer) for answer in later} == {"organization_unavailable"}
    assert len(server.asked) - already <= 2  # nothing but a probe or two
    assert time.now - now < 1


async def test_one_credential_is_one_lane_however_many_organizations_webhooks_name(
    server: Server, client: Client
) -> None:
    for number in range(20):
        assert await client.perform(f"forged {number}", TAG) == Done()
    assert [standing.organization for standing in client.standings()] == [""]


async def test_a_single_organization_waits_for_ever(server: Server, client: Client, time: Time) -> None:
    began = time.now
    server.answer = lambda _: error("authentication", 401) if time.now - began < 4 * 3600 else web.Response()
    assert await client.perform("org", TAG) == Done()


async def test_an_organization_without_credentials_is_told_apart(
    server: Server, make_client: MakeClient
) -> None:
    class Nobodys(ForAll):
        def of(self, organization: str) -> None:  # type: ignore[override]  # a file without the organization
            return None

    client = make_client(Nobodys(Fixed(lambda: "")))
    assert not client.has_credentials("org")
    answer = await client.perform("org", TAG)
    assert isinstance(answer, GivenUp)
    assert answer.error_type == "no_credentials"
    assert server.asked == []


async def test_background_calls_go_when_no_other_waits(server: Server, client: Client) -> None:
    calls = [client.perform("org", tag_thread("c", "t", "late"), background=True) for _ in range(60)]
    calls += [client.perform("org", tag_thread("c", "t", "live")) for _ in range(60)]
    await asyncio.gather(*calls)
    order = [asked.body["tag"] for asked in server.asked]
    last_live = len(order) - 1 - order[::-1].index("live")
    assert order[last_live + 1 :].count("late") >= 50  # all but those that went before the others had come


async def test_health_tells_what_to_do_and_forgets_it(server: Server, client: Client, time: Time) -> None:
    assert client.health() == []
    began, complaints, early = time.now, list[str](), list[str]()

    def refused_for_a_minute(_: Asked) -> web.Response:
        (complaints if time.now - began >= LASTS_S else early).extend(client.health())
        return error("authentication", 401) if time.now - began < 60 else web.Response()

    server.answer = refused_for_a_minute
    await client.perform("org", TAG)
    assert "the token is invalid or expired" in complaints[-1]
    assert "create a new token" in complaints[-1]
    assert early == [], "a hiccup passes"
    assert client.health() == []
