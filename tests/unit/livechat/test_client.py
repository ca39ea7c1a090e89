"""The client against a real HTTP server: what it sends, what it makes of answers, and when it gives up."""

import asyncio
import socket
from base64 import b64decode
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from aiohttp import web

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.calls.answers import ANSWER_BYTES_MAX, Done, GivenUp, Permanent, Transient
from tagger.livechat.calls.requests import Call, get_chat, tag_thread
from tagger.livechat.client import ASK_TRIES, REDIRECTS_MAX, WITHDRAWN, Client
from tagger.livechat.pacing.circuit import BACK_OFF_S_MAX, FAILURES_TO_OPEN
from tests.unit.livechat.conftest import MakeClient
from tests.unit.livechat.server import Answer, Asked, Reset, Server, Time, error

NAME = "livechat.test"
TAG = tag_thread("PJ0MRSHTDG", "K600PKZON8", "Refund")
CHAT = {"id": "PJ0MRSHTDG", "users": [], "thread": {"id": "K600PKZON8", "active": False, "events": []}}


def then(*answers: Callable[[], web.StreamResponse]) -> Answer:
    """One answer after the other; the last one again and again."""
    left = list(answers)
    return lambda _: (left.pop(0) if len(left) > 1 else left[0])()


def reason(answer: Done | GivenUp) -> str | None:
    """Why it was given up; None where it is done."""
    return answer.error_type if isinstance(answer, GivenUp) else None


class Heard:
    """A measure that keeps what it hears."""

    def __init__(self) -> None:
        self.results: list[tuple[str, str]] = []

    def on_request(self, method: str, result: str, seconds: float, purpose: str | None) -> None:
        assert seconds >= 0
        self.results.append((method, result))


async def test_a_call_is_one_post_with_its_json_and_token(server: Server, client: Client) -> None:
    assert await client.perform("org", TAG) == Done()
    (asked,) = server.asked
    assert asked.method == "tag_thread"
    assert asked.body == {"chat_id": "PJ0MRSHTDG", "thread_id": "K600PKZON8", "tag": "Refund"}
    assert asked.headers["Authorization"] == "Bearer token-1"
    assert asked.headers["Content-Type"] == "application/json"


async def test_a_personal_access_token_goes_as_basic_pair(server: Server, make_client: MakeClient) -> None:
    pat = Fixed(lambda: "pat:1", "account-1")
    await make_client(ForAll(pat)).perform("org", TAG)
    scheme, _, pair = server.asked[0].headers["Authorization"].partition(" ")
    assert (scheme, b64decode(pair)) == ("Basic", b"account-1:pat:1")


async def test_a_token_of_a_region_names_it(server: Server, make_client: MakeClient) -> None:
    fixed = Fixed(lambda: "fra:token")
    await make_client(ForAll(fixed)).perform("org", TAG)
    assert server.asked[0].headers["X-Region"] == "fra"


async def test_a_chat_comes_back_as_its_json(server: Server, client: Client) -> None:
    server.answer = lambda _: web.json_response(CHAT)
    assert await client.perform("org", get_chat("PJ0MRSHTDG", "K600PKZON8")) == Done(CHAT)


@pytest.mark.parametrize(
    ("trouble", "result"),
    [
        (lambda: error("internal", 500), "internal"),
        (lambda: error("service_unavailable", 503), "service_unavailable"),
        (lambda: error("too_many_requests", 429), "too_many_requests"),
        (lambda: error("authentication", 401, "Invalid access token"), "authentication"),
        (lambda: error("something_new", 418), "undocumented"),
        (lambda: web.Response(status=502, text="<html>Bad gateway"), "http_server_error"),
        (lambda: web.Response(status=403, text="<html>Who are you?"), "not_json"),
        (lambda: web.Response(status=200, text="<html>Down for maintenance"), "not_json"),
        (lambda: web.Response(status=302, headers={"Location": "/elsewhere"}), "redirected"),
        (Reset, "network"),
    ],
)
async def test_trouble_of_the_system_is_waited_out(
    server: Server, make_client: MakeClient, trouble: Callable[[], web.StreamResponse], result: str
) -> None:
    heard = Heard()
    server.answer = then(*[trouble] * 12, web.Response)
    assert await make_client(measure=heard).perform("org", TAG) == Done()
    assert heard.results == [("tag_thread", result)] * 12 + [("tag_thread", "done")]


