"""Calls that are made to find something out: is everything refused still, and is another organization served?

Asked as seldom as the question allows, for requests are billed: a lane in which all is refused asks once a minute
as long as it is, and one that fails has another organization asked once a minute where none has traffic.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.requests import Call, Done, Refused, Wait, list_tags
from tagger.livechat.pacing.giving_up import READS, Evidence, Trial
from tagger.livechat.pacing.lane import Lane, Witness

REFUSED_ASK_S: Final = 60.0  # how often a lane in which all is refused asks whether it still is
LOOK_S: Final = 1.0  # how often the first of the calls that are held looks whether it may go or ask
ANOTHER_ASK_S: Final = 60.0  # how often another is asked: 15 times before an organization counts as out
OF_THE_TOKEN: Final = frozenset({"authorization", "missing_access"})  # refusals that a witness takes for all

Ask = Callable[[str, Call], Awaitable[Done | Wait | Refused]]  # (organization, call): tries it once


class Probes:
    """Those of one client."""

    def __init__(
        self,
        credentials: Credentials,
        evidence: Evidence,
        ask: Ask,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._credentials, self._evidence, self._ask = credentials, evidence, ask
        self._clock, self._sleep = clock, sleep
        self._asking: asyncio.Task[None] | None = None  # another organization; one at a time
        self._turn = 0  # whose it is to be asked

    async def hold(self, lane: Lane, method: str) -> None:
        """Hold a refused call until not everything is refused, or until it is its turn to ask by itself."""
        while await self._may_ask(lane, method):
            if not await self._told(lane, method):
                return
            if not self._evidence.stopped(lane.name, method):
                lane.ask_at = self._clock()  # it pays to ask: the token is right, and these chats are wrong

    async def _may_ask(self, lane: Lane, method: str) -> bool:
        """Wait for this call's turn to ask, in the order of their coming. False: not everything is refused."""
        async with lane.held[method.startswith(READS)]:
            while self._evidence.stopped(lane.name, method):
                now = self._clock()
                if now >= lane.ask_at:
                    lane.ask_at = now + REFUSED_ASK_S
                    return True
                await self._sleep(min(LOOK_S, lane.ask_at - now))
        return False

    async def _told(self, lane: Lane, method: str) -> bool:
        """Ask with calls that were allowed before. False: none is left that could tell."""
        reads = method.startswith(READS)
        while lane.witnesses:
            witness = lane.witnesses[0]
            answer = await self._testified(witness, reads=reads)
            if isinstance(answer, Done | Wait) or answer.error_type in OF_THE_TOKEN:
                return True
            if witness in lane.witnesses:
                lane.witnesses.remove(witness)
        return False

    async def _testified(self, witness: Witness, *, reads: bool) -> Done | Wait | Refused:
        """Read the thread; set its tag once more where it stands there, and where that is the question."""
        answer = await self._ask(witness.organization, witness.read)
        if reads or not isinstance(answer, Done):
            return answer
        if not witness.stands(answer.value):
            return Refused("the tag was removed", "not_found")
        return await self._ask(witness.organization, witness.write)

    def ask_another(self, lane: Lane) -> None:
        """Where a lane fails and no other has traffic, ask whether LiveChat serves another organization."""
        now = self._clock()
        if now < lane.another_at:
            return
        before, lane.beside = lane.beside, self._evidence.beside(lane.name)
        lane.another_at = now + ANOTHER_ASK_S
        if self._evidence.failing_s(lane.name, now) < ANOTHER_ASK_S or lane.beside != before:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._asked_another(lane))

    async def _asked_another(self, lane: Lane) -> None:
        others = [other for other in self._credentials.organizations() if other != lane.name]
        if not others:
            return
        self._turn += 1
        in_turn = [others[(self._turn + n) % len(others)] for n in range(len(others))]
        now = self._clock()
        other = next((one for one in in_turn if not self._evidence.failing_s(one, now)), in_turn[0])
        answer = await self._ask(other, list_tags())
        if isinstance(answer, Wait):
            self._evidence.failed(other, "list_tags", Trial(), answer, self._clock())
        lane.beside = self._evidence.beside(lane.name)  # our own question is nobody's traffic

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
