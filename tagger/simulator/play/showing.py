"""An ended chat as a line for people: its tags, and the words that caused them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from rich.text import Text

from tagger.simulator.livechat.account import Event, Thread
from tagger.simulator.play.player import Played

AROUND: Final = 24  # characters shown on each side of a hit
HIT_MAX: Final = 48  # characters of a hit: a canned response is longer
EXCERPTS_MAX: Final = 3  # of one chat, so that a line stays a line

Because = Mapping[str, Any]  # one reason, as the decisions topic holds it


class Piece(NamedTuple):
    """A part of an excerpt."""

    text: str
    counted: bool  # it is what a keyword was found in


def line(played: Played, tags: Iterable[str], because: Iterable[Because]) -> Text:
    """✓ Refund   can I get my [money back]?   — with a cross where the tags are not the expected ones."""
    got, expected = sorted(tags), sorted(played.conversation.expected)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("✓ " if got == expected else "✗ ", "green" if got == expected else "bold red")
    text.append(f"{', '.join(got) or 'no tag':<30}", "bold" if got else "dim")
    text.append(f" {played.conversation.language:<9}", "dim")
    for pieces in excerpts(played.thread, because):
        text.append(" ")
        for piece in pieces:
            text.append(
                f"[{piece.text}]" if piece.counted else piece.text,
                "bold black on yellow" if piece.counted else "",
            )
    if got != expected:
        text.append(f"  expected: {', '.join(expected) or 'no tag'}", "red")
    text.rstrip()
    return text


def excerpts(thread: Thread, because: Iterable[Because]) -> list[list[Piece]]:
    """What was said around the hits that a decision names; it holds positions only, the text is ours."""
    events = {event.id: event for event in thread.events}
    hits: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for reason in because:
        event, start, end = events.get(reason["event_id"]), reason["start"], reason["end"]
        text = said_in(event, start, end, str(reason["keyword"])) if event else None
        if event and text is not None:
            hits.setdefault((event.id, text), []).append((start, end))
    return [excerpt(text, places) for (_, text), places in hits.items()][:EXCERPTS_MAX]


def said_in(event: Event, start: int, end: int, keyword: str) -> str | None:
    """The text that a hit lies in. An event may have several, and the positions alone do not say which."""
    texts, first = texts_of(event), keyword.strip("*")[:1].casefold()
    if len(texts) == 1:
        return texts[0]
    return next((text for text in texts if end <= len(text) and text[start].casefold() == first), None)


def texts_of(event: Event) -> list[str]:
    """Where a hit in this event may lie: a message's text, a card's titles and buttons, a form's answers."""
    content = event.draft.content
    if "elements" in content:
        cards = content["elements"]
        titles = [card.get(name, "") for card in cards for name in ("title", "subtitle")]
        return titles + [button["text"] for card in cards for button in card.get("buttons", ())]
    if "fields" in content:
        return [str(field.get("answer", "")) for field in content["fields"]]
    return [content.get("text", "")]


def excerpt(text: str, hits: Sequence[tuple[int, int]]) -> list[Piece]:
    """The text around all its hits, on one line; what is left out is an ellipsis."""
    text = text.replace("\n", " ").replace("\u00a0", " ")
    places = list(_merged(sorted(hits)))
    pieces = [Piece(_end_of(text[: places[0][0]]), False)]
    for (start, end), (following, _) in pairwise([*places, (len(text), len(text))]):
        pieces.append(Piece(_ends_of(text[start:end], HIT_MAX), True))
        last = following == len(text)
        gap = text[end:following]
        pieces.append(Piece(_beginning_of(gap) if last else _ends_of(gap, 2 * AROUND), False))
    return [piece for piece in pieces if piece.text]


def _merged(hits: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sorted places, those that overlap as one."""
    begun: tuple[int, int] | None = None
    for start, end in hits:
        if begun and start < begun[1]:
            begun = begun[0], max(begun[1], end)
        else:
            if begun:
                yield begun
            begun = start, end
    if begun:
        yield begun


def _end_of(text: str) -> str:
    return text if len(text) <= AROUND else "…" + text[-AROUND:].lstrip()


def _beginning_of(text: str) -> str:
    return text if len(text) <= AROUND else text[:AROUND].rstrip() + "…"


def _ends_of(text: str, characters: int) -> str:
    half = characters // 2
    return text if len(text) <= characters else f"{text[:half].rstrip()}…{text[-half:].lstrip()}"
