"""One POST to LiveChat's API and its answer: connections, timeouts, and what their failures mean."""

from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, Protocol

import aiohttp
import orjson

from ingest.runtime.clock import now_ms
from tagger.livechat.calls.answers import ANSWER_BYTES_MAX, Answer, Permanent, failed, read
from tagger.livechat.calls.error_types import ALL
from tagger.livechat.calls.requests import Call

TRY_TIMEOUT_S: Final = 20.0  # LiveChat itself gives up after 15 s, and its `request_timeout` should be seen
CONNECT_TIMEOUT_S: Final = 5.0
DNS_CACHE_S: Final = 5  # for so long a changed address of LiveChat may go unnoticed
CONNECTIONS_MAX: Final = 256  # open to LiveChat, for all lanes: 8 lanes with 32 calls in flight each


class Dated(NamedTuple):
    """When an answer was stamped by LiveChat's clock, and when it was asked for and came by ours; Unix time in ms."""

    date_ms: int
    sent_ms: int
    came_ms: int


class Transport(Protocol):
    """The way to LiveChat."""

    @property
    def session(self) -> aiohttp.ClientSession:
        """Also for requests to the accounts server."""

    async def post(self, url: str, headers: dict[str, str], call: Call) -> Answer:
        """POST a call once; raises nothing for what the world does."""

    async def close(self) -> None:
        """Close all connections."""


class Connections:
    """The connections of one process."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._stamped: tuple[str, int, int] | None = (
            None  # of the last answer: its Date, when it was asked for, and came
        )

    @property
    def dated(self) -> Dated | None:
        """When the last answer was stamped; None: there was none, or it does not say."""
        date, sent_ms, came_ms = self._stamped or ("", 0, 0)
        try:
            return Dated(int(parsedate_to_datetime(date).timestamp() * 1000), sent_ms, came_ms)
        except (ValueError, OverflowError):
            return None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Made at the first call."""
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

    async def post(self, url: str, headers: dict[str, str], call: Call) -> Answer:
        """POST a call once; an answer for every failure."""
        try:
            return await self._post(url, headers, call)
        except aiohttp.ClientConnectorDNSError:
            return failed("dns")
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError):
            return failed("tls")
        except TimeoutError:
            return failed("timeout")
        except (aiohttp.ClientError, OSError):
            return failed("network")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, headers: dict[str, str], call: Call) -> Answer:
        """POST and read; an answer that breaks off is none: what was asked makes no difference the second time."""
        try:
            content = orjson.dumps(call.body)
        except orjson.JSONEncodeError:
            return Permanent(ALL["not_encodable"].why, "not_encodable")
        sent_ms = now_ms()
        async with self.session.post(url, data=content, headers=headers, allow_redirects=False) as response:
            self._stamped = response.headers.get("Date", ""), sent_ms, now_ms()
            body = bytearray()
            async for chunk in response.content.iter_chunked(64 << 10):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    response.close()
                    break
            return read(call, response.status, response.headers, bytes(body))
