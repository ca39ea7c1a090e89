"""Who may come in, as a table."""

import pytest

from tagger.web.access import Asked, Verdict, admit, cookie_of, token_in, without_token

TOKEN = "a-token-of-this-page"
COOKIE = cookie_of(TOKEN)
BEARER = f"Bearer {TOKEN}"
HERE = "127.0.0.1:8083"
NAMES = frozenset({"page.shop.example"})


def asked(
    method: str = "GET",
    query: str = "",
    cookie: str | None = None,
    authorization: str | None = None,
    host: str | None = HERE,
    origin: str | None = None,
    fetch_site: str | None = None,
) -> Asked:
    return Asked(method, query, cookie, authorization, host, origin, fetch_site)


@pytest.mark.parametrize(
    ("request_", "verdict"),
    [
        (asked(), "stranger"),
        (asked(query="token=wrong"), "stranger"),
        (asked(query="token="), "stranger"),
        (asked(query=f"token={TOKEN}x"), "stranger"),
        (asked(cookie="wrong"), "stranger"),
        (asked(cookie=TOKEN), "stranger"),
        (asked(authorization=TOKEN), "stranger"),
        (asked(authorization=f"Basic {TOKEN}"), "stranger"),
        (asked("POST", query=f"token={TOKEN}"), "stranger"),
        (asked(host="evil.example"), "stranger"),
        (asked(query=f"token={TOKEN}"), "entering"),
        (asked("HEAD", query=f"a=b&token={TOKEN}"), "entering"),
        (asked(query=f"token={TOKEN}", host="evil.example"), "misdirected"),
        (asked(cookie=COOKIE), "allowed"),
        (asked(cookie=COOKIE, host="localhost"), "allowed"),
        (asked(cookie=COOKIE, host="page.shop.example:8083"), "allowed"),
        (asked(cookie=COOKIE, host="evil.example"), "misdirected"),
        (asked(authorization=BEARER, host="page.example"), "allowed"),
        (asked("POST", cookie=COOKIE), "allowed"),
        (asked("POST", cookie=COOKIE, fetch_site="same-origin"), "allowed"),
        (asked("POST", cookie=COOKIE, fetch_site="none"), "allowed"),
        (asked("POST", cookie=COOKIE, fetch_site="cross-site"), "foreign"),
        (asked("POST", cookie=COOKIE, fetch_site="same-site"), "foreign"),
        (asked("POST", cookie=COOKIE, origin=f"http://{HERE}"), "allowed"),
        (asked("POST", cookie=COOKIE, origin="http://evil.example"), "foreign"),
        (asked("POST", cookie=COOKIE, origin="http://127.0.0.1:9999"), "foreign"),
        (asked("POST", cookie=COOKIE, origin="null"), "foreign"),
        (asked("POST", authorization=BEARER, origin="https://evil.example", host="page.example"), "foreign"),
        (asked("POST", authorization=BEARER, origin="https://page.example", host="page.example"), "allowed"),
        (asked("DELETE", cookie=COOKIE, fetch_site="cross-site"), "foreign"),
        (asked(cookie=COOKIE, fetch_site="cross-site"), "allowed"),
    ],
)
def test_who_comes_in(request_: Asked, verdict: Verdict) -> None:
    assert admit(request_, TOKEN, NAMES) == verdict


def test_another_token_voids_the_cookie() -> None:
    assert admit(asked(cookie=COOKIE), "another-token-of-it", NAMES) == "stranger"


@pytest.mark.parametrize(
    ("path", "query", "address"),
    [
        ("/", f"token={TOKEN}", "/"),
        ("/chats", f"tag=Refund&token={TOKEN}&page=2", "/chats?tag=Refund&page=2"),
        ("/", "token=a&token=b", "/"),
        ("/", "token=a&q=%C3%A4%26b", "/?q=%C3%A4%26b"),
        ("//evil.example", "token=a", "/evil.example"),
        ("/\\evil.example", "token=a", "/evil.example"),
    ],
)
def test_the_token_leaves_the_address_and_the_address_stays_here(path: str, query: str, address: str) -> None:
    assert without_token(path, query) == address


def test_an_address_with_too_many_fields_brings_no_token() -> None:
    assert token_in("a=1&" * 60 + f"token={TOKEN}") is None
