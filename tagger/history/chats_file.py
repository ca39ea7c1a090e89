"""Chats of a file, as `get_chat` and `list_archives` return them.

Promises that every line is either a chat or counted, and named by its number. A file with a chat a line may have any
size; any other, such as a list of chats, is read as a whole.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from typing import BinaryIO, Final

from tagger.core.review.past_chat import PastChat
from tagger.core.threads.chat_file import Document, chats_in, documents, has_chat_a_line
from tagger.history.counts import Counts, Moved, ignored
from tagger.history.ledger import Ledger
from tagger.history.past_chats import past_chat

LINE_BYTES_MAX: Final = 16 << 20  # twice the largest answer of LiveChat that is read
# Of a file that is no chat a line; parsed, it takes about six times as much memory.
WHOLE_BYTES_MAX: Final = 64 << 20
_PAUSE_EVERY: Final = 100  # chats, so that Ctrl-C is heard


class FileHistory:
    """The chats of an open file. It says which tags they have, and nothing about decisions."""

    def __init__(
        self,
        file: BinaryIO,
        name: str,
        *,
        since_ms: int | None = None,
        ledger: Ledger | None = None,
        moved: Moved = ignored,
    ) -> None:
        """`ledger` holds the decisions and corrections to be joined."""
        self.counts = Counts(name, since_ms)
        self._file, self._name, self._ledger, self._moved = file, name, ledger, moved
        self._ahead = deque[bytes]()  # lines that were read already; the last one may go on in the file

    async def chats(self) -> AsyncGenerator[PastChat, None]:
        """Yield the chats, in the order of the file."""
        for number, (where, value, wrong) in enumerate(self._documents(), 1):
            chat, place = None, f"{self._name}{where}"
            if wrong:
                self.counts.name(f"{place}: {wrong}.")
            else:
                chat = past_chat("", value, place, self.counts, self._ledger)
            if chat is not None:
                yield chat
            if number % _PAUSE_EVERY == 0:
                self._moved(number, 0)
                await asyncio.sleep(0)

    def _documents(self) -> Iterator[Document]:
        number, first = 1, self._file.readline(LINE_BYTES_MAX + 1)
        while first and not first.strip():
            number, first = number + 1, self._file.readline(LINE_BYTES_MAX + 1)
        if not has_chat_a_line(first):
            content = first + self._file.read(WHOLE_BYTES_MAX)
            if len(content) < len(first) + WHOLE_BYTES_MAX:
                yield from documents(b"\n" * (number - 1) + content)
                return
            self._ahead = deque(content.splitlines(keepends=True))
            first = self._line()
        while first:
            if len(first) > LINE_BYTES_MAX:
                yield Document(f":{number}", wrong=_TOO_LONG.format(LINE_BYTES_MAX >> 20))
            else:
                yield from chats_in(first, number)
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


_TOO_LONG: Final = "it is longer than {} MiB. Each line has to be one chat"
