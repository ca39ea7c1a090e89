"""A line for an ended chat: its tags, and the words that called for them. Pure."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from rich.text import Text

from tagger.simulator.livechat.account import Event, Thread
from tagger.simulator.play.player import Played

AROUND: Final = 24  # characters shown on each side of a match, and at each end of a long one
EXCERPTS_MAX: Final = 3  # of one chat, so that it fits on a line

Reason = Mapping[str, Any]  # as in the topic of decisions


def line(played: Played, tags: Iterable[str], because: Iterable[Reason]) -> Text:
    """✓ Refund   can I get my [money back]?   — with a cross if the tags are not the expected ones."""
    got, expected = sorted(tags), sorted(played.conversation.expected)
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("✓ " if got == expected else "✗ ", "green" if got == expected else "bold red")
    text.append(f"{', '.join(got) or 'no tag':<30}", "bold" if got else "dim")
    text.append(f" {played.conversation.language:<9}", "dim")
    for shown in excerpts(played.thread, because):
        text.append(" ").append(shown)
    if got != expected:
        text.append(f"  expected: {', '.join(expected) or 'no tag'}", "red")
    text.rstrip()
    return text


def excerpts(thread: Thread, because: Iterable[Reason]) -> list[Text]:
    """What was said around the matches of a decision, which has their positions only."""
    events = {event.id: event for event in thread.events}
    matches: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for reason in because:
        event, start, end = events.get(reason["event_id"]), reason["start"], reason["end"]
        text = _said_in(event, start, end, str(reason["keyword"])) if event else None
        if event and text is not None:
            matches.setdefault((event.id, text), []).append((start, end))
    return [excerpt(text, places) for (_, text), places in matches.items()][:EXCERPTS_MAX]


def _said_in(event: Event, start: int, end: int, keyword: str) -> str | None:
    """The text that a match is in. An event may have several, and a position does not say which."""
    texts, first = _texts_of(event), keyword.strip("*")[:1].casefold()
    if len(texts) == 1:
        return texts[0]
    return next((text for text in texts if end <= len(text) and text[start].casefold() == first), None)


def _texts_of(event: Event) -> list[str]:
    """A message's text, a card's titles, buttons and products, or a form's answers."""
    content = event.draft.content
    if "elements" in content:
        cards = content["elements"]
        titles = [card.get(name, "") for card in cards for name in ("title", "subtitle")]
        products = [card["ecommerce"] for card in cards if "ecommerce" in card]
        labels = [label["label"] for product in products for label in (product, *product["options"])]
        return titles + labels + [button["text"] for card in cards for button in card.get("buttons", ())]
    if "fields" in content:
        return [str(field.get("answer", "")) for field in content["fields"]]
    return [content.get("text", "")]


def excerpt(text: str, matches: Iterable[tuple[int, int]]) -> Text:
    """The text around all its matches, on one line; `…` is what was left out."""
    text = text.replace("\n", " ").replace("\u00a0", " ")
    places: list[tuple[int, int]] = []
    for start, end in sorted(matches):  # those that overlap become one
        if places and start < places[-1][1]:
            places[-1] = places[-1][0], max(places[-1][1], end)
        else:
            places.append((start, end))
    shown = Text(_cut(text[: places[0][0]], 0, AROUND))
    for (start, end), (following, _) in pairwise([*places, (len(text), len(text))]):
        shown.append(f"[{_cut(text[start:end], AROUND, AROUND)}]", "bold black on yellow")
        shown.append(_cut(text[end:following], AROUND, AROUND if following < len(text) else 0))
    return shown


def _cut(text: str, first: int, last: int) -> str:
    """So many of the first and last characters."""
    if len(text) <= first + last:
        return text
    return f"{text[:first].rstrip()}…{text[len(text) - last :].lstrip()}"
