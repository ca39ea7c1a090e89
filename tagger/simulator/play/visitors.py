"""Believable support conversations, made from a seed, each with the tags that it must get.

The tags follow from the blocks that a conversation is made of, never from a matcher.
"""

import random
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml

SCENES: Final = Path(__file__).parent / "scenes"
RULES: Final = Path(__file__).parent / "rules"  # the keyword files whose tags the scenes call for

# Of 100 conversations; the others have one topic.
NO_TOPIC, TWO_TOPICS = 25, 20
TAGGED: Final = ("topics", "canned", "products")  # the blocks that call for a tag
EMOJI: Final = ("🙂", "😕", "🙏", "👍", "…", "!!")

Author = Literal["customer", "agent", "system"]
Kind = Literal[
    "message", "greeting", "buttons", "click", "form", "note", "card", "product", "deleted", "system"
]


@dataclass(frozen=True, slots=True)
class Line:
    """One event. Only messages, a customer's answers in a form and an agent's products can call for a tag.

    A greeting may have `buttons`, one of which the customer may click; a product has its options there. What is deleted
    calls for no tag, whether it counts or not: the webhook of its deletion comes after it was said.
    """

    author: Author
    kind: Kind
    text: str
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """One thread. `opening` is what incoming_chat carries; `lines` follow as incoming_event."""

    language: str
    customer: str
    customer_email: str
    agent: str
    form_label: str
    opening: tuple[Line, ...]
    lines: tuple[Line, ...]
    expected: frozenset[str]
    closed_by_router: bool
    rated: bool  # the customer rates the chat after its end: a late event


@dataclass(frozen=True, slots=True)
class Visit:
    """The threads of one chat, in order: a customer who comes back opens the chat again."""

    conversations: tuple[Conversation, ...]


def visits(seed: int, chats: int | None = None) -> Iterator[Visit]:
    """Visits with `chats` conversations in all; None: without end."""
    rng, count = random.Random(seed), 0
    languages = tuple(scenes())
    shares = [scene["share"] for scene in scenes().values()]
    while chats is None or count < chats:
        language = rng.choices(languages, shares)[0]
        again = rng.random() < 0.08 and (chats is None or count + 2 <= chats)
        threads = [_Writer(rng, language).conversation()]
        if again:
            threads.append(_Writer(rng, language, threads[0]).conversation())
        count += len(threads)
        yield Visit(tuple(threads))


def all_tags() -> frozenset[str]:
    """Every tag that a conversation can call for."""
    blocks = [block for scene in scenes().values() for part in TAGGED for block in scene[part]]
    return frozenset(block["tag"] for block in blocks)


@cache
def scenes() -> Mapping[str, dict[str, Any]]:
    """The building blocks of each language; scenes/english.yaml explains them."""
    return {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(SCENES.glob("*.yaml"))}


