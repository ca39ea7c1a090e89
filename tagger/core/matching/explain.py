"""A decision for programs, and for people the texts of a chat with their matches marked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from tagger.core.conversation import Author, Conversation, Said
from tagger.core.matching.decide import Decision, NearMiss, Reason
from tagger.core.matching.why_not import worded
from tagger.core.rules.places import Places

LABEL_CHARS_MAX: Final = 40  # of a keyword or canned response in a label

Labelled = tuple[Reason | NearMiss, str]  # and its label


class Mark(NamedTuple):
    """Part of a text, in code points, and its label."""

    start: int
    end: int
    counted: bool
    label: str


class Passage(NamedTuple):
    """One text that was said: a message, or a field of one."""

    number: int  # of the event, from 1
    author: Author
    text: str
    marks: tuple[Mark, ...]


def as_json(conversation: Conversation, decision: Decision) -> dict[str, Any]:
    """The decision as a JSON-able value. Ids are None for a bare text."""
    _, chat_id, thread_id = conversation.thread
    return {
        "chat_id": chat_id or None,
        "thread_id": thread_id or None,
        "tags": list(decision.tags),
        "because": [_named(reason, "rule", "tag", *_PLACE) for reason in decision.because],
        "rejected": [
            _named(no, "rule", *_PLACE) | {"reason": no.why_not.kind} for no in decision.near_misses
        ],
        "config": decision.config,
    }


_PLACE: Final = ("keyword", "event_id", "start", "end")


def _named(found: Reason | NearMiss, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names}


def passages(said: Sequence[Said], labelled: Iterable[Labelled]) -> Iterator[Passage]:
    """What was said, by whom, with the marks in it."""
    marks: dict[tuple[str, int], list[Mark]] = {}
    for found, label in labelled:
        mark = Mark(found.start, found.end, isinstance(found, Reason), label)
        marks.setdefault((found.event_id, found.field), []).append(mark)
    for number, one in enumerate(said, 1):
        for field, text in enumerate(one.fields):
            yield Passage(number, one.author, text, tuple(marks.get((one.event_id, field), ())))


def counted(decision: Decision, places: Places) -> Iterator[Labelled]:
    """What made rules hold."""
    for reason in decision.because:
        dry = "" if reason.tag in decision.tags else " (dry run, not set)"
        yield reason, f"{short(reason.keyword)} → {reason.tag}{dry}  {_where(reason, places)}"


def not_counted(decision: Decision, places: Places) -> Iterator[Labelled]:
    """What did not count. Of equal ones in one text the first, and how many there are."""
    alike: dict[tuple[str, int, str], list[NearMiss]] = {}
    for no in decision.near_misses:
        label = f"{short(no.keyword)}: {worded(no.why_not)}  {_where(no, places)}"
        alike.setdefault((no.event_id, no.field, label), []).append(no)
    for (_, _, label), labelled in alike.items():
        yield labelled[0], label if len(labelled) == 1 else f"{label} (and {len(labelled) - 1} more)"


def _where(found: Reason | NearMiss, places: Places) -> str:
    """The rule, and file and line of the keyword if they are known."""
    at = places.get((found.rule, found.keyword))
    return f"[rule {found.rule}, {at.file.rpartition('/')[2]}:{at.line}]" if at else f"[rule {found.rule}]"


def short(keyword: str) -> str:
    """A keyword, or a canned response, in a label."""
    text = " ".join(keyword.split())
    return text if len(text) <= LABEL_CHARS_MAX else text[: LABEL_CHARS_MAX - 1] + "…"
