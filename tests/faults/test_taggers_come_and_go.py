"""What happens: taggers join, are restarted in turn, killed (kill -9), stopped and frozen while chats go on.
What must hold: T C L N M Q; after a stop in order no call is repeated, and only what open threads need is read again.
Measured: by the group's offsets twice a second, the calls that LiveChat got, and how many records are read again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

import pytest

from tagger.kafka.assigned import Assigned
from tagger.simulator.livechat.faults import Fault
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.crowd import Crowd
from tests.faults.world import World
from tests.integration.tagger.scene import Scene, whole_thread
from tests.integration.watch import figures
from tests.kafka.kafka import Kafka

Happening = Callable[[Crowd], Awaitable[object]]


async def two_join_and_one_is_killed(crowd: Crowd) -> None:
    await asyncio.gather(crowd.join(), crowd.join())
    await crowd.kill(crowd.members[1])


async def all_are_killed_at_once(crowd: Crowd) -> None:
    await crowd.join()
    await asyncio.gather(*(crowd.kill(member) for member in crowd.members))


async def one_is_killed_while_it_rebuilds(crowd: Crowd) -> None:
    """Another one joins in the middle of it."""
    for _ in range(3):
        await crowd.kill(crowd.members[0])
    joining = asyncio.create_task(crowd.join())
    await crowd.kill(crowd.members[0])
    await joining


async def one_is_frozen_and_goes_on_as_a_zombie(crowd: Crowd) -> None:
    await crowd.join()
    await crowd.freeze(crowd.members[0])


def long(happens: Happening) -> object:
    return pytest.param(happens, marks=pytest.mark.long)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "happens",
    [
        two_join_and_one_is_killed,
        long(all_are_killed_at_once),
        long(one_is_killed_while_it_rebuilds),
        long(one_is_frozen_and_goes_on_as_a_zombie),
    ],
    ids=lambda happens: happens.__name__,
)
async def test_whatever_befalls_taggers_no_tag_is_missing_and_no_offset_lies(
    world: MakeWorld, happens: Happening
) -> None:
    async with world() as w:
        async with w.chats():
            await w.ended(5)
            await happens(w.crowd)
            w.proof.did(happens.__name__.replace("_", " "))
            await w.tagged(10)
        await w.everything_holds()


@pytest.mark.long
async def test_three_taggers_are_added_rolled_and_killed(world: MakeWorld) -> None:
    async with world(brokers=3) as w:
        async with w.chats():
            await w.tagged(10)
            for _ in range(3):
                await w.crowd.join()
                w.proof.did("a tagger was added")
                await w.tagged(5)
            for member in w.taggers:
                assert await w.crowd.restart(member) == 0
                w.proof.did("a tagger was restarted")
                await w.tagged(5)
            for member in w.taggers[1:]:
                await w.crowd.kill(member)
                w.proof.did("a tagger was killed")
                await w.tagged(5)
        await w.everything_holds()


async def replayed(w: World) -> float:
    return (await figures(w.stage.tagger))["tagger_replayed_records_total"]


@pytest.mark.long
async def test_clean_stops_on_a_busy_log_repeat_no_tag_call_and_read_again_only_what_open_threads_need(
    world: MakeWorld,
) -> None:
    async with world(pause_s=0.2) as w:
        w.stage.livechat.faults.append(Fault(method="tag_thread", delay_s=0.1))  # so that calls are under way
        async with w.chats(10):
            for _ in range(3):
                await w.ended(20)
                await w.stop(w.stage.tagger)
                w.proof.did("the tagger was stopped in order")
                needed = sum(offset - hint.replay_from for offset, hint in await w.truth.hints())
                await w.start(w.stage.tagger)

                async def all_is_read_again(records: int = needed) -> bool:
                    return await replayed(w) >= records

                await until(all_is_read_again)
                assert await replayed(w) == needed > 0
        await w.everything_holds()
        tagged = Counter((call.thread_id, call.tag) for call in w.stage.livechat.calls if call.tag)
        assert set(tagged.values()) == {1}
        assert not any(call.method == "get_chat" for call in w.stage.livechat.calls)
        assert set(w.truth.decided.values()) == {1}


@pytest.fixture
def wide(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 6)
    return Scene(kafka_real, unique, partitions=6)


async def test_members_that_come_and_go_settle_every_end_and_repeat_little(wide: Scene) -> None:
    threads = 120
    async with AsyncExitStack() as stay:
        await stay.enter_async_context(wide.running())
        for first in range(0, threads, 20):
            async with wide.running():  # a second member, for a while
                await wide.write(*[w for n in range(first, first + 20) for w in whole_thread(n)])
                await until(partial(wide.has_settled, first + 10))
        await until(lambda: len(set(wide.settled)) == threads)
        await until(wide.all_committed)
    assert all(job.incomplete is None for job in wide.jobs)  # state came over every rebalance


async def test_state_goes_on_over_a_rebalance_without_a_replay(wide: Scene) -> None:
    async with wide.running() as first:
        await until(lambda: len(first.assigned) == 6 and all(a.ready for a in first.assigned.values()))
        await wide.write(*[webhook for number in range(60) for webhook in whole_thread(number)[:2]])
        await until(lambda: sum(a.state.stats().position for a in first.assigned.values()) == 120)
        async with wide.running() as second:
            await until(lambda: len(second.assigned) == 3 and len(first.assigned) == 3)
            await until(lambda: any(counts(a, "resumed") for a in first.assigned.values()))
            stayed = [a for a in first.assigned.values() if counts(a, "resumed")]
            assert not any(counts(a, "replayed") for a in stayed)


def counts(assigned: Assigned, name: str) -> int:
    return assigned.state.stats().counters.get((name, ""), 0)