@pytest.mark.parametrize("tries", [0, 3])
async def test_a_call_that_is_withdrawn_is_sent_no_more_and_leaves_the_lane_to_others(
    server: Server, make_client: MakeClient, tries: int
) -> None:
    client = make_client()
    server.answer = lambda _: error("service_unavailable", 503)
    given_up = await client.perform("org", TAG, withdrawn=lambda: len(server.asked) >= tries)
    assert given_up == GivenUp("it is not wanted any more", WITHDRAWN, tries)
    assert len(server.asked) == tries
    assert [standing.in_flight for standing in client.standings()] == [0]
    server.answer = lambda _: web.Response()
    assert await client.perform("org", TAG) == Done()


@pytest.mark.parametrize(
    ("broken", "result"),
    [
        (lambda: web.Response(body=b'{"id": "PJ0MRS'), "not_json"),
        (lambda: web.Response(body=b""), "not_json"),
        (lambda: web.json_response(CHAT | {"id": "another"}), "wrong_shape"),
        (lambda: web.Response(body=b"[" * 100_000), "not_json"),
    ],
)
async def test_a_chat_that_is_none_is_asked_for_again(
    server: Server, make_client: MakeClient, broken: Callable[[], web.StreamResponse], result: str
) -> None:
    heard = Heard()
    server.answer = then(broken, lambda: web.json_response(CHAT))
    answer = await make_client(measure=heard).perform("org", get_chat("PJ0MRSHTDG", "K600PKZON8"))
    assert answer == Done(CHAT)
    assert heard.results[0] == ("get_chat", result)


async def test_an_answer_that_is_too_large_is_not_read_to_its_end(server: Server, client: Client) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 10 * ANSWER_BYTES_MAX:
            await response.write(b" " * (1 << 20))
            sent += 1 << 20
        return response

    server.stream = endless
    answer = await client.perform("org", get_chat("PJ0MRSHTDG", "K600PKZON8"))
    assert isinstance(answer, GivenUp)
    assert answer.error_type == "answer_too_large"
    assert sent < 3 * ANSWER_BYTES_MAX


async def test_a_refused_call_is_given_up_at_once_without_livechats_words(
    server: Server, client: Client
) -> None:
    server.answer = lambda asked: error("validation", 400, f"tag {asked.body['tag']} is odd")
    answer = await client.perform("org", TAG)
    assert answer == GivenUp("LiveChat finds the request malformed", "validation", 1)


async def test_a_tag_that_is_there_already_is_done(server: Server, client: Client) -> None:
    server.answer = lambda _: error("validation", 400, "thread is already tagged")
    assert await client.perform("org", TAG) == Done()


async def test_not_found_is_believed_after_a_minute(server: Server, client: Client, time: Time) -> None:
    server.answer = lambda _: error("not_found", 404)
    began = time.now
    answer = await client.perform("org", TAG)
    assert isinstance(answer, GivenUp)
    assert answer.error_type == "not_found"
    assert 60 <= time.now - began <= 75


async def test_a_misdirected_call_goes_to_its_region_and_so_does_every_later_one(
    server: Server, client: Client
) -> None:
    def regional(asked: Asked) -> web.Response:
        return web.Response() if asked.headers.get("X-Region") == "fra" else wrong_region()

    def wrong_region() -> web.Response:
        return error("misdirected_request", 421, region="fra")

    server.answer = regional
    assert await client.perform("org", TAG) == Done()
    assert await client.perform("org", TAG) == Done()
    assert [asked.headers.get("X-Region") for asked in server.asked] == [None, "fra", "fra"]


