"""The only place that sends calls to LiveChat: paced, retried and authorized, for every organization.

Promises that `perform` returns when a call is done or when evidence shows it to be hopeless, however long
that takes, that it raises nothing for what the world does, and that no chat and no organization slows others.
It never shows content or a token, only LiveChat's method names and our own words.
"""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from random import Random, SystemRandom
from typing import Final

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Answer, Done, GivenUp, Permanent, Transient, failed
from tagger.livechat.calls.error_types import ALL, TO_DO, advised
from tagger.livechat.calls.requests import API_URL, Call, Purpose, purpose_of
from tagger.livechat.dispatch import Measure, Requests
from tagger.livechat.pacing.call_queue import Gate, Place, Standing
from tagger.livechat.pacing.circuit import back_off_s
from tagger.livechat.pacing.giving_up import UNAVAILABLE, Evidence, Trial
from tagger.livechat.pacing.lane import Lane, is_limit
from tagger.livechat.pacing.pace import Pace
from tagger.livechat.pacing.work import Work, never
from tagger.livechat.probes import Probes
from tagger.livechat.transport import Connections, Transport

LANES_MAX: Final = 10_000  # about 3 KB each; idle ones are evicted, the least recently used first
REDIRECTS_MAX: Final = 2  # regions may point at each other
ASK_TRIES: Final = 4  # over some seconds: a hiccup is not worth a person's attention, an outage is
FINAL: Final = frozenset({"authentication", "no_credentials", UNAVAILABLE})  # no hiccups: not retried
WITHDRAWN: Final = "withdrawn"  # the error type of a call that is not wanted any more
COMPLAINTS_MAX: Final = 10  # organizations named in one report


