"""What every request passes on its way in and every answer on its way out: access, headers, gzip, pages for errors."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

from ingest.runtime.app_server import recognise
from ingest.runtime.settings import SecretFile
from tagger.web.access import Asked, admit, cookie_of, without_token
from tagger.web.frame import shown
from tagger.web.refusals import Refusal

# Nothing from elsewhere, nothing inline, in nobody's frame.
POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer, forms of ours would send no Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Accept-Encoding, Cookie",
}
ZIPPED_BYTES_MIN: Final = 1_024  # below that gzip saves nothing
COOKIE_S: Final = 30 * 86_400  # then the address with the token is needed again
STRANGER: Final = "Forbidden. Open the whole address that you were given, with its token.\n"
MISDIRECTED: Final = (
    "Use an IP address, localhost, a name without dots, this machine's name, or the one in WEB_HOST.\n"
    "A proxy has to send Authorization: Bearer with the token.\n"
)
FOREIGN: Final = "Forbidden. Another site's page sent this. Open the page itself and send it from there.\n"
# In words for people, by status.
_AGAIN: Final = "Go back to the page and send it from there."
PROBLEMS: Final = {
    400: ("This is not a form of ours", _AGAIN),
    404: ("There is no such page", "The address may be misspelt, or from another version."),
    405: ("This address takes no such request", _AGAIN),
    408: ("The form did not arrive in time", _AGAIN),
    413: ("That is too much text", "The limit is 256 KiB. Try a part of it."),
    415: ("This is not a form of ours", _AGAIN),
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Access:
    """How to tell who may come in."""

    token: SecretFile
    names: frozenset[str]  # of this machine, in lower case
    cookie: str  # its name: browsers send a cookie to all ports of a host


def access_by(token: SecretFile, host: str, port: int) -> Access:
    """Access to the page that listens at this host and port."""
    return Access(token, frozenset({host.lower(), socket.gethostname().lower()}), f"tagger-page-{port}")


ACCESS: Final = web.AppKey("access", Access)


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who brings the token."""
    access, headers = request.config_dict[ACCESS], request.headers
    token = access.token.value()
    asked = Asked(
        request.method,
        request.rel_url.raw_query_string,
        request.cookies.get(access.cookie),
        headers.get("Authorization"),
        headers.get("Host"),
        headers.get("Origin"),
        headers.get("Sec-Fetch-Site"),
    )
    match admit(asked, token, access.names):
        case "stranger":
            return _stranger(request)
        case "misdirected":
            return web.Response(status=421, text=MISDIRECTED)
        case "foreign":
            return web.Response(status=403, text=FOREIGN)
        case "entering":
            return _entered(request, access, token)
        case "allowed":
            recognise(request)
            return await handler(request)


def _stranger(request: web.Request) -> web.Response:
    """The same for every address. A link from another site is opened once more, from here: only then does a browser
    send a cookie that is for this site alone."""
    answer = web.Response(status=403, text=STRANGER)
    if _is_followed_link(request):
        answer.headers["Refresh"] = "0"
    return answer


def _entered(request: web.Request, access: Access, token: str) -> web.Response:
    """The cookie, and the way on without the token. After a link from another site a browser would follow a redirect
    without the cookie, so there a page of ours leads on."""
    target = without_token(request.rel_url.raw_path, request.rel_url.raw_query_string)
    if _is_followed_link(request):
        link = f'<!doctype html><title>livechat-tagger</title><a href="{escape(target)}">Go on</a>\n'
        answer = web.Response(text=link, content_type="text/html", headers={"Refresh": f"0; url={target}"})
    else:
        answer = web.Response(status=303, headers={"Location": target})
    secure = request.headers.get("X-Forwarded-Proto") == "https"
    value = cookie_of(token)
    answer.set_cookie(
        access.cookie, value, max_age=COOKIE_S, httponly=True, samesite="Strict", secure=secure, path="/"
    )
    return answer


def _is_followed_link(request: web.Request) -> bool:
    """Whether a page of another site leads a person here."""
    headers = request.headers
    elsewhere = headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
    return request.method == "GET" and elsewhere and headers.get("Sec-Fetch-Dest") == "document"


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what aiohttp says of a wrong request into a page of ours."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if isinstance(error, Refusal):
            lead, text = error.lead, error.why
        elif error.status in PROBLEMS:
            lead, text = PROBLEMS[error.status]
        else:
            raise
        context = {"title": lead, "text": text}
        answer = shown(request, "problem.html", context, status=error.status)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer


@web.middleware
async def zipped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress what is long. No answer holds a secret beside what others could choose, so it gives nothing away."""
    answer = await handler(request)
    body = answer.body if isinstance(answer, web.Response) else None
    is_long = isinstance(body, bytes) and len(body) >= ZIPPED_BYTES_MIN
    if (
        is_long
        and "Content-Encoding" not in answer.headers
        and "gzip" in request.headers.get("Accept-Encoding", "")
    ):
        answer.enable_compression(web.ContentCoding.gzip)
    return answer


async def sign(_request: web.Request, answer: web.StreamResponse) -> None:
    """Add the headers that every answer has, and name no software."""
    for name, value in HEADERS.items():
        answer.headers[name] = value
    answer.headers.setdefault("Cache-Control", "no-store")  # words of chats stay in no cache
    answer.headers.pop("Server", None)
