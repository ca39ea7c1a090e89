"""A decision as people read it, and as programs do.

For people: each message with a caret line under every hit, then what nearly counted and why it did not. The
lines are plain text; what each is about is told beside it, so that a terminal can colour it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple
from unicodedata import category, east_asian_width

from tagger.core.conversation import Conversation, Said
from tagger.core.matching.decide import Because, Decision, Rejected

# Cells of a terminal that a message may take; of a longer line the surroundings of each hit are shown.
WIDTH: Final = 100
AROUND: Final = 40
_JOINER: Final = "\u200d"  # inside an emoji: what follows is drawn into what is before
_SKIN_TONES: Final = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")  # likewise
_NO_CELL: Final = frozenset({"Mn", "Me", "Cf"})

Kind = Literal["title", "said", "hit", "rejected", "note"]


class Line(NamedTuple):
    kind: Kind
    text: str


class _Mark(NamedTuple):
    """A stretch of a text and what is to be said about it."""

    start: int
    end: int
    kind: Kind
    label: str


def as_json(conversation: Conversation, decision: Decision) -> dict[str, Any]:
    """The decision as a JSON-able value. Ids are None where a text and no chat was judged."""
    _, chat_id, thread_id = conversation.thread
    return {
        "chat_id": chat_id or None,
        "thread_id": thread_id or None,
        "tags": list(decision.tags),
        "because": [
            {
                "rule": hit.rule,
                "tag": hit.tag,
                "keyword": hit.keyword,
                "event_id": hit.event_id,
                "start": hit.start,
                "end": hit.end,
            }
            for hit in decision.because
        ],
        "rejected": [
            {
                "rule": no.rule,
                "keyword": no.keyword,
                "event_id": no.event_id,
                "start": no.start,
                "end": no.end,
                "reason": no.reason,
            }
            for no in decision.rejected
        ],
        "config": decision.config,
    }


def as_lines(conversation: Conversation, decision: Decision) -> Iterator[Line]:
    """The decision for people to read."""
    yield Line("title", _title(conversation, decision))
    yield from transcript(conversation.said, [(hit, _hit(hit, decision)) for hit in decision.because])
    if not decision.because and not decision.rejected:
        yield Line("note", "Nothing of what the rules ask for was said.")
    if not conversation.complete:
        yield Line("note", "Not all of the chat could be read, so rules with `none` were not judged.")
    if decision.rejected:
        yield Line("note", "")
        yield Line("note", "Not counted:")
        yield from transcript(conversation.said, _rejected(decision.rejected), only_marked=True)


def transcript(
    said: Sequence[Said], spots: Iterable[tuple[Because | Rejected, str]], *, only_marked: bool = False
) -> Iterator[Line]:
    """What was said and by whom, with a caret line and a label under each spot."""
    marks: dict[tuple[str, int], list[_Mark]] = {}
    for spot, label in spots:
        kind: Kind = "hit" if isinstance(spot, Because) else "rejected"
        marks.setdefault((spot.event_id, spot.field), []).append(_Mark(spot.start, spot.end, kind, label))
    for number, one in enumerate(said, 1):
        head = f"{number:>3} {one.author:<8}  "
        for field, text in enumerate(one.fields):
            found = marks.get((one.event_id, field), [])
            if found or not only_marked:
                yield from _text(head, text, found, only_marked)
                head = " " * len(head)


def _title(conversation: Conversation, decision: Decision) -> str:
    _, chat_id, thread_id = conversation.thread
    whose = f"Chat {chat_id}, thread {thread_id}: " if chat_id else ""
    tags = ", ".join(decision.tags) or "none"
    return f"{whose}tags: {tags}   (config {decision.config})"


def _hit(hit: Because, decision: Decision) -> str:
    dry = "" if hit.tag in decision.tags else " (dry run, not set)"
    return f"{short(hit.keyword)} → {hit.tag}{dry}  [rule {hit.rule}]"


def _rejected(rejected: Iterable[Rejected]) -> Iterator[tuple[Rejected, str]]:
    """What did not count, with labels; of the same in the same text the first, and how many there are."""
    alike: dict[tuple[str, int, str], list[Rejected]] = {}
    for no in rejected:
        label = f"{short(no.keyword)}: {no.reason}  [rule {no.rule}]"
        alike.setdefault((no.event_id, no.field, label), []).append(no)
    for (_, _, label), spots in alike.items():
        yield spots[0], label if len(spots) == 1 else f"{label} (and {len(spots) - 1} more)"


def short(keyword: str) -> str:
    """A keyword, or a canned response, in a label."""
    clean = _clean(" ".join(keyword.split()))
    return clean if cells(clean) <= AROUND else _cut(clean, AROUND)


def _text(head: str, text: str, marks: Sequence[_Mark], only_marked: bool) -> Iterator[Line]:
    """One text, line by line."""
    begin = 0
    for line in text.splitlines(keepends=True) or [""]:
        here = [mark for mark in marks if begin <= mark.start < begin + len(line)]
        if here or not only_marked:
            shifted = [mark._replace(start=mark.start - begin, end=mark.end - begin) for mark in here]
            yield from _line(head, _clean(line.rstrip("\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029")), shifted)
            head = " " * len(head)
        begin += len(line)


def _line(head: str, line: str, marks: Sequence[_Mark]) -> Iterator[Line]:
    if not marks:
        yield Line("said", head + _cut(line, WIDTH))
        return
    whole = cells(line) <= WIDTH
    if whole:
        yield Line("said", head + line)
    for mark in marks:
        before, hit = line[: mark.start], line[mark.start : mark.end]
        if not whole:
            before = before if cells(before) <= AROUND else "…" + before[-AROUND:]
            hit = _cut(hit, WIDTH)
            yield Line("said", head + before + hit + _cut(line[mark.end :], AROUND))
            head = " " * len(head)
        pad = " " * (len(head) + cells(before))
        yield Line(mark.kind, f"{pad}{'^' * max(1, cells(hit))} {mark.label}")


def cells(text: str) -> int:
    """How wide a terminal shows a text: wide letters take two cells, marks and joiners none."""
    if text.isascii():
        return len(text)
    width, joined = 0, False
    for char in text:
        if not joined and category(char) not in _NO_CELL and char not in _SKIN_TONES:
            width += 2 if east_asian_width(char) in "WF" else 1
        joined = char == _JOINER
    return width


def _clean(line: str) -> str:
    """The line with as many characters, none of which moves the cursor or talks to the terminal."""
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() or char == _JOINER else " " if char.isspace() else "\ufffd"
        for char in line
    )


def _cut(text: str, cells_max: int) -> str:
    """The beginning of a text, in so many cells."""
    if cells(text) <= cells_max:
        return text
    kept = text[: cells_max - 1]
    while cells(kept) >= cells_max:
        kept = kept[:-1]
    return kept + "…"
