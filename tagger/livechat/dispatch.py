"""One request for an organization: with its token, to its region, measured.

Promises at most two requests for one try: a second one where the token was refused and a fresh one is to be had.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.authorization.tokens import Authorization
from tagger.livechat.calls.requests import Call, Done, Purpose, Refused, Wait, failed
from tagger.livechat.transport import Transport

REGIONS_MAX: Final = 10_000  # organizations whose region is known; the one not called for longest goes first


class Measure(Protocol):
    """Hears of every request; `result` is "done" or one of the error types of `errors.ALL`.

    `purpose` is None for what a person sets up.
    """

    def on_request(self, method: str, result: str, seconds: float, purpose: Purpose | None) -> None: ...


class Requests:
    """Those of one client."""

    def __init__(
        self,
        credentials: Credentials,
        api_url: str,
        transport: Transport,
        clock: Callable[[], float],
        measure: Measure | None,
    ) -> None:
        self._credentials, self._api_url, self._transport = credentials, api_url.rstrip("/"), transport
        self._clock, self._measure = clock, measure
        self._regions: OrderedDict[str, str] = OrderedDict()  # as misdirected_request told

    async def send(self, organization: str, call: Call, purpose: Purpose | None) -> Done | Wait | Refused:
        """One try; raises nothing for what the world does."""
        credential = self._credentials.of(organization)
        if credential is None:
            return failed("no_credentials")
        authorization = await credential.authorization(self._transport.session)
        if isinstance(authorization, Wait):
            return authorization
        answer = await self._post(authorization, organization, call, purpose)
        if getattr(answer, "error_type", None) != "authentication" or not credential.refused(authorization):
            return answer
        authorization = await credential.authorization(self._transport.session)
        if isinstance(authorization, Wait):
            return authorization
        return await self._post(authorization, organization, call, purpose)

    async def close(self) -> None:
        await self._credentials.close()
        await self._transport.close()

    async def _post(
        self, authorization: Authorization, organization: str, call: Call, purpose: Purpose | None
    ) -> Done | Wait | Refused:
        headers = {"Authorization": authorization.header, "Content-Type": "application/json"}
        if region := self._regions.get(organization) or authorization.region:
            headers["X-Region"] = region
        started = self._clock()
        answer = await self._transport.post(f"{self._api_url}/{call.path}", headers, call)
        if self._measure is not None:
            result = "done" if isinstance(answer, Done) else answer.error_type
            self._measure.on_request(call.method, result, self._clock() - started, purpose)
        if isinstance(answer, Wait) and answer.region is not None:
            self._regions[organization] = answer.region
            self._regions.move_to_end(organization)
            if len(self._regions) > REGIONS_MAX:
                self._regions.popitem(last=False)
        return answer