async def test_regions_that_point_at_each_other_are_asked_ever_more_seldom(
    server: Server, client: Client, time: Time
) -> None:
    began = time.now

    def elsewhere(_: Asked) -> web.Response:
        wrong = error("misdirected_request", 421, region="fra" if len(server.asked) % 2 else "dal")
        return wrong if time.now - began < 120 else web.Response()

    server.answer = elsewhere
    assert await client.perform("org", TAG) == Done()
    assert len(server.asked) < REDIRECTS_MAX + 60


async def test_a_call_that_fails_beside_others_is_tried_ever_more_seldom(
    server: Server, client: Client, time: Time
) -> None:
    began = time.now

    def one_fails(asked: Asked) -> web.Response:
        fails = asked.body["tag"] == "odd" and time.now - began < 300
        return error("internal", 500) if fails else web.Response()

    server.answer = one_fails
    odd = asyncio.create_task(client.perform("org", tag_thread("c", "t", "odd")))
    while not odd.done():
        assert await client.perform("org", TAG) == Done()
        await time.sleep(1.0)
    assert odd.result() == Done()
    assert (
        10 <= [asked.body["tag"] for asked in server.asked].count("odd") < 40
    )  # billed, so once a minute at last


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_breaks_off_is_none(server: Server, client: Client, status: int) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    server.stream = breaks_off
    answer = await client.ask("org", TAG, tries=1)
    assert answer == Transient("LiveChat could not be reached", "network")


async def test_one_try_is_one_try(server: Server, client: Client) -> None:
    server.answer = then(lambda: error("internal", 500), lambda: error("validation", 400), web.Response)
    assert isinstance(await client.ask("org", TAG, tries=1), Transient)
    assert isinstance(await client.ask("org", TAG, tries=1), Permanent)
    assert await client.ask("org", TAG, tries=1) == Done()


async def test_a_person_waits_for_a_few_tries_only(server: Server, client: Client, time: Time) -> None:
    server.answer = lambda _: error("internal", 500)
    began = time.now
    assert isinstance(await client.ask("org", TAG), Transient)
    assert len(server.asked) == ASK_TRIES
    assert time.now - began < 10


async def test_nobody_listening_is_network_trouble(time: Time) -> None:
    token, heard = Fixed(lambda: "t"), Heard()
    client = Client(
        ForAll(token),
        "http://127.0.0.1:1",
        heard,
        clock=time.clock,
        sleep=time.sleep,
        rng=Random(1),
    )
    assert await client.ask("org", TAG, tries=1) == Transient("LiveChat could not be reached", "network")
    await client.close()


async def test_a_host_name_that_is_gone_is_waited_for_and_found_when_it_is_back(
    server: Server, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server is the far side: it knows nothing for an hour, and then the address."""
    port, ask, asked = int(server.url.rpartition(":")[2]), socket.getaddrinfo, 0

    def name_server(host: str | bytes | None, *rest: Any, **more: Any) -> Any:
        nonlocal asked
        asked += host == NAME
        if host == NAME and time.now < until:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return ask("127.0.0.1" if host == NAME else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", name_server)
    heard, began, until = Heard(), time.now, time.now + 3_600
    client = Client(
        ForAll(Fixed(lambda: "t")),
        f"http://{NAME}:{port}",
        heard,
        clock=time.clock,
        sleep=time.sleep,
        rng=Random(1),
    )
    assert await client.perform("org", TAG) == Done()
    await client.close()
    assert {result for _, result in heard.results[:-1]} == {"dns"}
    assert heard.results[-1] == ("tag_thread", "done")
    assert time.now - until <= BACK_OFF_S_MAX + 1
    assert len(heard.results) <= FAILURES_TO_OPEN + (time.now - began) / 2, "it is asked ever more seldom"
    assert asked >= len(heard.results) > 100


async def test_a_text_that_is_no_unicode_is_refused_and_not_sent(server: Server, client: Client) -> None:
    answer = await client.perform("org", tag_thread("c", "t", "\ud800"))
    assert isinstance(answer, GivenUp)
    assert server.asked == []


async def test_the_client_shows_no_token(make_client: MakeClient) -> None:
    client = make_client()
    shown = repr(client) + repr(vars(client)) + repr(Call("m", "p", {"tag": "x"}))
    assert "token-1" not in shown
