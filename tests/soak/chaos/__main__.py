"""Up to three taggers on a real Kafka, and everything that can befall them at random moments.

Chats go on all the time, while members of the group are killed, stopped, frozen beyond their session, join and
leave, and the broker is killed. Twice a second the committed offsets are held against the topics: no end below
them may be undecided, and none may go back. Afterwards no tag is missing, none is wrong, nothing is parked and
lag is 0.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tagger.kafka.reader import read_topic
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import Stage
from tests.faults.crowd import Crowd
from tests.faults.truth import Truth
from tests.kafka.broker import Broker, start
from tests.kafka.kafka import Kafka
from tests.soak.main import main
from tests.stage import a_stage

VISITS_PER_S: Final = 4.0
PAUSE_S: Final = 0.5  # between two events of a chat: so some thirty chats are open at any moment
MEMBERS_MAX: Final = 3
LOOK_EVERY_S: Final = 0.5
SETTLED_S: Final = 120.0
HAPPENINGS: Final = {"kill": 4, "restart": 3, "freeze": 2, "join": 3, "leave": 2, "kill the broker": 1}


class Chaos:
    """One run: what happens, and what is seen meanwhile."""

    def __init__(self, stage: Stage, truth: Truth, crowd: Crowd, broker: Broker, seed: int) -> None:
        self.stage, self.truth, self.crowd, self.broker = stage, truth, crowd, broker
        self.chance = random.Random(seed)
        self.happened: Counter[str] = Counter()
        self.problems: list[str] = []
        self.looks, self.lag = 0, 0

    async def watch(self) -> None:
        while True:
            seen = await self.truth.look()
            self.looks, self.lag = self.looks + 1, seen.lag
            self.problems += [f"the end at {place} is committed and not decided" for place in seen.untrue]
            self.problems += [
                f"partition {number} went back from {before} to {now}"
                for number, before, now in seen.went_back
            ]
            await asyncio.sleep(LOOK_EVERY_S)

    async def befall(self, seconds: float) -> None:
        """One thing after the other until the time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(self.chance.uniform(0.5, 5))
            name = self.chance.choices(list(HAPPENINGS), list(HAPPENINGS.values()))[0]
            if await self._happens(name, self.chance.choice(self.crowd.members)):
                self.happened[name] += 1
                print(f"{end - time.monotonic():5.0f} s left: {name}, {len(self.crowd.members)} members")

    async def _happens(self, name: str, member: Service) -> bool:
        crowd = self.crowd
        if name == "join" and len(crowd.members) < MEMBERS_MAX:
            await crowd.join()
        elif name == "leave" and len(crowd.members) > 1:
            await self._clean(crowd.leave(member))
        elif name == "restart":
            await self._clean(crowd.restart(member))
        elif name == "kill":
            await crowd.kill(member)
        elif name == "freeze":
            await crowd.freeze(member)
        elif name == "kill the broker":
            await asyncio.to_thread(self.broker.kill)
            await asyncio.to_thread(self.broker.start_again)
        else:
            return False
        return True

    async def _clean(self, stopping: Awaitable[int | None]) -> None:
        code = await stopping
        if code != 0:
            self.problems.append(f"a tagger that was told to stop ended with {code}")


async def soak(folder: Path, minutes: float = 10.0, seed: int = 1) -> list[str]:
    settings = {"INGEST_SPOOL_DIR": str(folder / "spool")}
    with start() as broker:
        kafka = Kafka(broker.bootstrap)
        async with (
            a_stage(kafka, "chaos", folder, seed=seed, pause_s=PAUSE_S, settings=settings) as stage,
            Truth(stage.bootstrap, stage.names) as truth,
            Crowd(stage) as crowd,
        ):
            chaos = Chaos(stage, truth, crowd, broker, seed)
            watching = asyncio.create_task(chaos.watch())
            playing = asyncio.create_task(
                stage.play(visits(seed, int(minutes * 60 * VISITS_PER_S)), VISITS_PER_S)
            )
            await chaos.befall(minutes * 60)
            await playing
            return await verdict(chaos, watching)


async def verdict(chaos: Chaos, watching: "asyncio.Task[None]") -> list[str]:
    """Everything stops; what must hold then."""
    stage, problems = chaos.stage, chaos.problems
    result = await stage.settled(SETTLED_S)
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            looks = chaos.looks
            while not watching.done() and (chaos.lag or chaos.looks < looks + 2):
                await asyncio.sleep(LOOK_EVERY_S)
    watching.cancel()
    await asyncio.wait([watching])
    if not watching.cancelled() and watching.exception():
        problems.append(f"the watch ended: {watching.exception()!r}")
    problems += [f"tags are missing: {result.missing}"] * bool(result.missing)
    problems += [f"tags are wrong: {result.wrong}"] * bool(result.wrong)
    problems += [f"lag stays at {chaos.lag}"] * bool(chaos.lag)
    parked: list[bytes | None] = []
    await read_topic({"bootstrap_servers": stage.bootstrap}, stage.names.parked, parked.append)
    problems += [f"{len(parked)} items are parked"] * bool(parked)
    calls = Counter((call.thread_id, call.tag) for call in stage.livechat.calls if call.tag)
    print(f"what happened    {', '.join(f'{name} {count}' for name, count in chaos.happened.items())}")
    print(f"looks            {chaos.looks}")
    print(f"chats            {result.chats}, tags {result.set} of {result.expected}")
    print(f"tag calls again  {sum(calls.values()) - len(calls)}")
    print(f"get_chat calls   {sum(call.method == 'get_chat' for call in stage.livechat.calls)}")
    return problems


if __name__ == "__main__":
    main(soak)
