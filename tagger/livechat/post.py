"""POST one webhook the way LiveChat does: to try an ingest without LiveChat."""

from http import HTTPStatus
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import orjson

TIMEOUT_S: Final = 10.0  # LiveChat's own patience
ACCEPTED: Final = HTTPStatus.OK  # whether another 2xx would do is not documented
SECRET_REFUSED: Final = HTTPStatus.UNAUTHORIZED


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would carry the secret to somebody else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def post(url: str, webhook: dict[str, Any]) -> int | str:
    """The status it was answered with, or the name of what went wrong. Blocks."""
    headers = {"Content-Type": "application/json"}
    request = Request(url, orjson.dumps(webhook), headers, method="POST")  # noqa: S310 - the caller checked it
    try:
        with build_opener(_NoRedirects, ProxyHandler({})).open(request, timeout=TIMEOUT_S) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        return type(error).__name__
