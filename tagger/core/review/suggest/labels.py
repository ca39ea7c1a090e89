"""Who tagged a chat: people, or our rules. What suggestions learn from."""

from collections.abc import Iterable
from typing import NamedTuple

from tagger.core.review.past_chat import PastChat, called_for


class LabelledChat(NamedTuple):
    """What the customer said in one chat, and the tags it has."""

    texts: tuple[str, ...]
    people: frozenset[str]  # set by people, and called for by no rule
    rules: frozenset[str]  # called for by our rules, and removed neither by a person nor by `retag`

    def __repr__(self) -> str:
        return f"LabelledChat({len(self.texts)} texts)"


def labelled(chat: PastChat) -> LabelledChat | None:
    """The chat with its tags by who set them; None where it is not known what was said.

    A tag that a person removed is on neither side: for suggestions, the chat does not have it. Of two corrections of
    one tag, the later counts.
    """
    if chat.conversation is None:
        return None
    changes = {correction.tag: correction.change for correction in chat.corrections}
    removed = {tag for tag, change in changes.items() if change == "removed"}
    added = changes.keys() - removed
    decided = called_for(chat.decisions)
    on_it = chat.conversation.tags if chat.tags is None else chat.tags
    said = (one.fields for one in chat.conversation.said if one.author == "customer")
    texts = tuple(text for fields in said for text in fields)
    return LabelledChat(texts, frozenset(on_it | added) - decided - removed, decided - removed)


class Labels:
    """Who tagged which chat. Chats have numbers, in the order in which they were added."""

    def __init__(self) -> None:
        self.people: dict[str, list[int]] = {}  # chats that people tagged and no rule did
        self.rules: dict[str, list[int]] = {}
        self.untagged: list[int] = []

    def add(self, chat: int, people: Iterable[str], rules: Iterable[str]) -> None:
        """Note the tags of the next chat."""
        tagged = False
        for by, tags in ((self.people, people), (self.rules, rules)):
            for tag in tags:
                by.setdefault(tag, []).append(chat)
                tagged = True
        if not tagged:
            self.untagged.append(chat)
