"""The page over HTTP: access, headers, limits. The application is the real one."""

import gzip
from pathlib import Path

import pytest

from tests.unit.web.page import TOKEN, a_page

EVERYWHERE = [
    "/",
    "/parts/try",
    "/try.json",
    "/chat",
    "/static/x/page.css",
    "/nowhere",
    "/?token=wrong",
    "/%00",
]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS"])
async def test_without_the_token_every_address_gives_the_same_answer(method: str, tmp_path: Path) -> None:
    async with a_page(tmp_path, headers={}) as client:
        answers = set()
        for path in EVERYWHERE:
            answer = await client.request(method, path, data=b"text=refund", allow_redirects=False)
            headers = tuple((name, value) for name, value in answer.headers.items() if name != "Date")
            answers.add((answer.status, headers, await answer.read()))
    ((status, headers, body),) = answers
    assert status == 403
    assert "Server" not in dict(headers)
    assert b"tagger" not in body


async def test_the_address_with_the_token_gives_a_cookie_and_leads_on_without_it(tmp_path: Path) -> None:
    async with a_page(tmp_path, headers={}) as client:
        entered = await client.get(f"/?token={TOKEN}&example=1", allow_redirects=False)
        assert (entered.status, entered.headers["Location"]) == (303, "/?example=1")
        cookie = entered.headers["Set-Cookie"]
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        assert (await client.get("/")).status == 200


async def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_only(tmp_path: Path) -> None:
    async with a_page(tmp_path, headers={"X-Forwarded-Proto": "https"}) as client:
        entered = await client.get(f"/?token={TOKEN}", allow_redirects=False)
    assert "Secure" in entered.headers["Set-Cookie"].split("; ")


LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}


async def test_a_link_from_another_site_is_opened_once_more_from_here(tmp_path: Path) -> None:
    """Only then does a browser send a cookie that is for this site alone."""
    async with a_page(tmp_path, headers=LINK) as client:
        without = await client.get("/nowhere")
        assert (without.status, without.headers["Refresh"]) == (403, "0")
        entered = await client.get(f"/?token={TOKEN}&a=%22%3E")
        assert (entered.status, entered.headers["Refresh"]) == (200, "0; url=/?a=%22%3E")
        assert TOKEN not in await entered.text()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example", "Authorization": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://page.example", "Host": "page.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_a_form_comes_from_a_page_of_ours(headers: dict[str, str], status: int, tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        assert (await client.post("/", data={"text": "refund"}, headers=headers)).status == status


async def test_no_get_changes_or_decides_anything(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        for path in ("/parts/try", "/try.json", "/chat"):
            answer = await client.get(path)
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert (
            "refund"
            not in (await (await client.get("/?text=refund")).text())
            .partition("<main")[2]
            .partition("Or take one")[0]
        )


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/"), ("GET", "/nowhere"), ("GET", "/chat")]
)
async def test_every_answer_is_kept_by_nobody_and_runs_nothing_from_elsewhere(
    method: str, path: str, tmp_path: Path
) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.request(method, path, data={"text": "refund"})
        body = await answer.text()
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'; script-src 'self'"
    )
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    for inline in (" style=", "<style", "<script>", " onclick=", "javascript:", "http://", "https://"):
        assert inline not in body.replace('xmlns="http://www.w3.org/2000/svg"', "")


async def test_style_sheet_and_script_are_kept_under_an_address_with_their_hash(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        page = await (await client.get("/")).text()
        for name, kind in (
            ("page.css", "text/css"),
            ("page.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ):
            path = next(part for part in page.split('"') if part.endswith(name))
            answer = await client.get(path, headers={"Accept-Encoding": "identity"})
            assert (answer.status, answer.content_type) == (200, kind)
            assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
            assert (await client.get(f"/static/000000000000/{name}")).status == 404


async def test_a_browser_that_asks_for_an_icon_gets_ours(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.get("/favicon.ico")
        assert (answer.status, answer.content_type) == (200, "image/svg+xml")


async def test_long_answers_are_compressed_for_those_who_can_read_it(tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        client.session._auto_decompress = False
        zipped = await client.get("/", headers={"Accept-Encoding": "gzip, br"})
        plain = await client.get("/", headers={"Accept-Encoding": "identity"})
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert "Content-Encoding" not in plain.headers
        assert gzip.decompress(await zipped.read()) == await plain.read()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"text=" + b"a" * 1_000_001, "application/x-www-form-urlencoded", 413),
        (b"text=a&" * 30, "application/x-www-form-urlencoded", 400),
        (b'{"text": "a"}', "application/json", 415),
        (b"text=%FF%00", "application/x-www-form-urlencoded", 200),
    ],
)
async def test_a_form_has_limits(body: bytes, kind: str, status: int, tmp_path: Path) -> None:
    async with a_page(tmp_path) as client:
        answer = await client.post("/", data=body, headers={"Content-Type": kind})
        assert answer.status == status
        assert "<main" in await answer.text()
