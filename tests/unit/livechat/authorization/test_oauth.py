"""OAuth as values: forms, addresses, challenges, and what the accounts server's answers mean."""

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from tagger.livechat.authorization.oauth import (
    EXPIRES_IN_S,
    LOGIN_NEEDED,
    SCOPES_NEEDED,
    Code,
    NoTokens,
    Tokens,
    authorize_url,
    code_challenge,
    exchange_form,
    missing_scopes,
    read_redirect,
    read_tokens,
    refresh_form,
    region_of,
)


def test_the_challenge_is_the_one_of_rfc_7636_appendix_b() -> None:
    challenge = code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_address_to_log_in_at_has_all_that_the_grant_needs() -> None:
    url = authorize_url("https://accounts.livechat.com", "client", "http://127.0.0.1:7777/", "st", "v" * 43)
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://accounts.livechat.com/"
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["http://127.0.0.1:7777/"],
        "state": ["st"],
        "code_challenge": [code_challenge("v" * 43)],
        "code_challenge_method": ["S256"],
    }


@pytest.mark.parametrize(("secret", "has_it"), [("s", True), ("", False)])
def test_an_app_without_a_secret_sends_none(secret: str, has_it: bool) -> None:
    assert ("client_secret" in refresh_form("client", secret, "r")) is has_it
    assert ("client_secret" in exchange_form("client", secret, Code("c"), "http://127.0.0.1/", "v")) is has_it


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("code=dal%3Ax&state=st", Code("dal:x")),
        ("state=st", "the accounts server refused (no known reason)"),
        ("error=access_denied&state=st", "the accounts server refused (access_denied)"),
        ("error=%3Cscript%3E&state=st", "the accounts server refused (no known reason)"),
    ],
)
def test_the_redirect_back_brings_a_code_or_a_reason(query: str, answer: Code | str) -> None:
    came = read_redirect(query, "st")
    assert (came.reason if isinstance(came, NoTokens) else came) == answer


@pytest.mark.parametrize("query", ["code=x", "code=x&state=", "code=x&state=other", ""])
def test_a_redirect_of_another_login_brings_nothing(query: str) -> None:
    came = read_redirect(query, "st")
    assert isinstance(came, NoTokens)
    assert "state" in came.reason


TOKENS = {
    "access_token": "dal:test_YTJQ6GDVgQf8kQDPw",
    "account_id": "b7eff798-f8df-4364-8059-649c35c9ed0c",
    "expires_in": 28800,
    "organization_id": "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex",
    "scope": "chats--all:ro,chats--all:rw",
    "refresh_token": "test_gfalskcakg2347o8326",
    "token_type": "Bearer",
}


def test_an_answer_as_documented_is_read_whole() -> None:
    assert read_tokens(200, orjson.dumps(TOKENS)) == Tokens(
        "dal:test_YTJQ6GDVgQf8kQDPw",
        28800.0,
        "test_gfalskcakg2347o8326",
        "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex",
        frozenset({"chats--all:ro", "chats--all:rw"}),
    )


@pytest.mark.parametrize("expires_in", [None, 0, -1, "soon", True, []])
def test_an_odd_expiry_counts_as_livechats_own(expires_in: object) -> None:
    answer = read_tokens(200, orjson.dumps(TOKENS | {"expires_in": expires_in}))
    assert isinstance(answer, Tokens)
    assert answer.expires_in_s == EXPIRES_IN_S


@pytest.mark.parametrize("name", sorted(LOGIN_NEEDED))
@pytest.mark.parametrize("field", ["error", "oauth_exception", "identity_exception"])
def test_a_refusal_that_nothing_mends_asks_for_a_login(name: str, field: str) -> None:
    answer = read_tokens(400, orjson.dumps({field: name, "error_description": "refresh_token abc not found"}))
    assert answer == NoTokens(f"the accounts server refused ({name})", login_needed=True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"<html>"),
        (503, b""),
        (400, b'{"error": "server_error"}'),
        (400, b'{"error": "temporarily_unavailable"}'),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"null"),
        (200, b'{"access_token": 7}'),
        (200, b'{"access_token": ""}'),
        (200, b'{"access_token": "a\\r\\nX-Evil: 1"}'),
        (200, b'{"access_token": "dal:cut'),
        (302, b""),
    ],
)
def test_any_other_answer_may_be_better_next_time(status: int, body: bytes) -> None:
    answer = read_tokens(status, body)
    assert isinstance(answer, NoTokens)
    assert not answer.login_needed


def test_values_that_hold_a_token_do_not_show_it() -> None:
    shown = repr(read_tokens(200, orjson.dumps(TOKENS))) + repr(Code("secret-code"))
    for secret in (TOKENS["access_token"], TOKENS["refresh_token"], TOKENS["account_id"], "secret-code"):
        assert str(secret) not in shown


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (SCOPES_NEEDED, []),
        ([], list(SCOPES_NEEDED)),
        (["chats--all:ro", *SCOPES_NEEDED[1:]], ["chats--all:rw"]),
        (["chats--access:rw", *SCOPES_NEEDED[1:]], ["chats--all:rw"]),
    ],
)
def test_scopes_that_a_token_lacks_are_named(granted: list[str], missing: list[str]) -> None:
    assert missing_scopes(granted) == missing


@pytest.mark.parametrize("contained", ["tags--all:ro", "tags--access:rw", "tags--my:ro", "tags--all:rw"])
def test_a_wide_scope_contains_the_narrow_ones(contained: str) -> None:
    assert missing_scopes(["tags--all:rw"], [contained]) == []
    assert missing_scopes(["tags--my:ro"], ["tags--all:rw"]) == ["tags--all:rw"]


@pytest.mark.parametrize(
    ("token", "region"), [("fra:x", "fra"), ("dal:x", "dal"), ("x", None), ("fra", None), ("evil\n:x", None)]
)
def test_a_token_may_name_its_region(token: str, region: str | None) -> None:
    assert region_of(token) == region
