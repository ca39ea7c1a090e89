"""A LiveChat that accepts every call at once, as a process: it costs less than what calls it.

    python -m tests.bench.tagger.livechat PORT

`GET /count` tells how many tags were set; `GET /calls` which since it was asked last, as
`<chat id> <time.monotonic_ns()>` a line.
"""

import asyncio
import sys
import time
from typing import cast

import orjson
import uvloop

from tests.bench.tagger.chats import tags

TAGS = orjson.dumps([{"name": tag, "group_ids": [0]} for tag in tags()])


class Line(asyncio.Protocol):
    """One connection, keep-alive."""

    # Of the process: all lines share them.
    count = 0
    calls: list[str] = []  # noqa: RUF012

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + size:
                return
            body = self._data[end + 4 : end + 4 + size]
            target = self._data.split(b" ", 2)[1]
            self._data = self._data[end + 4 + size :]
            answer = self._answer(target, body)
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(answer), answer)
            )

    def _answer(self, target: bytes, body: bytes) -> bytes:
        if target == b"/count":
            return b"%d" % Line.count
        if target == b"/calls":
            told = "\n".join(self.calls).encode()
            self.calls.clear()
            return told
        if target.endswith(b"/list_tags"):
            return TAGS
        if target.endswith(b"/tag_thread"):
            Line.count += 1
            self.calls.append(f"{orjson.loads(body)['chat_id']} {time.monotonic_ns()}")
        return b"{}"


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
