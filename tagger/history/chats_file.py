"""Chats of a file, as `get_chat` returns them: one JSON object a line, or a JSON array, or a single indented chat.

Promises that every line is either a chat or counted, and named by its number. A file with a chat a line may have any
size; an array is parsed at once.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import Any, BinaryIO, Final

import orjson

from tagger.core.review.past_chat import PastChat
from tagger.history.counts import Counts, Moved, ignored
from tagger.history.past_chats import past_chat

LINE_BYTES_MAX: Final = 16 << 20  # twice the largest answer of LiveChat that is read
# An array, or one indented chat; parsed, it takes about six times as much memory.
WHOLE_BYTES_MAX: Final = 64 << 20
_PAUSE_EVERY: Final = 100  # chats, so that Ctrl-C is heard


class FileHistory:
    """The chats of an open file. It says which tags they have, and nothing about decisions."""

    def __init__(
        self, file: BinaryIO, name: str, *, since_ms: int | None = None, moved: Moved = ignored
    ) -> None:
        self.counts = Counts(name, since_ms)
        self._file, self._name, self._moved = file, name, moved
        self._ahead = deque[bytes]()  # lines that were read already; the last one may go on in the file

    async def chats(self) -> AsyncGenerator[PastChat, None]:
        """Yield the chats, in the order of the file."""
        for number, (where, value) in enumerate(self._values(), 1):
            chat = None
            if isinstance(value, str):
                self.counts.name(f"{where}: {value}")
            else:
                chat = past_chat("", value, where, self.counts)
            if chat is not None:
                yield chat
            if number % _PAUSE_EVERY == 0:
                self._moved(number, 0)
                await asyncio.sleep(0)

    def _values(self) -> Iterator[tuple[str, Any]]:
        """Yield where each value stands, and what it is: a JSON object, or why it is not one, in words."""
        number, first = 0, b""
        while not first.strip() and (line := self._file.readline(LINE_BYTES_MAX + 1)):
            number, first = number + 1, line
        if first.strip() and _object(first) is None:
            content = first + self._file.read(WHOLE_BYTES_MAX)
            if whole := self._whole(content):
                yield from whole
                return
            self._ahead = deque(content.splitlines(keepends=True))
            first = self._line()
        while first:
            if first.strip():
                yield f"{self._name}:{number}", self._of_line(first)
            number, first = number + 1, self._line()

    def _line(self) -> bytes:
        """Return the next line; of one that is too long, as much as shows that it is."""
        line = self._ahead.popleft() if self._ahead else b""
        if not self._ahead and not line.endswith(b"\n"):
            line += self._file.readline(LINE_BYTES_MAX + 1)
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = self._file.readline(LINE_BYTES_MAX + 1)
        return line

    @staticmethod
    def _of_line(line: bytes) -> Any:
        if len(line) > LINE_BYTES_MAX:
            return f"longer than {LINE_BYTES_MAX >> 20} MiB"
        value = _object(line)
        return "not a JSON object on one line" if value is None else value

    def _whole(self, content: bytes) -> list[tuple[str, Any]] | None:
        """Return the chats of an array, or a single one; None: it is neither, so it is read line by line."""
        try:
            value = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
        if isinstance(value, dict):
            return [(self._name, value)]
        if not isinstance(value, list):
            return None
        return [
            (f"{self._name}, chat {number}", chat if isinstance(chat, dict) else "not a JSON object")
            for number, chat in enumerate(value, 1)
        ]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
