"""Chats in a file, as `get_chat` and `list_archives` return them → one value each. Pure.

The file is what people have: one JSON object a line, one object or several on many lines (as `jq` writes them), a list
of objects, or an answer of `list_archives`. What cannot be read is named with its line, and the rest is read.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ENCODINGS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_COMPRESSED: Final = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_NOTHING: Final = object()
_IS_JSON: Final = re.compile(rb"\s*(?:\{\s*[\"'}]|\[\s*[\[{\]\"])")
_OBJECT: Final = re.compile(r"^\{", re.MULTILINE)
_BLANKS: Final = re.compile(r"[\s,]*")  # and a comma, where the brackets of a list were cut off
_CHAT_KEYS: Final = frozenset({"thread", "chats"})


class Document(NamedTuple):
    """A JSON value that should be a chat; or where there is none, and what is wrong."""

    where: str  # ":12" for a line, ", chat 3" in a list; "" if the file is one chat
    value: Any = None
    wrong: str = ""


def text_of(content: bytes) -> str | Document:
    """The text of a file; or what it is instead."""
    if content.startswith(_COMPRESSED):
        return Document("", wrong="it is compressed. Decompress it first")
    if encoding := _ENCODINGS.get(content[:2]):
        return Document("", wrong=f"it is saved as {encoding}. Save it as UTF-8")
    if 0 in content:
        return Document("", wrong="it is not text. Name a file of chats in JSON, or a transcript")
    try:
        return content.removeprefix(_BYTE_ORDER_MARK).decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Document(f":{line}", wrong="it is not valid UTF-8 here. Save it as UTF-8")


def is_json(content: bytes) -> bool:
    """Whether it looks like JSON rather than like something that people say."""
    return _IS_JSON.match(content.removeprefix(_BYTE_ORDER_MARK)) is not None


def documents(content: bytes) -> Iterator[Document]:
    """The chats of a file, in order. Costs O(bytes)."""
    content = content.removeprefix(_BYTE_ORDER_MARK)
    if (whole := _json(content)) is not _NOTHING:
        yield from _chats("", whole)
        return
    lines = [(at, line, _json(line)) for at, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not any(_is_chat(value) for _, _, value in lines):
        yield from _of_many_lines(content)
        return
    for at, line, value in lines:
        yield from _chats(f":{at}", value) if value is not _NOTHING else _no_json(at, line)


def chats_in(line: bytes, number: int) -> Iterator[Document]:
    """The chats of one line of a file that `has_chat_a_line`; none if it is blank."""
    if line.strip():
        value = _json(line.removeprefix(_BYTE_ORDER_MARK))
        yield from _chats(f":{number}", value) if value is not _NOTHING else _no_json(number, line)


def has_chat_a_line(first: bytes) -> bool:
    """Whether this line, the first of a file that is not blank, is a chat, so that the file can be read by lines."""
    return _is_chat(_json(first.removeprefix(_BYTE_ORDER_MARK)))


def _is_chat(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(_CHAT_KEYS)


def _no_json(number: int, line: bytes) -> Iterator[Document]:
    yield Document(f":{number}", wrong=_what_is_wrong(line))


def _of_many_lines(content: bytes) -> Iterator[Document]:
    """One value after the other, each on any number of lines. After a mistake, the next line that begins with `{`."""
    text = text_of(content)
    if isinstance(text, Document):
        yield text
        return
    decoder, at, line, counted = json.JSONDecoder(), 0, 1, 0
    while blanks := _BLANKS.match(text, at):
        at = blanks.end()
        if at == len(text):
            return
        line, counted = line + text.count("\n", counted, at), at
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits, too
            wrong_at = error.pos if isinstance(error, json.JSONDecodeError) else at
            wrong_line = line + text.count("\n", at, wrong_at)
            yield Document(f":{wrong_line}", wrong="it is not valid JSON here")
            resumed = _OBJECT.search(text, max(wrong_at, at + 1))
            if resumed is None:
                return
            at = resumed.start()
            continue
        value = _json(text[at:end].encode())
        if value is _NOTHING:
            yield Document(f":{line}", wrong=_what_is_wrong(b""))
        else:
            yield from _chats(f":{line}", value)
        at = end


def _chats(where: str, value: Any) -> Iterator[Document]:
    """A value that is a chat; or the chats in a list, or in an answer of `list_archives`."""
    if isinstance(value, dict) and "thread" not in value and isinstance(value.get("chats"), list):
        value = value["chats"]
    if not isinstance(value, list):
        yield Document(where, value)
        return
    for number, each in enumerate(value, 1):
        yield Document(f"{where}, chat {number}", each)


_NOT_A_CHAT: Final = {
    "no chat": "it has no `id`",
    "no thread": "it has no `thread` with an `id`",
    "id too long": "its id is longer than any of LiveChat's",
    "sample": "it is a sample that `tagger webhooks send` makes",
}


def not_a_chat(reason: str) -> str:
    """Why a value is no chat, for people; `reason` as `fact_reader.chat_of` gives it."""
    why = _NOT_A_CHAT.get(reason, reason)
    return f"not a chat: {why}. Save chats as LiveChat's get_chat or list_archives returns them."


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _NOTHING


def _what_is_wrong(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "it is not valid UTF-8. Save it as UTF-8"
    return "it is not valid JSON. Each line has to be one chat"
