"""Calls made to find something out: is everything still refused, and is another organization served?

Rare, because requests are billed: a lane in which everything is refused asks once a minute, and for a lane that
fails another organization is asked once a minute if none has traffic.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Answer, Done, Permanent, Transient
from tagger.livechat.calls.requests import Call, list_tags
from tagger.livechat.pacing.giving_up import READS, Evidence, Trial
from tagger.livechat.pacing.lane import Lane, Witness

REFUSED_ASK_S: Final = 60.0  # how often a lane in which everything is refused asks whether it still is
LOOK_S: Final = 1.0  # how often the first of the held calls checks whether it may go or ask
ANOTHER_ASK_S: Final = 60.0  # how often another is asked: 15 times before an organization is taken to be out
OF_THE_TOKEN: Final = frozenset({"authorization", "missing_access"})  # not the witness's own refusals

Ask = Callable[[str, Call], Awaitable[Answer]]  # (organization, call): one try


class Probes:
    """The probes of one client."""

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
        self._turn = 0  # which one is next

    async def hold(self, lane: Lane, method: str) -> None:
        """Hold a refused call until not everything is refused, or until it is its turn to ask by itself."""
        while await self._may_ask(lane, method):
            if not await self._asked(lane, method):
                return
            if not self._evidence.stopped(lane.name, method):
                lane.ask_at = self._clock()  # it pays to ask: the token is right, and these chats are wrong

    async def _may_ask(self, lane: Lane, method: str) -> bool:
        """Transient for this call's turn to ask, in the order of their coming. False: not everything is refused."""
        async with lane.held[method.startswith(READS)]:
            while self._evidence.stopped(lane.name, method):
                now = self._clock()
                if now >= lane.ask_at:
                    lane.ask_at = now + REFUSED_ASK_S
                    return True
                await self._sleep(min(LOOK_S, lane.ask_at - now))
        return False

    async def _asked(self, lane: Lane, method: str) -> bool:
        """Ask with calls that were allowed before. False: none of them can show anything any more."""
        reads = method.startswith(READS)
        while lane.witnesses:
            witness = lane.witnesses[0]
            answer = await self._ask_witness(witness, reads=reads)
            if isinstance(answer, Done | Transient) or answer.error_type in OF_THE_TOKEN:
                return True
            if witness in lane.witnesses:
                lane.witnesses.remove(witness)
        return False

    async def _ask_witness(self, witness: Witness, *, reads: bool) -> Answer:
        """Read the thread; if it is writing that is in question and the tag is still there, set it again."""
        answer = await self._ask(witness.organization, witness.read)
        if reads or not isinstance(answer, Done):
            return answer
        if not witness.stands(answer.value):
            return Permanent("the tag was removed", "not_found")
        return await self._ask(witness.organization, witness.write)

    def ask_another(self, lane: Lane) -> None:
        """If a lane fails and no other has traffic, ask whether LiveChat serves another organization."""
        now = self._clock()
        if now < lane.another_at:
            return
        before, lane.beside = lane.beside, self._evidence.beside(lane.name)
        lane.another_at = now + ANOTHER_ASK_S
        if self._evidence.failing_s(lane.name, now) < ANOTHER_ASK_S or lane.beside != before:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_another(lane))

    async def _ask_another(self, lane: Lane) -> None:
        others = [other for other in self._credentials.organizations() if other != lane.name]
        if not others:
            return
        self._turn, now = (self._turn + 1) % len(others), self._clock()
        in_turn = others[self._turn :] + others[: self._turn]
        other = next((one for one in in_turn if not self._evidence.failing_s(one, now)), in_turn[0])
        answer = await self._ask(other, list_tags())
        if isinstance(answer, Transient):
            self._evidence.failed(other, "list_tags", Trial(), answer, self._clock())
        lane.beside = self._evidence.beside(lane.name)  # our own call is not traffic

    async def close(self) -> None:
        """End a probe under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
