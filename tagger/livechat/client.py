"""The only place that sends calls to LiveChat: paced, retried and authorized, for every organization.

Promises that `perform` returns when a call is done or when evidence shows it to be hopeless, however long
that takes, that it raises nothing for what the world does, and that one organization slows no other.
It never shows content or a token: what it reports are LiveChat's method names and our own words.
"""

import asyncio
import itertools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random, SystemRandom
from typing import Final, Protocol

import aiohttp
import orjson

from tagger.livechat.auth import Authorization, Credential
from tagger.livechat.calls import ANSWER_BYTES_MAX, Call, Done, GivenUp, Refused, Wait, failed, read
from tagger.livechat.credentials import Credentials
from tagger.livechat.errors import ALL, TO_DO
from tagger.livechat.evidence import UNAVAILABLE, Evidence, Trial
from tagger.livechat.gate import Gate, Place, Standing
from tagger.livechat.pace import Pace, back_off_s

API_URL: Final = "https://api.livechatinc.com/v3.6"
TRY_TIMEOUT_S: Final = 20.0  # LiveChat itself gives up after 15 s, and its `request_timeout` is to be seen
CONNECT_TIMEOUT_S: Final = 5.0
DNS_CACHE_S: Final = 5  # how long a changed address of LiveChat may go unnoticed
CONNECTIONS_MAX: Final = 256  # open to LiveChat, of all organizations: 8 that fill their 32 calls in flight
LANES_MAX: Final = 10_000  # organizations with a pace of their own; the idle ones go first, about 2 KB each
REDIRECTS_MAX: Final = 2  # regions may point at each other
ASK_TRIES: Final = 4  # over some seconds: a hiccup is not worth a person's attention, an outage is
COMPLAIN_AFTER_S: Final = 30.0  # of failure without a success; shorter ones mend themselves
COMPLAINTS_MAX: Final = 10  # organizations named in one report


class Measure(Protocol):
    """Hears of every request; `result` is "done" or one of the error types of `errors.ALL`."""

    def on_request(self, method: str, result: str, seconds: float) -> None: ...


class _Unmeasured:
    def on_request(self, method: str, result: str, seconds: float) -> None:
        pass


@dataclass(slots=True)
class _Lane:
    """What is kept of one organization between calls."""

    gate: Gate
    region: str | None = None  # as misdirected_request told
    trouble: str | None = None  # error type of the last failure, None after a success
    since: float = 0.0


