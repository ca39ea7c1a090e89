"""Strangers who send junk as fast as it is taken: eight kinds, none with the secret.

    python -m tests.integration.ingest.strangers PORT SECONDS [--connections 40]

Prints what they were answered, by status, as one JSON object.
"""

import argparse
import asyncio
import itertools
import re
import socket
import struct
import sys
from collections import Counter
from contextlib import suppress
from typing import Final

import orjson
import uvloop

from tests.integration.ingest.sender import event

BODY_BYTES: Final = 256 * 1024
STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
HEAD: Final = b"POST /webhooks/livechat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED: Final = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def filled(piece: bytes, start: bytes = b"", end: bytes = b"") -> bytes:
    """A request with a body as large as one may be."""
    body = start + piece * ((BODY_BYTES - len(start) - len(end)) // len(piece)) + end
    return HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


NEARLY: Final = event(1, 1, secret_key="wrong", note="x" * (BODY_BYTES - 500))
KINDS: Final = {
    "blanks": filled(b" "),
    "lists": filled(b"[],", b"[", b"1]"),
    "wrong secrets": filled(b'"secret_key":"' + b"x" * 1_500 + b'",', b"{", b'"x":1}'),
    "nearly right": HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(NEARLY), NEARLY),
    "small chunks": CHUNKED + b"1\r\n{\r\n" * 40_000,
    "endless body": HEAD + b"Content-Length: 999999999999\r\n\r\n" + b"x" * BODY_BYTES,
    "other paths": b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000,
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
}


class Strangers:
    """`answers` counts what they were answered, by status."""

    def __init__(self, port: int, connections: int = 40) -> None:
        self.answers: Counter[int] = Counter()
        self._port, self._tasks = port, list[asyncio.Task[None]]()
        self._kinds = list(itertools.islice(itertools.cycle(KINDS.values()), connections))

    async def __aenter__(self) -> "Strangers":
        self._tasks = [asyncio.create_task(self._send_forever(junk)) for junk in self._kinds]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends

    async def _send_forever(self, junk: bytes) -> None:
        for number in itertools.count():
            with suppress(OSError):
                await self._send_until_closed(junk, reset=number % 2 == 1)

    async def _send_until_closed(self, junk: bytes, *, reset: bool) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as sender:
            sender.setblocking(False)
            await loop.sock_connect(sender, ("127.0.0.1", self._port))
            both = [asyncio.create_task(self._count(sender)), asyncio.create_task(self._flood(sender, junk))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in both:
                    task.cancel()
                await asyncio.gather(*both, return_exceptions=True)
            if reset:  # closes with RST
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _flood(self, sender: socket.socket, junk: bytes) -> None:
        while True:
            await asyncio.get_running_loop().sock_sendall(sender, junk)

    async def _count(self, sender: socket.socket) -> None:
        while part := await asyncio.get_running_loop().sock_recv(sender, 65_536):
            self.answers.update(int(status) for status in STATUS.findall(part))


async def _run(port: int, seconds: float, connections: int) -> Counter[int]:
    async with Strangers(port, connections) as strangers:
        await asyncio.sleep(seconds)
    return strangers.answers


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("port", type=int)
    options.add_argument("seconds", type=float)
    options.add_argument("--connections", type=int, default=40)
    chosen = options.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(_run(chosen.port, chosen.seconds, chosen.connections))
    sys.stdout.buffer.write(orjson.dumps(dict(answers), option=orjson.OPT_NON_STR_KEYS))


if __name__ == "__main__":
    main()
