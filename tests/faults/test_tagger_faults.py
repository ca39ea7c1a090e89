"""Taggers as processes on a real Kafka: killed, stopped, frozen and joined by others while chats go on."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S
from tests.faults.crowd import Crowd
from tests.faults.truth import Truth
from tests.integration.watch import figures
from tests.kafka.kafka import Kafka
from tests.stage import a_stage

LOOK_EVERY_S: Final = 0.5


async def watch(truth: Truth) -> None:
    """Hold the offsets against the topics, again and again."""
    while True:
        seen = await truth.look()
        assert (seen.untrue, seen.went_back) == ([], [])
        await asyncio.sleep(LOOK_EVERY_S)


async def everything_is_right(stage: Stage, truth: Truth) -> None:
    result = await stage.settled(DEADLINE_S)
    assert (result.missing, result.wrong) == ((), ())
    assert result.set == result.expected > 0
    async with asyncio.timeout(DEADLINE_S):
        while (await truth.look()).lag:
            await asyncio.sleep(LOOK_EVERY_S)
    assert set(truth.decided) == {
        played.thread.id for played in stage.player.played.values() if not played.thread.active
    }


async def replayed(stage: Stage) -> float:
    return (await figures(stage.tagger))["tagger_replayed_records_total"]


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


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "happens",
    [
        two_join_and_one_is_killed,
        all_are_killed_at_once,
        one_is_killed_while_it_rebuilds,
        one_is_frozen_and_goes_on_as_a_zombie,
    ],
    ids=lambda happens: happens.__name__,
)
async def test_whatever_befalls_taggers_no_tag_is_missing_and_no_offset_lies(
    kafka_real: Kafka, unique: str, tmp_path: Path, happens: Happening
) -> None:
    async with (
        a_stage(kafka_real, unique, tmp_path, pause_s=0.3) as stage,
        Truth(stage.bootstrap, stage.names) as truth,
        Crowd(stage) as crowd,
    ):
        watching = asyncio.create_task(watch(truth))
        playing = asyncio.create_task(stage.play(visits(3, 90), 8))
        await asyncio.sleep(2)  # until some chats are open and some have ended
        await happens(crowd)
        await playing
        assert not watching.done() or watching.result() is None
        watching.cancel()
        await asyncio.wait([watching])
        await everything_is_right(stage, truth)


@pytest.mark.timeout(600)
async def test_clean_stops_on_a_busy_log_repeat_no_tag_call_and_read_again_only_what_open_threads_need(
    kafka_real: Kafka, unique: str, tmp_path: Path
) -> None:
    async with (
        a_stage(kafka_real, unique, tmp_path, pause_s=0.2) as stage,
        Truth(stage.bootstrap, stage.names) as truth,
    ):
        stage.livechat.faults.append(Fault(method="tag_thread", delay_s=0.1))  # so that calls are under way
        playing = asyncio.create_task(stage.play(visits(4, 150), 10))
        for _ in range(3):
            await asyncio.sleep(2)
            assert await stage.tagger.stop() == 0
            needed = sum(offset - hint.replay_from for offset, hint in await truth.hints())
            await stage.tagger.start()
            async with asyncio.timeout(DEADLINE_S):
                while await replayed(stage) < needed:
                    await asyncio.sleep(0.1)
            assert await replayed(stage) == needed > 0
        await playing
        await everything_is_right(stage, truth)
        tagged = Counter((call.thread_id, call.tag) for call in stage.livechat.calls if call.tag)
        assert set(tagged.values()) == {1}
        assert not any(call.method == "get_chat" for call in stage.livechat.calls)
        assert set(truth.decided.values()) == {1}
