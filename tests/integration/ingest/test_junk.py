"""Junk of eight kinds at full speed: real webhooks are taken all the same. `make soak-junk` says how fast."""

import asyncio
import re
from typing import Final

import aiohttp

from tests.deadline import DEADLINE_S
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import Sender, event
from tests.integration.ingest.strangers import KINDS, Strangers

WEBHOOKS: Final = 100
ANSWERS: Final = 200  # that strangers get meanwhile, at least
GROWTH_BYTES_MAX: Final = 100 << 20  # two seconds of this junk, kept, are more
KINDS_THAT_ARE_ANSWERED: Final = {400, 401, 404, 413}


async def test_real_webhooks_are_taken_beside_forty_strangers_and_memory_does_not_grow(
    process: Process,
) -> None:
    before = process.resident_bytes
    patience = aiohttp.ClientTimeout(total=60)  # on a busy machine; how fast it goes is not asked here
    async with aiohttp.ClientSession(timeout=patience) as session, Strangers(process.port) as strangers:
        sender = Sender(session, process.port)
        while len(sender.statuses) < WEBHOOKS or strangers.answers.total() < ANSWERS:
            await sender.send(event(1, len(sender.statuses)))
        grown = process.resident_bytes - before
        async with session.get(f"http://127.0.0.1:{process.admin_port}/metrics") as page:
            metrics = await page.text()
    assert set(sender.statuses) == {200}
    assert set(strangers.answers) <= KINDS_THAT_ARE_ANSWERED
    assert grown < GROWTH_BYTES_MAX
    assert not re.search(r'ingest_refusals_total\{reason="(busy|error|not_stored)"\} [1-9]', metrics)
    assert {line["reason"] for line in process.log() if line["event"] == "refused"} <= {
        *("no_secret", "secret", "path", "not_http", "body_too_large", "hung_up", "body_slow"),
    }
    assert not [line for line in process.log() if line["level"] == "error"]


async def test_each_kind_of_junk_is_refused_or_cut(process: Process, session: aiohttp.ClientSession) -> None:
    for kind, junk in KINDS.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(junk)
        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await reader.read()
        except ConnectionError:
            answer = b""
        writer.close()
        assert b"HTTP/1.1 2" not in answer, kind
        assert b"HTTP/1.1 5" not in answer, kind
        assert await Sender(session, process.port).send(event(1, 1)) == 200
