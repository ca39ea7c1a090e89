"""`tagger web` as a process: how it starts, what it prints and logs, how it reloads, how it ends."""

import asyncio
import re
import resource
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S, until

RULES: Final = "version: 1\nrules:\n  - {id: refund, tag: Refund, any: [refund]}\n"
TOKEN: Final = "0123456789abcdef-of-ours"
STREAMS: Final = 100  # at the same time, the most that the page takes
STREAMS_BYTES_MAX: Final = 50_000_000  # for all of them


async def begun(folder: Path, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
    (folder / "rules.yaml").write_text(RULES)
    env = environment_for({"TAGGER_CONFIG": str(folder), "WEB_PORT": "0", "LOG_LEVEL": "debug", **settings})
    command = (sys.executable, "-m", "tagger", "web", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    """Exit code, output, log."""
    async with asyncio.timeout(DEADLINE_S):
        output, told = await process.communicate()
    return process.returncode, output.decode(), told.decode()


@asynccontextmanager
async def served(folder: Path, **settings: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The address it prints; afterwards it is ended, whatever happened."""
    process = await begun(folder, **settings)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode()
        yield re.sub(r"^The page: (\S+)\n$", r"\1", line), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_token_is_made_printed_and_opens_the_page_and_is_in_no_log(tmp_path: Path) -> None:
    async with served(tmp_path) as (address, process), aiohttp.ClientSession(cookie_jar=jar()) as session:
        token = address.partition("?token=")[2]
        assert len(token) >= 32
        async with session.get(address) as answer:
            assert (answer.status, answer.url.query_string) == (200, "")
        async with session.post(answer.url, data={"text": "a refund kanarienvogel"}) as tried:
            assert "This chat gets 1 tag" in await tried.text()
        async with session.get(answer.url.with_path(f"/{token}")) as missing:
            assert missing.status == 404
        process.send_signal(signal.SIGTERM)
        code, _, log = await ended(process)
    assert code == 0
    assert token not in log
    assert "kanarienvogel" not in log
    assert '"event":"stopped"' in log


async def test_a_token_that_is_set_is_not_printed_and_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    async with served(tmp_path, WEB_TOKEN_FILE=str(file)) as (address, _), aiohttp.ClientSession() as session:
        assert TOKEN not in address

        async def status(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(address, headers=headers) as answer:
                return answer.status

        assert (await status(TOKEN), await status("x" + TOKEN)) == (200, 403)
        file.write_text("another-" + TOKEN)

        async def follows() -> bool:
            return (await status("another-" + TOKEN), await status(TOKEN)) == (200, 403)

        await until(follows)


async def test_changed_keyword_files_are_in_force_and_a_bad_one_never_is(tmp_path: Path) -> None:
    settings = {"WEB_TOKEN": TOKEN}
    async with served(tmp_path, **settings) as (address, _), aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {TOKEN}"}

        async def page(text: str) -> str:
            async with session.post(address, data={"text": text}, headers=headers) as answer:
                return await answer.text()

        (tmp_path / "rules.yaml").write_text(RULES.replace("[refund]", "[reembolso]"))

        async def is_new() -> bool:
            return "This chat gets 1 tag" in await page("reembolso")

        await until(is_new)
        (tmp_path / "rules.yaml").write_text(RULES.replace("any", "every"))

        async def is_refused() -> bool:
            return re.search(r"rules\.yaml:3:\d+ was refused", await page("reembolso")) is not None

        await until(is_refused)
        assert "This chat gets 1 tag" in await page("reembolso")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"WEB_TOKEN": "too-short"}, "WEB_TOKEN: must have at least 16 characters, without spaces"),
        ({"WEB_TOKEN": "with a space in the middle"}, "WEB_TOKEN: must have at least 16 characters"),
        ({"WEB_PORT": "70000"}, "WEB_PORT: "),
        ({"LIVECHAT_PAT": "a-token-of-ours"}, "LIVECHAT_ACCOUNT_ID: required with LIVECHAT_PAT"),
    ],
)
async def test_wrong_settings_are_told_at_the_start_without_their_secret(
    settings: dict[str, str], told: str, tmp_path: Path
) -> None:
    code, output, log = await ended(await begun(tmp_path, **settings))
    assert (code, output) == (2, "")
    assert told in log
    for secret in ("too-short", "with a space", "a-token-of-ours"):
        assert secret not in log


async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, output, log = await ended(await begun(tmp_path, WEB_PORT=port))
    assert (code, output) == (2, "")
    assert f"Cannot listen on 127.0.0.1:{port} (WEB_HOST, WEB_PORT)" in log


async def test_it_lists_its_settings(tmp_path: Path) -> None:
    code, output, _ = await ended(await begun(tmp_path, "--settings"))
    assert code == 0
    assert "WEB_TOKEN  (default: unset)" in output


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 3_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 60 + b"\r\n",
        b"\x16\x03\x01 not HTTP\r\n\r\n",
    ],
)
async def test_what_is_too_long_or_no_http_is_refused_without_a_name(junk: bytes, tmp_path: Path) -> None:
    async with served(tmp_path, WEB_TOKEN=TOKEN) as (address, _):
        port = int(address.rstrip("/").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(junk)
        async with asyncio.timeout(DEADLINE_S):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"aiohttp" not in answer
    assert b"tagger" not in answer


def jar() -> aiohttp.CookieJar:
    """Keeps cookies of addresses, too."""
    return aiohttp.CookieJar(unsafe=True)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="memory is read in /proc")
async def test_a_hundred_open_windows_cost_less_than_50_mb_and_the_next_is_told_to_wait(
    tmp_path: Path,
) -> None:
    def resident(pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * resource.getpagesize()

    headers = {"Authorization": f"Bearer {TOKEN}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        served(tmp_path, WEB_TOKEN=TOKEN) as (address, process),
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
    ):
        live = f"{address}chats/live"
        held = [await session.get(live)]  # what the first one loads is no cost of each
        assert (await held[0].content.readline()).startswith(b"retry:")
        before = resident(process.pid)
        held += [await session.get(live) for _ in range(STREAMS - 1)]
        assert {answer.status for answer in held} == {200}
        for answer in held[1:]:
            assert (await answer.content.readline()).startswith(b"retry:")
        assert resident(process.pid) - before < STREAMS_BYTES_MAX
        async with session.get(live) as refused:
            assert refused.status == 503
        for answer in held:
            answer.close()