class _Writer:
    """Writes one conversation."""

    def __init__(self, rng: random.Random, language: str, before: Conversation | None = None) -> None:
        self.rng, self.language, self.scene = rng, language, scenes()[language]
        self.customer = before.customer if before else rng.choice(self.scene["customers"])
        self.email = before.customer_email if before else f"visitor{rng.randrange(10**6)}@example.com"
        self.agent = rng.choice(self.scene["agents"])
        self.fields = {
            "name": self.customer.split()[0],
            "agent": self.agent,
            "order": f"{rng.randrange(10_000, 99_999)}",
            "item": rng.choice(self.scene["items"]),
            "day": rng.choice(self.scene["days"]),
            "hours": str(rng.choice((12, 24, 48))),
        }

    def conversation(self) -> Conversation:
        dice = self.rng.randrange(100)
        count = 0 if dice < NO_TOPIC else 2 if dice < NO_TOPIC + TWO_TOPICS else 1
        topics = self.rng.sample(self.scene["topics"], count)
        expected = {topic["tag"] for topic in topics}
        opening, lines = self._opening(), [self._say("agent", "agent_openings")]
        for topic in topics:
            said = self._customer(self.rng.choice(topic["customer"]))
            if len(said) == 1 and self.rng.random() < 0.15:
                opening.insert(0, Line("customer", "form", said[0].text))
            else:
                lines += said
            lines += self._aside()
            lines.append(Line("agent", "message", self._fill(self.rng.choice(topic["agent"]))))
        if not topics or self.rng.random() < 0.35:
            decoys = [
                decoy
                for decoy in self.scene["decoys"]
                if not isinstance(decoy, dict) or decoy.get("not_with") not in expected
            ]
            lines += self._customer(self.rng.choice(decoys))
            lines.append(self._say("agent", "agent_talk"))
        lines += self._escalation(expected) + self._offer(expected)
        lines.append(self._say("customer", "closings"))
        if self.rng.random() < 0.1:
            lines.insert(self.rng.randrange(len(lines)), self._say("customer", "talk", "deleted"))
        if self.rng.random() < 0.5:
            lines.append(self._say("agent", "agent_closings"))
        return Conversation(
            language=self.language,
            customer=self.customer,
            customer_email=self.email,
            agent=self.agent,
            form_label=self.scene["form"]["label"],
            opening=tuple(opening),
            lines=tuple(lines),
            expected=frozenset(expected),
            closed_by_router=self.rng.random() < 0.3,
            rated=self.rng.random() < 0.1,
        )

    def _opening(self) -> list[Line]:
        opening = []
        dice = self.rng.random()
        if dice < 0.3:
            opening.append(Line("agent", "greeting", self._fill(self.scene["greeting"])))
        elif dice < 0.5:
            buttons = tuple(self.scene["buttons"])
            opening.append(Line("agent", "buttons", self._fill(self.scene["greeting"]), buttons))
            if self.rng.random() < 0.5:
                opening.append(Line("customer", "click", buttons[0]))
        if self.rng.random() < 0.4:
            opening.append(Line("customer", "form", self.scene["form"]["other"]))
        opening.append(self._say("customer", "openings"))
        if self.rng.random() < 0.3:
            opening.append(self._say("system", "systems"))
        return opening

    def _aside(self) -> list[Line]:
        """Small talk that calls for no tag."""
        dice = self.rng.random()
        if dice < 0.25:
            return [self._say("agent", "agent_talk"), self._say("customer", "talk")]
        if dice < 0.35:
            return [self._say("agent", "notes", "note")]
        if dice < 0.42:
            return [self._say("agent", "agent_talk", "card")]
        return []

    def _escalation(self, expected: set[str]) -> list[Line]:
        """Sometimes, a canned response that the agent sends as it is or after a word."""
        if not self.scene["canned"] or self.rng.random() > 0.12:
            return []
        canned = self.rng.choice(self.scene["canned"])
        expected.add(canned["tag"])
        before = self.rng.choice(("", "Right. ", "OK! "))
        return [Line("agent", "message", before + self._fill(canned["text"]))]

    def _offer(self, expected: set[str]) -> list[Line]:
        """Sometimes, a product that the agent shows."""
        if not self.scene["products"] or self.rng.random() > 0.08:
            return []
        product = self.rng.choice(self.scene["products"])
        expected.add(product["tag"])
        return [Line("agent", "product", product["label"], tuple(product["options"]))]

    def _customer(self, variant: Any) -> list[Line]:
        """A variant of a block, as the customer types it."""
        exact = isinstance(variant, dict) and variant.get("exact", False)
        said = variant["say"] if isinstance(variant, dict) else variant
        texts = [self._fill(text) for text in ([said] if isinstance(said, str) else said)]
        return [Line("customer", "message", text if exact else self._type(text)) for text in texts]

    def _type(self, text: str) -> str:
        """What fingers and phones do to a text, and what must not matter to a keyword."""
        dice = self.rng.random()
        if dice < 0.10:
            text = text.upper()
        elif dice < 0.25:
            text = text.lower()
        elif dice < 0.35 and self.scene["accents"]:
            text = _plain(text)
        elif dice < 0.45:
            text = text.replace(" ", "  ", 1).replace(" ", "\u00a0", 1)
        if self.rng.random() < 0.4:
            text = text.replace("'", "\u2019")  # phones set typographic apostrophes
        return f"{text} {self.rng.choice(EMOJI)}" if self.rng.random() < 0.15 else text

    def _say(self, author: Author, block: str, kind: Kind = "message") -> Line:
        text = self._fill(self.rng.choice(self.scene[block]))
        return Line(author, "system" if author == "system" else kind, text)

    def _fill(self, text: str) -> str:
        for name, value in self.fields.items():
            text = text.replace("{" + name + "}", value)
        return text


def _plain(text: str) -> str:
    """Without accents, as typed on a foreign keyboard."""
    marks_apart = unicodedata.normalize("NFD", text.replace("ł", "l").replace("Ł", "L"))
    return "".join(sign for sign in marks_apart if not unicodedata.combining(sign))
