"""Chats of a file: each line is a chat, or is counted and named."""

from io import BytesIO
from typing import Any

import orjson
import pytest

from tagger.core.review.past_chat import PastChat
from tagger.history import chats_file
from tagger.history.chats_file import FileHistory
from tagger.history.counts import NAMED_MAX, Counts
from tests.webhooks import get_chat, message

MARK = "kanarienvogel"


class Pipe(BytesIO):
    """What cannot be read twice."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError


def chat(thread: str, text: str = "hello", **changed: Any) -> dict[str, Any]:
    said = message(f"{thread}_1", text, created_at="2026-11-01T10:00:05Z")
    return get_chat(thread, events=[said], created_at="2026-11-01T10:00:00Z", **changed)


async def read(content: bytes, **how: Any) -> tuple[list[PastChat], Counts]:
    history = FileHistory(Pipe(content), "chats.ndjson", **how)
    return [past async for past in history.chats()], history.counts


def lines(*values: Any) -> bytes:
    return b"".join((value if isinstance(value, bytes) else orjson.dumps(value)) + b"\n" for value in values)


async def test_a_line_is_a_chat_with_its_words_its_end_and_its_tags() -> None:
    (past,), counts = await read(lines(chat("T", "refund", tags=["Refund"])))
    assert past.thread == ("", "C", "T")
    assert past.conversation is not None
    assert [said.fields for said in past.conversation.said] == [("refund",)]
    assert (past.ended_at_ms, past.tags) == (1_793_527_205_000, frozenset({"Refund"}))
    assert (past.decisions, past.corrections) == ((), ())
    assert (counts.source, counts.chats, counts.cut) == ("chats.ndjson", 1, 0)


FORMS = {
    "lines": lines(chat("A"), chat("B")),
    "no line end": lines(chat("A"), chat("B"))[:-1],
    "empty lines": b"\n  \n" + lines(chat("A"), b"", chat("B"), b""),
    "array": orjson.dumps([chat("A"), chat("B")]),
    "indented array": b"\n" + orjson.dumps([chat("A"), chat("B")], option=orjson.OPT_INDENT_2),
    "one line of both": orjson.dumps([chat("A"), chat("B")]) + b"\n",
    "indented chats": b"\n".join(orjson.dumps(chat(name), option=orjson.OPT_INDENT_2) for name in "AB"),
    "an answer of list_archives": orjson.dumps({"chats": [chat("A"), chat("B")], "found_chats": 2}),
    "answers of list_archives": lines({"chats": [chat("A")]}, {"chats": [chat("B")]}),
    "byte order mark": b"\xef\xbb\xbf" + lines(chat("A"), chat("B")),
    "Windows": lines(chat("A"), chat("B")).replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
async def test_lines_and_arrays_are_read_alike(content: bytes) -> None:
    chats, counts = await read(content)
    assert [past.thread.thread_id for past in chats] == ["A", "B"]
    assert (counts.chats, counts.unreadable) == (2, 0)


async def test_a_single_indented_chat_is_read() -> None:
    chats, _ = await read(orjson.dumps(chat("A"), option=orjson.OPT_INDENT_2))
    assert [past.thread.thread_id for past in chats] == ["A"]


NO_JSON = "it is not valid JSON. Each line has to be one chat."
SAVE = "Save chats as LiveChat's get_chat or list_archives returns them."


async def test_bad_lines_are_named_by_number_and_cost_no_other() -> None:
    bad = lines(b"{" + MARK.encode(), chat("A"), b"[1]", b'"x"', {"id": MARK}, chat("B"), b"\xff", chat("D"))
    chats, counts = await read(bad)
    assert [past.thread.thread_id for past in chats] == ["A", "B", "D"]
    assert counts.unreadable == 5
    assert counts.named == [
        f"chats.ndjson:1: {NO_JSON}",
        f"chats.ndjson:3, chat 1: not a chat: it has no `id`. {SAVE}",
        f"chats.ndjson:4: not a chat: it has no `id`. {SAVE}",
        f"chats.ndjson:5: not a chat: it has no `thread` with an `id`. {SAVE}",
        "chats.ndjson:7: it is not valid UTF-8. Save it as UTF-8.",
    ]
    assert MARK not in "\n".join(counts.notes())


async def test_lines_are_counted_from_the_first_of_the_file_blank_or_not() -> None:
    for content in (lines(b"", chat("A"), b"x"), lines(b"", b"x", chat("A"))):
        _, counts = await read(content)
        where = 3 if content.endswith(b"x\n") else 2
        assert counts.named == [f"chats.ndjson:{where}: {NO_JSON}"]


async def test_in_an_array_what_is_no_chat_is_named_by_its_place() -> None:
    chats, counts = await read(orjson.dumps([1, chat("A"), {}]))
    assert len(chats) == 1
    assert counts.named == [
        f"chats.ndjson, chat {number}: not a chat: it has no `id`. {SAVE}" for number in (1, 3)
    ]


async def test_of_many_bad_lines_the_first_are_named_and_all_counted() -> None:
    _, counts = await read(lines(chat("A"), *[b"x"] * 100))
    assert (counts.unreadable, len(counts.named)) == (100, NAMED_MAX)
    assert list(counts.notes())[-1] == "… and 80 more."


async def test_open_and_withheld_chats_are_counted() -> None:
    chats, counts = await read(
        lines(chat("A"), chat("B", active=True), chat("C", restricted_access="plan"), chat("D"))
    )
    assert [past.thread.thread_id for past in chats] == ["A", "D"]
    assert (counts.open, counts.withheld, counts.unreadable) == (1, 1, 0)


async def test_a_chat_with_an_event_that_cannot_be_read_is_not_whole() -> None:
    events = [message("T_1", "hello"), {"id": "T_2", "type": "message", "text": 7}]
    (past,), counts = await read(lines(get_chat("T", events=events)))
    assert past.conversation is not None
    assert not past.conversation.complete
    assert counts.cut == 1


async def test_chats_that_ended_earlier_are_left_out() -> None:
    chats, counts = await read(lines(chat("A")), since_ms=1_793_527_205_001)
    assert (chats, counts.chats) == ([], 0)


@pytest.mark.parametrize("first", [True, False])
async def test_a_line_beyond_the_limit_is_named_and_the_next_one_is_read(
    monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    monkeypatch.setattr(chats_file, "LINE_BYTES_MAX", 1 << 20)
    monkeypatch.setattr(chats_file, "WHOLE_BYTES_MAX", 1 << 19)
    long = orjson.dumps(chat("L", "x" * (5 << 19)))
    chats, counts = await read(lines(long, chat("A")) if first else lines(chat("A"), long, chat("B")))
    assert [past.thread.thread_id for past in chats] == (["A"] if first else ["A", "B"])
    where = f"chats.ndjson:{1 if first else 2}"
    assert counts.named == [f"{where}: it is longer than 1 MiB. Each line has to be one chat."]


async def test_an_empty_file_has_no_chats() -> None:
    assert (await read(b""))[1].chats == 0
    assert (await read(b"[]"))[0] == []
