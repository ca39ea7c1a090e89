"""kill -9 at any moment, again and again, and what was done twice because of it."""

import asyncio
import random
from collections.abc import Iterator
from typing import Final, NamedTuple

from tagger.simulator.livechat.server import ApiCall
from tagger.simulator.stage.service import Service
from tests.deadline import DEADLINE_S
from tests.faults.verdict import Problem
from tests.faults.world import World

BETWEEN_S_MAX: Final = 2.0  # from being ready to the next kill
EARLY_SHARE: Final = 0.25  # are killed before they are ready
EARLY_S_MAX: Final = 3.0


class Kill(NamedTuple):
    """One that a tagger suffered. `committed` is by partition what its group had committed by then."""

    at: float  # the simulated LiveChat's clock
    committed: dict[int, int]


class Kills:
    """Kills one process and starts it again."""

    def __init__(self, world: World, service: Service, seed: int | str) -> None:
        self.kills: list[Kill] = []
        self._world, self._service, self._chance = world, service, random.Random(seed)

    async def happen(self, times: int) -> None:
        """So often, at any moment; the last time it may go on."""
        while len(self.kills) < times:
            await asyncio.sleep(self._chance.uniform(0, BETWEEN_S_MAX))
            await self.once()
            if self._chance.random() < EARLY_SHARE and len(self.kills) < times:
                starting = asyncio.create_task(self._service.start(DEADLINE_S))
                await asyncio.sleep(self._chance.uniform(0, EARLY_S_MAX))
                starting.cancel()
                await asyncio.wait([starting])
                await self.once()
            await self._service.start(DEADLINE_S)

    async def once(self) -> None:
        """Only the kill."""
        await self._service.kill()
        is_tagger = self._service in self._world.taggers
        committed = await self._world.truth.committed() if is_tagger else {}
        self.kills.append(Kill(self._world.stage.livechat.clock(), committed))
        self._world.proof.did(f"kill -9 of {self._service.name}")

    def needless(self) -> list[Problem]:
        """Of calls that were made twice, those that no kill excuses: when the process was killed between them, the
        end of their thread was committed, and so both settled and known to be."""
        ends = self._world.truth.ends()
        found = list[Problem]()
        for before, call in self.repeated():
            kills = [kill for kill in self.kills if before.asked_at <= kill.at <= call.at]
            if not any(self._is_open(kill, ends.get(str(call.thread_id), [])) for kill in kills):
                found.append(Problem("-", f"{call.tag} was set again", str(call.thread_id)))
        return found

    def repeated(self) -> Iterator[tuple[ApiCall, ApiCall]]:
        """Each call that set a tag again, and the one before it."""
        last: dict[tuple[str | None, str | None], ApiCall] = {}
        for call in list(self._world.stage.livechat.calls):
            if call.method == "tag_thread":
                if (key := (call.thread_id, call.tag)) in last:
                    yield last[key], call
                last[key] = call

    def most_repeated(self) -> int:
        """Calls that followed one kill and had been made before it."""
        counts = dict.fromkeys((kill.at for kill in self.kills), 0)
        for before, call in self.repeated():
            between = [at for at in counts if before.asked_at <= at <= call.at]
            if between:
                counts[between[-1]] += 1
        return max(counts.values(), default=0)

    @staticmethod
    def _is_open(kill: Kill, ends: list[tuple[int, int]]) -> bool:
        """Whether a thread's end, or one that was sent again, was not committed yet."""
        return any(offset >= kill.committed.get(partition, 0) for partition, offset in ends)