class Client:
    """All calls of one process."""

    def __init__(  # noqa: PLR0913 - the clock, the sleep, the chance and the far side are arguments
        self,
        credentials: Credentials,
        api_url: str = API_URL,
        measure: Measure | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Random | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._credentials, self.api_url = credentials, api_url
        self._clock, self._sleep, self._rng = clock, sleep, rng or SystemRandom()
        self._requests = Requests(credentials, api_url, transport or Connections(), clock, measure)
        self._evidence = Evidence()
        self._probes = Probes(credentials, self._evidence, self._probe, clock, sleep)
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._numbers = itertools.count()

    def has_credentials(self, organization: str) -> bool:
        """Whether there are credentials for an organization."""
        return self._credentials.of(organization) is not None

    async def perform(
        self,
        organization: str,
        call: Call,
        *,
        background: bool = False,
        purpose: Purpose | None = None,
        withdrawn: Callable[[], bool] = never,
    ) -> Done | GivenUp:
        """Send until it is done or given up; cancel the task to end it earlier. `background` goes last.

        `withdrawn` is asked before each try; once it returns True the call is given up as WITHDRAWN.
        """
        work = self._work(organization, call, background, purpose)
        work.withdrawn = withdrawn
        lane = self._lane(organization)
        try:
            while True:
                answer = await self._turn(lane, work)
                if isinstance(answer, Done | GivenUp):
                    return answer
                if answer is not None:
                    await self._sleep(answer)
        finally:
            lane.gate.pace.circuit.over(work.chat)

    async def ask(
        self,
        organization: str,
        call: Call,
        *,
        tries: int = ASK_TRIES,
        background: bool = False,
        purpose: Purpose | None = None,
    ) -> Answer:
        """Send at most a few times, for a person who waits for the answer. `background` goes last."""
        answer: Answer = failed(UNAVAILABLE)
        for number in range(1, tries + 1):
            answer = await self._once(self._work(organization, call, background, purpose))
            if not isinstance(answer, Transient) or answer.error_type in FINAL:
                break
            if answer.region is None and number < tries:
                await self._sleep(back_off_s(number, self._rng))
        return answer

    def health(self) -> list[str]:
        """What is wrong now, each with what to do; empty when all is well."""
        complaints = [
            f"LiveChat refuses every call{_of(name)}, so jobs wait; {TO_DO['authorization']}"
            for name in self.refusing()
        ] + [
            f"LiveChat{_of(one.organization)}, for {one.failing_s:.0f} s: {advised(one.lasting)}"
            for one in self.standings()
            if one.lasting
        ]
        if (left := len(complaints) - COMPLAINTS_MAX) > 0:
            complaints[COMPLAINTS_MAX:] = [f"LiveChat: {left} more organizations have trouble"]
        return self._credentials.problems() + complaints

    def standings(self) -> list[Standing]:
        """Every lane that was used recently; at most LANES_MAX."""
        now = self._clock()
        return [lane.standing(now) for lane in self._lanes.values()]

    def refusing(self) -> list[str]:
        """Lanes in which so much is refused that refused calls wait."""
        return self._evidence.parking_stopped()

    async def close(self) -> None:
        """Close the connections. Cancel the tasks that perform calls first."""
        await self._probes.close()
        for lane in self._lanes.values():
            lane.gate.close()
        await self._requests.close()

    def _work(self, organization: str, call: Call, background: bool, purpose: Purpose | None) -> Work:
        place = Place(background, False, next(self._numbers))
        return Work(organization, call, purpose or purpose_of(call), place)

    async def _turn(self, lane: Lane, work: Work) -> Done | GivenUp | float | None:
        """One turn of a call: how it ended, or seconds to wait before the next; None: no wait."""
        now = self._clock()
        if not self.has_credentials(work.organization):
            return _given_up("no_credentials", work.trial)
        if self._evidence.unavailable(lane.name, now) and not lane.gate.pace.may_probe(now):
            return _given_up(UNAVAILABLE, work.trial)
        if not await lane.gate.enter(work.place):
            return _given_up(UNAVAILABLE, work.trial)
        if work.withdrawn():
            lane.gate.pace.left(self._clock())
            lane.gate.wake()
            return GivenUp("it is not wanted any more", WITHDRAWN, work.trial.attempts)
        answer, is_own = await self._in_flight(lane, work)
        if not is_own:
            return None  # the outage is not over
        if isinstance(answer, Done):
            self._evidence.succeeded(lane.name, work.call.method)
            lane.allowed(work.organization, work.call)
            return answer
        if isinstance(answer, Transient) and answer.region is not None and work.redirects < REDIRECTS_MAX:
            work.redirects += 1
            return None
        return await self._failed(lane, work, answer)

    async def _failed(self, lane: Lane, work: Work, answer: Transient | Permanent) -> GivenUp | float | None:
        """Decide on a failed try: given up, or when to try again."""
        method, trial = work.call.method, work.trial
        if isinstance(answer, Permanent) and work.held_as not in {None, answer.error_type}:
            lane.ask_at = self._clock()  # what all were refused for is over: the next one may be good
        work.held_as = None
        is_its_own = not is_limit(answer) or work.alone
        given_up = self._evidence.failed(
            lane.name, method, trial, answer, self._clock(), is_its_own=is_its_own
        )
        if given_up is not None:
            if given_up.error_type == UNAVAILABLE:
                lane.gate.send_away()
            return given_up
        self._probes.ask_another(lane)
        work.place = Place(work.place.background, is_its_own, next(self._numbers), tried=True)
        if isinstance(answer, Permanent) and answer.error_type != "not_found":
            work.held_as = answer.error_type
            await self._probes.hold(lane, method)
            return None
        wait_s = answer.seconds if isinstance(answer, Transient) else None
        return max(trial.back_off_s(answer.error_type, self._rng), wait_s or 0.0)

    async def _once(self, work: Work) -> Answer:
        """One try, without the consequences that it has in `perform`."""
        lane = self._lane(work.organization)
        if not self.has_credentials(work.organization):
            return failed("no_credentials")
        if not await lane.gate.enter(work.place):
            return failed(UNAVAILABLE)
        answer, is_own = await self._in_flight(lane, work)
        if is_own and isinstance(answer, Done):
            self._evidence.succeeded(lane.name, work.call.method)
        return answer

    async def _probe(self, organization: str, call: Call) -> Answer:
        return await self._once(self._work(organization, call, False, "probe"))

    async def _in_flight(self, lane: Lane, work: Work) -> tuple[Answer, bool]:
        """One try of a call that the gate let in; afterwards it is no longer in flight.

        While calls ask if an outage or a block is over, a call that was allowed before goes ahead.
        False: that failed, so it is not over, and this one was not tried.
        """
        pace, sent_at, answer, tried = lane.gate.pace, self._clock(), None, work
        try:
            if lane.witnesses and pace.asks_witness:
                witness = lane.witnesses[0]
                lane.witnesses.rotate(-1)  # in case this one is bad itself
                tried = self._work(witness.organization, witness.read, False, "probe")
                answer = await self._requests.send(tried.organization, tried.call, tried.purpose)
                if isinstance(answer, Transient):
                    return answer, False
                if isinstance(answer, Done):
                    self._evidence.succeeded(lane.name, tried.call.method)
                pace.worked()
                pace.unblocked(self._clock())
                lane.gate.wake()  # this call may hang; others need not wait for it
                lane.went += 1
                lane.tried(again=False, refused=False)
                answer, tried, sent_at = None, work, self._clock()
            answer = await self._requests.send(work.organization, work.call, work.purpose)
            return answer, True
        finally:
            self._landed(lane, tried, answer, sent_at)

    def _landed(self, lane: Lane, work: Work, answer: Answer | None, sent_at: float) -> None:
        """Report to the pace how a call ended; None: it was cancelled."""
        pace, now = lane.gate.pace, self._clock()
        match answer:
            case None:
                pace.left(sent_at)
            case Done():
                pace.succeeded(sent_at, now)
                lane.went += 1
                lane.tried(again=work.went >= 0, refused=False)
            case Transient() if is_limit(answer):
                work.limited(lane, now)
                if work.alone:
                    pace.answered(sent_at)
                else:
                    pace.limited(sent_at, now, answer.seconds, work.chat)
            case Transient(region=None):
                pace.failed(sent_at, now, answer.seconds, work.chat)
            case _:
                pace.answered(sent_at)
        lane.gate.wake()
        if answer is not None:
            lane.troubled(answer.error_type if isinstance(answer, Transient) else None, now)

    def _lane(self, organization: str) -> Lane:
        name = self._credentials.lane(organization)
        lane = self._lanes.get(name)
        if lane is None:
            self._forget_idle()
            lane = self._lanes[name] = Lane(name, Gate(Pace(self._rng), self._clock, self._sleep))
        self._lanes.move_to_end(name)
        return lane

    def _forget_idle(self) -> None:
        while len(self._lanes) >= LANES_MAX:
            idle = next((name for name, lane in self._lanes.items() if lane.gate.idle), None)
            if idle is None:
                return
            del self._lanes[idle]


def _of(organization: str) -> str:
    return f" of organization {organization}" if organization else ""


def _given_up(error_type: str, trial: Trial) -> GivenUp:
    return GivenUp(ALL[error_type].why, error_type, trial.attempts)
