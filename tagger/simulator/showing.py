"""An ended chat as a line for people: its tags, and the words that caused them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.text import Text

from tagger.simulator.account import Event, Thread
from tagger.simulator.player import Played

AROUND: Final = 24  # characters shown on each side of a hit
EXCERPTS_MAX: Final = 3  # of one chat, so that a line stays a line


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of what was said, and the part of it that counted."""

    before: str
    hit: str
    after: str


def texts_of(event: Event) -> list[str]:
    """Where a hit in this event may lie: a message's text, a card's titles and buttons, a form's answers."""
    content = event.draft.content
    if "elements" in content:
        cards = content["elements"]
        pieces = [card.get(name, "") for card in cards for name in ("title", "subtitle")]
        return pieces + [button["text"] for card in cards for button in card.get("buttons", ())]
    if "fields" in content:
        return [str(field.get("answer", "")) for field in content["fields"]]
    return [content.get("text", "")]


def excerpt(text: str, start: int, end: int) -> Excerpt:
    """Text around a hit, on one line, cut with an ellipsis."""
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    if start > AROUND:
        before = "…" + before.lstrip()
    if end + AROUND < len(text):
        after = after.rstrip() + "…"
    return Excerpt(_one_line(before), _one_line(text[start:end]), _one_line(after))


def excerpts(thread: Thread, because: Iterable[Mapping[str, Any]]) -> list[Excerpt]:
    """The words a decision names, each place once. It holds positions and no text; the text is ours."""
    events = {event.id: event for event in thread.events}
    found: dict[tuple[str, int], Excerpt] = {}
    for reason in because:
        event, start, end = events.get(reason["event_id"]), reason["start"], reason["end"]
        if event is None or (event.id, start) in found:
            continue
        texts = texts_of(event)
        text = texts[0] if len(texts) == 1 else _said_in(texts, start, end, str(reason["keyword"]))
        if text is not None:
            found[event.id, start] = excerpt(text, start, end)
    return list(found.values())[:EXCERPTS_MAX]


def line(played: Played, tags: Iterable[str], because: Iterable[Mapping[str, Any]]) -> Text:
    """✓ Refund   can I get my [money back]?   — with a cross where the tags are not the expected ones."""
    got = sorted(tags)
    right = frozenset(got) == played.conversation.expected
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("✓ " if right else "✗ ", "green" if right else "bold red")
    text.append(f"{', '.join(got) or 'no tag':<30}", "bold" if got else "dim")
    text.append(f" {played.conversation.language:<9}", "dim")
    for piece in excerpts(played.thread, because):
        text.append(f" {piece.before}")
        text.append(f"[{piece.hit}]", "bold black on yellow")
        text.append(f"{piece.after} ")
    if not right:
        text.append(f" expected: {', '.join(sorted(played.conversation.expected)) or 'no tag'}", "red")
    return text


def _said_in(texts: Iterable[str], start: int, end: int, keyword: str) -> str | None:
    """Which text of a form or card a hit lies in: positions alone do not say, so compare the first letter."""
    first = keyword.strip("*")[:1].casefold()
    return next((text for text in texts if end <= len(text) and text[start].casefold() == first), None)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\u00a0", " ")