class Client:
    """All calls of one process. One session, made at the first call."""

    def __init__(  # noqa: PLR0913 - the clock, the sleep and the chance of it are arguments
        self,
        credentials: Credentials,
        api_url: str = API_URL,
        measure: Measure | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: Random | None = None,
    ) -> None:
        self._credentials, self._api_url = credentials, api_url.rstrip("/")
        self._measure = measure or _Unmeasured()
        self._clock, self._sleep, self._rng = clock, sleep, rng or SystemRandom()
        self._evidence = Evidence()
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()
        self._numbers = itertools.count()
        self._session: aiohttp.ClientSession | None = None

    def has_credentials(self, organization: str) -> bool:
        return self._credentials.of(organization) is not None

    async def perform(self, organization: str, call: Call, *, background: bool = False) -> Done | GivenUp:
        """Send until it is done or given up; cancel the task to end it earlier. `background` goes last."""
        lane, trial, redirects = self._lane(organization), Trial(), 0
        place = Place(background, next(self._numbers))
        while True:
            credential = self._credentials.of(organization)
            if credential is None:
                return _given_up("no_credentials", trial)
            now, pace = self._clock(), lane.gate.pace
            hopeless = self._evidence.unavailable(organization, now) and not pace.may_probe(now)
            if hopeless or not await lane.gate.enter(place):
                return _given_up(UNAVAILABLE, trial)
            answer = await self._in_flight(lane, credential, call)
            if isinstance(answer, Done):
                self._evidence.succeeded(organization, call.method)
                return answer
            if isinstance(answer, Wait) and answer.region is not None and redirects < REDIRECTS_MAX:
                lane.region, redirects = answer.region, redirects + 1
                continue
            given_up = self._evidence.failed(organization, call.method, trial, answer, self._clock())
            if given_up is not None:
                if given_up.error_type == UNAVAILABLE:
                    lane.gate.send_away()
                return given_up
            await self._sleep(back_off_s(trial.attempts, self._rng))

    async def ask(
        self, organization: str, call: Call, *, tries: int = ASK_TRIES, background: bool = False
    ) -> Done | Wait | Refused:
        """Send a few times at most, for a person who waits for the answer. `background` goes last."""
        lane, answer = self._lane(organization), None
        for number in range(1, tries + 1):
            credential = self._credentials.of(organization)
            if credential is None:
                return failed("no_credentials")
            if not await lane.gate.enter(Place(background, next(self._numbers))):
                return failed(UNAVAILABLE)
            answer = await self._in_flight(lane, credential, call)
            if not isinstance(answer, Wait) or answer.error_type == "authentication":
                break  # a token that was refused is no hiccup
            if answer.region is not None:
                lane.region = answer.region
            elif number < tries:
                await self._sleep(back_off_s(number, self._rng))
        assert answer is not None, "at least one try"
        return answer

    def health(self) -> list[str]:
        """What is wrong at present, each with what to do; empty when all is well."""
        now = self._clock()
        long = [
            (name, lane)
            for name, lane in self._lanes.items()
            if lane.trouble is not None and now - lane.since >= COMPLAIN_AFTER_S
        ]
        complaints = self._credentials.problems()
        complaints += [_complaint(name, lane, now) for name, lane in long[:COMPLAINTS_MAX]]
        if len(long) > COMPLAINTS_MAX:
            complaints.append(f"LiveChat: {len(long) - COMPLAINTS_MAX} more organizations have trouble")
        complaints += [
            f"LiveChat refuses every call of organization {name}, so work waits; {TO_DO['authorization']}"
            for name in self._evidence.parking_stopped()[:COMPLAINTS_MAX]
        ]
        return complaints

    def standings(self) -> list[Standing]:
        """Every organization that was called of late; at most LANES_MAX."""
        now = self._clock()
        return [
            Standing(
                name,
                lane.gate.pace.rate,
                lane.gate.pace.open,
                lane.gate.pace.in_flight,
                lane.gate.waiting,
                lane.trouble,
                now - lane.since if lane.trouble else 0.0,
            )
            for name, lane in self._lanes.items()
        ]

    def refusing(self) -> list[str]:
        """Organizations in which so much is refused that refused work waits."""
        return self._evidence.parking_stopped()

    async def close(self) -> None:
        """Close the connections. Cancel the tasks that perform calls first."""
        for lane in self._lanes.values():
            lane.gate.close()
        await self._credentials.close()
        if self._session is not None:
            await self._session.close()

    async def _in_flight(self, lane: _Lane, credential: Credential, call: Call) -> Done | Wait | Refused:
        """One try of a call that the gate let in; ends its being in flight in every case."""
        pace, sent_at, answer = lane.gate.pace, self._clock(), None
        try:
            answer = await self._authorized(lane, credential, call)
            return answer
        finally:
            now = self._clock()
            match answer:
                case None:
                    pace.left()
                case Done():
                    pace.succeeded(sent_at)
                case Wait(error_type="too_many_requests" | "pending_requests_limit_reached"):
                    pace.limited(sent_at, now, answer.seconds)
                case Wait(region=None):
                    pace.failed(now, answer.seconds)
                case _:
                    pace.answered()
            lane.gate.ended()
            if isinstance(answer, Wait) and lane.trouble is None:
                lane.since = now
            if answer is not None:
                lane.trouble = answer.error_type if isinstance(answer, Wait) else None

    async def _authorized(self, lane: _Lane, credential: Credential, call: Call) -> Done | Wait | Refused:
        """One try, and at once another where the token was refused and a fresh one is to be had."""
        session = self._opened()
        authorization = await credential.authorization(session)
        if isinstance(authorization, Wait):
            return authorization
        answer = await self._send(session, lane, authorization, call)
        if getattr(answer, "error_type", None) != "authentication" or not credential.refused(authorization):
            return answer
        authorization = await credential.authorization(session)
        if isinstance(authorization, Wait):
            return authorization
        return await self._send(session, lane, authorization, call)

    async def _send(
        self, session: aiohttp.ClientSession, lane: _Lane, authorization: Authorization, call: Call
    ) -> Done | Wait | Refused:
        headers = {"Authorization": authorization.header, "Content-Type": "application/json"}
        if region := lane.region or authorization.region:
            headers["X-Region"] = region
        started = self._clock()
        try:
            answer = await _post(session, f"{self._api_url}/{call.path}", headers, call)
        except aiohttp.ClientConnectorDNSError:
            answer = failed("dns")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            answer = failed("tls")
        except TimeoutError:
            answer = failed("timeout")
        except (aiohttp.ClientError, OSError):
            answer = failed("network")
        result = "done" if isinstance(answer, Done) else answer.error_type
        self._measure.on_request(call.method, result, self._clock() - started)
        return answer

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX, ttl_dns_cache=DNS_CACHE_S, keepalive_timeout=30.0
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TRY_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "livechat-tagger"},
            )
        return self._session

    def _lane(self, organization: str) -> _Lane:
        lane = self._lanes.get(organization)
        if lane is None:
            self._forget_idle()
            lane = self._lanes[organization] = _Lane(Gate(Pace(self._rng), self._clock, self._sleep))
        self._lanes.move_to_end(organization)
        return lane

    def _forget_idle(self) -> None:
        while len(self._lanes) >= LANES_MAX:
            idle = next((name for name, lane in self._lanes.items() if lane.gate.idle), None)
            if idle is None:
                return
            del self._lanes[idle]


async def _post(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], call: Call
) -> Done | Wait | Refused:
    """POST and read. A body that breaks off is read as far as it came: the status may be enough."""
    try:
        content = orjson.dumps(call.body)
    except orjson.JSONEncodeError:
        return Refused(ALL["not_encodable"].why, "not_encodable")
    async with session.post(url, data=content, headers=headers, allow_redirects=False) as response:
        body = bytearray()
        try:
            async for chunk in response.content.iter_chunked(64 << 10):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    response.close()
                    break
        except (aiohttp.ClientError, OSError, TimeoutError):
            if not 200 <= response.status < 300:
                raise
        return read(call, response.status, response.headers, bytes(body))


def _given_up(error_type: str, trial: Trial) -> GivenUp:
    return GivenUp(ALL[error_type].why, error_type, trial.attempts)


def _complaint(organization: str, lane: _Lane, now: float) -> str:
    error_type = lane.trouble or ""
    seconds = f"{now - lane.since:.0f} s"
    to_do = TO_DO.get(error_type, "nothing is lost, calls are tried again")
    return (
        f"LiveChat, organization {organization or 'unnamed'}: {ALL[error_type].why}, for {seconds}; {to_do}"
    )
