"""One request for an organization: with its token, to its region, measured.

Promises at most two requests for one try: the second only if the token was refused and a fresh one can be had.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.authorization.tokens import Authorization
from tagger.livechat.calls.answers import Answer, Done, Transient, failed
from tagger.livechat.calls.requests import Call, Purpose
from tagger.livechat.transport import Transport

REGIONS_MAX: Final = 10_000  # organizations whose region is known; the least recently redirected goes first


class Measure(Protocol):
    """Measures requests."""

    def on_request(self, method: str, result: str, seconds: float, purpose: Purpose | None) -> None:
        """Count a request. `result` is "done" or an error type; `purpose` is None for what a person sets up."""


class Requests:
    """The requests of one client."""

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
        self._regions: OrderedDict[str, str] = OrderedDict()  # from misdirected_request, by organization

    async def send(self, organization: str, call: Call, purpose: Purpose | None) -> Answer:
        """One try; raises nothing for what the world does."""
        credential = self._credentials.of(organization)
        if credential is None:
            return failed("no_credentials")
        for is_last in (False, True):
            authorization = await credential.authorization(self._transport.session)
            if isinstance(authorization, Transient):
                return authorization
            answer = await self._post(authorization, organization, call, purpose)
            token_refused = not isinstance(answer, Done) and answer.error_type == "authentication"
            if is_last or not token_refused or not credential.refused(authorization):
                break
        return answer

    async def close(self) -> None:
        """Close credentials and connections."""
        await self._credentials.close()
        await self._transport.close()

    async def _post(
        self, authorization: Authorization, organization: str, call: Call, purpose: Purpose | None
    ) -> Answer:
        headers = {"Authorization": authorization.header, "Content-Type": "application/json"}
        if region := self._regions.get(organization) or authorization.region:
            headers["X-Region"] = region
        started = self._clock()
        answer = await self._transport.post(f"{self._api_url}/{call.path}", headers, call)
        if self._measure is not None:
            result = "done" if isinstance(answer, Done) else answer.error_type
            self._measure.on_request(call.method, result, self._clock() - started, purpose)
        if isinstance(answer, Transient) and answer.region is not None:
            self._regions[organization] = answer.region
            self._regions.move_to_end(organization)
            if len(self._regions) > REGIONS_MAX:
                self._regions.popitem(last=False)
        return answer
