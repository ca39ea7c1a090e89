"""Who may come in: requests that bring the token. Pure.

A person opens the address with the token once; from then on a cookie made from it speaks for the browser. A proxy, or
a program, sends `Authorization: Bearer TOKEN`. Whoever brings neither gets one and the same answer, whatever the path.
Values are compared in constant time. Whose page makes a browser send a request is checked after that: Host against
names that a stranger may own (DNS rebinding), the origin of whatever is not a plain look.
"""

import hmac
from collections.abc import Set
from hashlib import sha256
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from ingest.runtime.admin import is_ours

PARAMETER: Final = "token"
QUERY_FIELDS_MAX: Final = 50  # of an address; a screen has ten filters

# in; the answer for strangers; in by the address, so the cookie comes and the token goes; a Host that is not ours;
# sent by a page that is not ours.
Verdict = Literal["allowed", "stranger", "entering", "misdirected", "foreign"]


class Asked(NamedTuple):
    """What a request brings that says who sends it; None: it has no such header."""

    method: str
    query: str  # as it stands in the address
    cookie: str | None
    authorization: str | None
    host: str | None
    origin: str | None
    fetch_site: str | None  # Sec-Fetch-Site: a browser says whose page sends it; no page can forge it


def cookie_of(token: str) -> str:
    """The cookie's value: whoever reads it does not have the token, and a new token voids it."""
    return hmac.new(token.encode(), b"livechat-tagger page", sha256).hexdigest()


def admit(asked: Asked, token: str, names: Set[str]) -> Verdict:
    """Whether a request may come in; `names` are this machine's own, in lower case."""
    looks = asked.method in {"GET", "HEAD"}
    given = token_in(asked.query) if looks else None
    by_header = _same(asked.authorization, f"Bearer {token}")
    by_address, by_cookie = _same(given, token), _same(asked.cookie, cookie_of(token))
    if not (by_header or by_address or by_cookie):
        return "stranger"
    if not by_header and not is_ours(asked.host, set(names)):  # a proxy answers for the names that it serves
        return "misdirected"
    if not looks and not _own_page(asked):
        return "foreign"
    return "entering" if by_address else "allowed"


def _own_page(asked: Asked) -> bool:
    """Whether a request comes from a page of ours, or from no page at all."""
    if asked.fetch_site is not None:
        return asked.fetch_site in {"same-origin", "none"}
    if asked.origin is None:  # no browser: they always send one with a POST
        return True
    return asked.host is not None and urlsplit(asked.origin).netloc.lower() == asked.host.lower()


def _same(given: str | None, wanted: str) -> bool:
    """Compared by their hashes, so that not even the length shows in the time it takes."""
    hashes = (sha256(text.encode("utf-8", "replace")).digest() for text in (given or "", wanted))
    return hmac.compare_digest(*hashes) and given is not None


def token_in(query: str) -> str | None:
    """The token that an address brings."""
    return dict(_fields(query)).get(PARAMETER)


def without_token(path: str, query: str) -> str:
    """The same address, on this server, without the token."""
    left = urlencode([(name, value) for name, value in _fields(query) if name != PARAMETER])
    return "/" + path.lstrip("/\\") + (f"?{left}" if left else "")


def _fields(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        return []
