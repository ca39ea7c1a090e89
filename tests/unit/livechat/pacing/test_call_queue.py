"""The queue before a pace: order, cancellation at the worst moment, and being sent away."""

import asyncio
from functools import partial
from random import Random

import pytest

from tagger.livechat.pacing.call_queue import Gate, Place
from tagger.livechat.pacing.pace import IN_FLIGHT_MAX, Pace
from tests.unit.livechat.server import Time


@pytest.fixture
def gate(time: Time) -> Gate:
    return Gate(Pace(Random(1)), time.clock, time.sleep)


async def full(gate: Gate) -> None:
    for number in range(IN_FLIGHT_MAX):
        assert await gate.enter(Place(False, False, number))


async def entering(gate: Gate, *places: Place) -> list[asyncio.Task[bool]]:
    tasks = [asyncio.create_task(gate.enter(place)) for place in places]
    await asyncio.sleep(0)
    return tasks


def in_order(tasks: list[asyncio.Task[bool]], places: list[Place]) -> list[Place]:
    """A list that grows by the place of each task that ends."""
    order: list[Place] = []

    def ended(place: Place, _: object) -> None:
        order.append(place)

    for task, place in zip(tasks, places, strict=True):
        task.add_done_callback(partial(ended, place))
    return order


def leave(gate: Gate) -> None:
    gate.pace.left(0.0)
    gate.wake()


async def test_who_came_first_goes_first_and_background_goes_last(gate: Gate) -> None:
    await full(gate)
    places = [
        Place(True, False, 100),
        Place(False, False, 103),
        Place(False, False, 101),
        Place(True, False, 99),
    ]
    tasks = await entering(gate, *places)
    order = in_order(tasks, places)
    for _ in places:
        leave(gate)
    assert await asyncio.gather(*tasks) == [True] * 4
    assert order == sorted(places)


async def test_a_caller_cancelled_in_the_moment_of_being_let_in_gives_the_place_back(gate: Gate) -> None:
    await full(gate)
    (task,) = await entering(gate, Place(False, False, 100))
    leave(gate)
    while gate.pace.in_flight < IN_FLIGHT_MAX:  # the usher lets it in; the task has not heard of it yet
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.pace.in_flight == IN_FLIGHT_MAX - 1


async def test_a_caller_cancelled_while_waiting_leaves_nothing_behind(gate: Gate) -> None:
    await full(gate)
    first, second = await entering(gate, Place(False, False, 100), Place(False, False, 101))
    first.cancel()
    leave(gate)
    assert await second
    assert gate.pace.in_flight == IN_FLIGHT_MAX
    for _ in range(IN_FLIGHT_MAX):
        leave(gate)
    assert gate.idle


async def test_all_who_wait_can_be_sent_away(gate: Gate) -> None:
    await full(gate)
    tasks = await entering(gate, *(Place(False, False, number) for number in range(100, 110)))
    gate.send_away()
    assert await asyncio.gather(*tasks) == [False] * 10
    leave(gate)
    assert await gate.enter(Place(False, False, 200))


async def test_half_of_the_probes_of_an_open_circuit_are_the_newest_call(gate: Gate, time: Time) -> None:
    """Two in a row: a witness goes ahead of every other probe, and where it fails the probe itself does not go."""
    await full(gate)
    places = [Place(False, False, 100 + number) for number in range(4)] + [Place(True, False, 200)]
    tasks = await entering(gate, *places)
    order = in_order(tasks, places)
    for number in range(IN_FLIGHT_MAX):
        gate.pace.failed(-1.0, 0.0, None, f"chat {number}")
    assert gate.pace.open
    for number in range(len(places)):
        gate.wake()
        await tasks[[3, 2, 0, 1, 4][number]]
        gate.pace.failed(time.now, time.now, None, "probe")
    assert [place.number for place in order] == [103, 102, 100, 101, 200]


@pytest.mark.parametrize(("tried", "turn"), [(False, 8), (True, 2)])
async def test_the_turn_of_a_call_that_failed_among_others(gate: Gate, tried: bool, turn: int) -> None:
    """Those that come too fast do so again and again: in a slow lane what failed would wait for minutes."""
    await full(gate)
    others = [Place(False, False, 100 + number, tried) for number in range(9)]
    failed, *tasks = await entering(gate, Place(False, True, 200, True), *others)
    for went in range(1, 10):
        leave(gate)
        done, _ = await asyncio.wait([failed, *tasks], return_when=asyncio.FIRST_COMPLETED)
        tasks = [task for task in tasks if task not in done]
        assert failed.done() == (went >= turn)
        if failed.done():
            break
