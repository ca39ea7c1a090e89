"""Chats and organizations that fail forever while others are fine, over hours of virtual time."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.calls.answers import Done, GivenUp, Permanent, Transient, failed
from tagger.livechat.calls.requests import Call, get_chat, tag_thread
from tagger.livechat.client import Client
from tagger.livechat.pacing.circuit import BACK_OFF_S_MAX, FAILURES_TO_OPEN
from tagger.livechat.pacing.giving_up import REFUSALS_IN_A_ROW
from tests.simulation.calls.virtual import run
from tests.unit.livechat.tokens import Each

Answer = Callable[[str, Call], Done | Transient | Permanent]  # (token, call)


class Far:
    """LiveChat: answers as a test says after 0.1 s, or not within the time-out of 20 s."""

    session: Any = None

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked = answer, list[str]()

    async def post(self, url: str, headers: dict[str, str], call: Call) -> Done | Transient | Permanent:
        self.asked.append(call.method)
        answer = self.answer(headers["Authorization"], call)
        await asyncio.sleep(20.0 if answer == failed("timeout") else 0.1)
        return answer

    async def close(self) -> None:
        pass


def client_of(far: Far, who: ForAll | None = None) -> Client:
    clock = asyncio.get_running_loop().time
    return Client(who or ForAll(Fixed(lambda: "t")), clock=clock, rng=Random(1), transport=far)


def bad_tags_fail(_: str, call: Call) -> Done | Transient | Permanent:
    return failed("internal") if call.body.get("tag") == "BAD" else Done()


def as_named(_: str, call: Call) -> Done | Transient | Permanent:
    """The name of a tag says how its call is answered; a chat is read as it should be."""
    if call.method == "get_chat":
        return Done({"thread": {"tags": ["GOOD"]}})
    return Done() if call.body["tag"] == "GOOD" else failed(call.body["tag"])


def unread(token: str, call: Call) -> Done | Transient | Permanent:
    """The same, but no chat can be read any more."""
    return failed("internal") if call.method == "get_chat" else as_named(token, call)


async def took(*calls: tuple[float, str], answer: Answer = as_named) -> list[float]:
    """Calls, each for a chat of its own, at these times and for these tags: how long the good ones took."""
    loop, client = asyncio.get_running_loop(), client_of(Far(answer))

    async def one(number: int, at: float, tag: str) -> float:
        await asyncio.sleep(at)
        began = loop.time()
        await client.perform("o", tag_thread(f"c{number}", "t", tag))
        return loop.time() - began

    tasks = [asyncio.create_task(one(number, at, tag)) for number, (at, tag) in enumerate(calls)]
    good = [task for task, (_, tag) in zip(tasks, calls, strict=True) if tag == "GOOD"]
    ended = list(await asyncio.gather(*good))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
    return ended


async def beside(bad: int, good: int, every_s: float, kind: str = "BAD") -> tuple[list[float], list[float]]:
    """So many bad calls at the start and good ones after each other: how long each took."""
    loop, client = asyncio.get_running_loop(), client_of(Far(bad_tags_fail))

    async def one(number: int, tag: str) -> float:
        began = loop.time()
        await client.perform("o", tag_thread(f"c{number}", "t", tag))
        return loop.time() - began

    bad_ones = [asyncio.create_task(one(number, kind)) for number in range(bad)]
    good_ones = []
    for number in range(good):
        good_ones.append(asyncio.create_task(one(bad + number, "GOOD")))
        await asyncio.sleep(every_s)
    virtual_s = await asyncio.gather(*good_ones), await asyncio.gather(*bad_ones)
    await client.close()
    return virtual_s


@pytest.mark.parametrize(("bad", "longest_s"), [(1, 1.0), (6, 1.0), (8, 2.0), (30, 120.0)])
def test_good_chats_pass_beside_chats_that_fail_for_ever_and_these_are_given_up(
    bad: int, longest_s: float
) -> None:
    """One good chat every 10 s for half an hour; all bad ones are there before the first of them.

    Thirty that fail before anything ever succeeded look like an outage, until the first good one had its turn.
    """
    good, given_up = run(beside(bad, 180, 10.0))
    assert sorted(good)[160] < 1.0
    assert max(good) < longest_s
    assert all(600 <= virtual_s < 900 for virtual_s in given_up)


def test_half_of_all_chats_bad_for_ever_hold_up_no_other() -> None:
    async def both() -> tuple[list[float], int]:
        loop, client = asyncio.get_running_loop(), client_of(Far(bad_tags_fail))
        virtual_s: list[float] = []

        async def one(number: int) -> None:
            began = loop.time()
            answer = await client.perform("o", tag_thread(f"c{number}", "t", "BAD" if number % 2 else "GOOD"))
            if isinstance(answer, Done):
                virtual_s.append(loop.time() - began)
            else:
                given_up.append(answer)

        given_up: list[GivenUp] = []
        tasks = []
        for number in range(1_000):
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(2.0)
        bad_before = len(given_up)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        return virtual_s, bad_before

    virtual_s, given_up = run(both())
    assert len(virtual_s) == 500
    assert sorted(virtual_s)[int(0.99 * len(virtual_s))] < 1.0
    assert given_up > 250  # all but those of the last ten minutes and a bit


def test_a_dead_token_is_given_up_though_no_other_organization_has_traffic() -> None:
    """Every minute another one is asked for its tags, and answers; with a single one the call waits indefinitely."""

    async def dead(who: ForAll) -> tuple[Any, list[str]]:
        far = Far(lambda token, _: failed("authentication") if token.endswith("B") else Done([]))
        client = client_of(far, who)
        performing = asyncio.create_task(client.perform("B", tag_thread("c", "t", "x")))
        await asyncio.wait([performing], timeout=3_600)
        answer = performing.result() if performing.done() else None
        performing.cancel()
        await asyncio.gather(performing, return_exceptions=True)
        await client.close()
        return answer, far.asked

    answer, asked = run(dead(Each("A", "B")))
    assert isinstance(answer, GivenUp)
    assert answer.error_type == "organization_unavailable"
    assert 8 <= asked.count("list_tags") <= 17
    answer, asked = run(dead(ForAll(Fixed(lambda: "B"))))
    assert answer is None
    assert "list_tags" not in asked


def test_where_nobody_has_traffic_another_organization_is_asked_once_one_has_failed_for_a_minute() -> None:
    async def first_asked() -> float:
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        began = loop.time()

        def answer(_: str, call: Call) -> Done | Transient | Permanent:
            if call.method != "list_tags":
                return failed("authentication")
            asked.set()
            return Done([])

        client = client_of(Far(answer), Each("A", "B"))
        performing = asyncio.create_task(client.perform("B", tag_thread("c", "t", "x")))
        await asked.wait()
        performing.cancel()
        await asyncio.gather(performing, return_exceptions=True)
        await client.close()
        return loop.time() - began

    assert run(first_asked()) < 60.0 + BACK_OFF_S_MAX + 1.0


def test_chats_that_are_gone_never_stop_the_parking() -> None:
    async def forged() -> list[Any]:
        gone = Permanent("gone", "not_found")
        client = client_of(Far(lambda _, call: gone if call.body.get("tag") == "GONE" else Done()))
        answers = await asyncio.gather(
            *(client.perform("o", tag_thread(f"c{n}", "t", "GONE")) for n in range(300))
        )
        assert client.refusing() == []
        await client.close()
        return answers

    assert {answer.error_type for answer in run(forged())} == {"not_found"}


def test_where_all_is_refused_a_call_that_was_allowed_before_lets_the_parking_go_on() -> None:
    """Three hundred forged chats, and no good one that would show that the token is right."""

    async def forged() -> list[Any]:
        invalid = Permanent("odd", "validation")

        def answer(_: str, call: Call) -> Done | Transient | Permanent:
            if call.method == "get_chat":
                return Done({"thread": {"tags": ["GOOD"]}})
            return invalid if call.body["tag"] == "ODD" else Done()

        client = client_of(Far(answer))
        assert isinstance(await client.perform("o", tag_thread("good", "t", "GOOD")), Done)
        async with asyncio.timeout(3_600):
            answers = await asyncio.gather(
                *(client.perform("o", tag_thread(f"c{n}", "t", "ODD")) for n in range(300))
            )
        await client.close()
        return answers

    assert {answer.error_type for answer in run(forged())} == {"validation"}


@pytest.mark.parametrize("kind", ["not_found", "validation"])
def test_once_a_token_may_write_again_a_good_chat_waits_a_second_for_each_bad_one_held_before_it(
    kind: str,
) -> None:
    """After a minute at most, the first call asks; no witness is left that could."""

    async def held() -> float:
        loop = asyncio.get_running_loop()
        again = loop.time() + 300.0

        def answer(token: str, call: Call) -> Done | Transient | Permanent:
            if loop.time() < again:
                return Permanent("", "authorization")
            return Done() if call.body["tag"] == "GOOD" else Permanent("", kind)

        (good,) = await took(*[(0.0, kind)] * (REFUSALS_IN_A_ROW + 20), (60.0, "GOOD"), answer=answer)
        return 60.0 + good - 300.0

    assert run(held()) < 60.0 + 20 * 1.5


def test_no_call_is_given_up_as_of_an_organization_that_is_out_once_a_witness_of_its_was_read() -> None:
    """One chat cannot be read for over 15 minutes; then so many tags fail that a witness is asked."""

    async def witnessed() -> list[GivenUp]:
        def answer(token: str, call: Call) -> Done | Transient | Permanent:
            bad = call.body.get("tag") == "BAD" or call.body.get("chat_id") == "unread"
            return failed("internal") if bad else as_named(token, call) if call.body else Done([])

        client, ended = client_of(Far(answer), Each("A", "B")), list[GivenUp]()

        async def one(call: Call) -> None:
            answer = await client.perform("A", call)
            assert isinstance(answer, GivenUp)
            ended.append(answer)

        assert isinstance(await client.perform("A", tag_thread("good", "t", "GOOD")), Done)
        tasks = [asyncio.create_task(one(get_chat("unread", "t")))]
        await asyncio.sleep(800.0)
        tasks += [
            asyncio.create_task(one(tag_thread(f"c{number}", "t", "BAD")))
            for number in range(FAILURES_TO_OPEN)
        ]
        await asyncio.sleep(600.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.close()
        return ended

    assert [given_up.error_type for given_up in run(witnessed())] == []


def test_a_call_that_hangs_holds_up_none_that_asks_whether_an_outage_is_over() -> None:
    fail = [(1.5, "internal")] * FAILURES_TO_OPEN
    _, good = run(took((0.0, "GOOD"), (1.0, "timeout"), *fail, (5.0, "GOOD")))
    assert good < 5.0


def test_a_call_that_hangs_once_a_witness_showed_that_the_outage_is_over_is_not_waited_for() -> None:
    calls = [(0.0, "GOOD"), *[(1.0, "internal")] * FAILURES_TO_OPEN, (1.9, "GOOD"), (1.9, "timeout")]
    _, good = run(took(*calls))
    assert good < 5.0


def test_a_good_chat_among_others_that_come_too_fast_for_ever_has_its_turn_though_no_witness_can_be_read() -> (
    None
):
    _, good = run(took((0.0, "GOOD"), *[(1.0, "too_many_requests")] * 8, (60.0, "GOOD"), answer=unread))
    assert good < 20.0


def test_calls_that_come_too_fast_again_and_again_while_others_pass_are_soon_no_limit() -> None:
    """One such call shows it of the others: each by itself would take minutes in a lane that seems limited."""
    good = [(30.0 + 8 * number, "GOOD") for number in range(30)]
    _, *waited = run(took((0.0, "GOOD"), *[(1.0, "too_many_requests")] * 16, *good))
    assert sum(waited) < 90.0
