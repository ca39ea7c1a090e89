"""A past that is drawn by a seed: who said what when, and what three keyword sets and people made of it.

Nothing here knows the product: rules are plain objects, a keyword is found by a regular expression, and counting is
counting. What the product says of the same past is compared with it.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

Rule = Mapping[str, Any]
Said = list[tuple[str, str]]  # author, text
Reason = tuple[str, str, str]  # rule, tag, keyword

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
WINDOW: Final = 60 * HOUR  # for which one set is in force
PAST: Final = 202 * HOUR  # the first chat began so long ago: more than a week
TAIL: Final = 8 * MINUTE  # at the end of a window, chats end so late that messages can come late
STRANGERS: Final = ("stranger", "other")  # organizations without credentials
UNKNOWN_TAG: Final = "Sale"  # LiveChat has no such tag
INVOICE: Final = "Invoice"  # only people set it

SETS: Final[tuple[tuple[Rule, ...], ...]] = (
    (
        {"id": "refund", "tag": "Refund", "any": ["refund", "money back"]},
        {"id": "late", "tag": "Late", "all": [["late", "delayed"], ["parcel", "package"]]},
        {"id": "upset", "tag": "Upset", "any": ["angry", "terrible"], "none": ["joking"]},
        {"id": "sorry", "tag": "Apology", "from": "agent", "any": ["sorry"]},
        {"id": "sale", "tag": "Sale", "any": ["summer sale"]},
    ),
    (
        {"id": "refund", "tag": "Refund", "any": ["refund", "chargeback*"]},
        {"id": "reimburse", "tag": "Refund", "any": ["reimbursed", "money back"]},
        {"id": "late", "tag": "Late", "any": ["late", "delayed"]},
        {"id": "upset", "tag": "Upset", "any": ["angry"], "none": ["joking"], "dry_run": True},
        {"id": "sorry", "tag": "Apology", "from": "any", "any": ["sorry"]},
    ),
    (
        {"id": "refund", "tag": "Refund", "any": ["refund", "chargeback*", "money back"]},
        {"id": "late", "tag": "Delay", "any": ["late", "delayed"], "none": ["joking"]},
        {"id": "sorry", "tag": "Apology", "from": "agent", "any": ["sorry"]},
        {"id": "parcel", "tag": "Parcel", "any": ["parcel", "package"], "dry_run": True},
        {"id": "sale", "tag": "Sale", "any": ["summer sale", "discount"]},
    ),
)
DRAFT: Final[tuple[Rule, ...]] = (
    {"id": "refund", "tag": "Refund", "any": ["refund", "chargeback*"]},
    {"id": "late", "tag": "Delay", "any": ["late", "delayed", "waiting"]},
    {"id": "sorry", "tag": "Apology", "from": "any", "any": ["sorry"]},
    {"id": "parcel", "tag": "Parcel", "any": ["parcel", "package"]},
    {"id": "sale", "tag": "Sale", "any": ["summer sale", "discount"]},
    {"id": "apology", "tag": "Apology", "any": ["order", "account"], "dry_run": True},
)
_CALLS: Final = (
    *("refund", "money back", "chargebacks", "reimbursed", "late", "delayed", "parcel", "package"),
    *("angry", "terrible", "joking", "sorry", "discount"),
)
_FILLS: Final = (
    *(
        "hello",
        "please",
        "where",
        "is",
        "my",
        "order",
        "thanks",
        "the",
        "blue",
        "shoes",
        "refundable",
        "latest",
    ),
    *("waiting", "colour", "size", "today", "ok", "yes", "no", "account", "login", "password"),
)
_OF_INVOICE: Final = ("invoice", "vat number")


@dataclass
class Made:
    """A decision that has to be made."""

    config: str
    tags: list[str]
    reasons: set[Reason]
    ended_ms: int
    place: tuple[str, int, int]
    outcome: str


@dataclass
class Thread:
    """One conversation, as it went."""

    organization: str
    chat: str
    id: str
    began_ms: int
    said: Said
    is_whole: bool = True  # its beginning is on the topic
    ended_ms: int | None = None  # None: it is still open
    late: list[str] = field(
        default_factory=list
    )  # what the customer says after the end, and has not said yet
    before: list[str] = field(default_factory=list)  # tags that people set before the end
    decisions: list[Made] = field(default_factory=list)
    people: list[tuple[str, str]] = field(default_factory=list)  # (added or removed, tag), oldest first

    @property
    def tags(self) -> set[str]:
        """What any decision called for."""
        return {tag for made in self.decisions for tag in made.tags}

    def outcome_of(self, tags: Iterable[str]) -> str:
        """What comes of another decision with these tags."""
        if self.organization in STRANGERS:
            return "no_credentials"
        removed = {tag for change, tag in self.people if change == "removed"}
        if UNKNOWN_TAG in {*self.tags, *(set(tags) - removed)}:
            return "parked"
        if not self.tags <= set(tags):
            return "late_conflict"
        if self.decisions and self.tags != set(tags):
            return "late"
        return "tagged" if tags else "no_match"

    @property
    def last_words(self) -> dict[str, str]:
        """What people did last to each tag; a tag of ours is no addition of theirs."""
        last = {tag: change for change, tag in self.people}
        return {tag: change for tag, change in last.items() if change == "removed" or tag not in self.tags}


def as_yaml(rules: Iterable[Rule]) -> str:
    """A keyword file."""
    return "version: 1\nrules:\n" + "".join(f"  - {json.dumps(rule)}\n" for rule in rules)


def is_said(keyword: str, text: str) -> bool:
    """Whether a simple keyword is in a text."""
    end = "" if keyword.endswith("*") else r"\b"
    return re.search(rf"\b{re.escape(keyword.rstrip('*'))}{end}", text.lower()) is not None


def held(rule: Rule, said: Said, *, is_whole: bool = True) -> set[str]:
    """The keywords by which a rule holds; none if it does not hold."""
    by = rule.get("from", "customer")
    texts = [text for author, text in said if by in {author, "any"}]

    def found(keywords: Sequence[str]) -> set[str]:
        return {keyword for keyword in keywords if any(is_said(keyword, text) for text in texts)}

    groups = [found(group) for group in (rule.get("any"), *rule.get("all", ())) if group]
    none = rule.get("none", ())
    if not all(groups) or (none and not is_whole):
        return set()
    if any(is_said(keyword, text) for keyword in none for _, text in said):
        return set()
    return set().union(*groups)


def decided(rules: Iterable[Rule], said: Said, *, is_whole: bool = True) -> tuple[list[str], set[Reason]]:
    """Which tags the rules call for, and why. Only the beginning of a chat tells who is who; else nobody's words count."""
    said = said if is_whole else []
    tags, reasons = set[str](), set[Reason]()
    for rule in rules:
        keywords = held(rule, said, is_whole=is_whole)
        reasons |= {(rule["id"], rule["tag"], keyword) for keyword in keywords}
        if keywords and not rule.get("dry_run"):
            tags.add(rule["tag"])
    return sorted(tags), reasons


class Drawing:
    """Draws threads; the same seed draws the same ones."""

    def __init__(self, seed: int, now_ms: int, known: str) -> None:
        """`known`: an organization with credentials."""
        self._organizations = (*STRANGERS * 4, known)
        self._chance, self._now_ms, self._number = Random(seed), now_ms, 0

    def window(self, number: int, chats: int) -> list[Thread]:
        """The threads of one keyword set; of some chats two, of which the later is here, too."""
        begin = self._now_ms - PAST + number * WINDOW
        threads: list[Thread] = []
        while len(threads) < chats:
            thread = self._thread(self._chance.choice(self._organizations), None, begin)
            threads.append(thread)
            if thread.ended_ms and thread.late == [] and self._chance.random() < 0.08:  # opened again
                room = begin + WINDOW - TAIL - thread.ended_ms
                at = thread.ended_ms + self._chance.randrange(MINUTE, max(2 * MINUTE, room))
                if at + 20 * MINUTE < begin + WINDOW:
                    threads.append(self._thread(thread.organization, thread.chat, at, at))
        return threads

    def open(self) -> list[Thread]:
        """Threads that have not ended."""
        begin = self._now_ms - PAST + len(SETS) * WINDOW
        threads = [self._thread("stranger", None, begin, begin - 5 * MINUTE) for _ in range(5)]
        for thread in threads:
            thread.ended_ms, thread.late, thread.is_whole = None, [], True
        return threads

    def _thread(self, organization: str, chat: str | None, begin: int, at: int | None = None) -> Thread:
        chance = self._chance
        self._number += 1
        minutes = chance.randrange(2, 15)
        is_late = at is None and chance.random() < 0.1
        if at is None:
            end = begin + WINDOW
            room = range(TAIL // 2) if is_late else range(TAIL, WINDOW - HOUR)
            at = end - minutes * MINUTE - chance.choice(room)
        thread = Thread(
            organization,
            chat or f"C{self._number:06}",
            f"T{self._number:06}",
            at,
            self._said(),
            at is not None,
        )
        thread.ended_ms = at + minutes * MINUTE
        thread.is_whole = chance.random() > 0.04 or organization not in STRANGERS
        if is_late:
            thread.late = [self._text(0.5) for _ in range(chance.choice((1, 1, 2)))]
        if any(word in text for author, text in thread.said if author == "customer" for word in _OF_INVOICE):
            if chance.random() < 0.8:
                thread.before.append(INVOICE)
        elif chance.random() < 0.03:
            thread.before.append(chance.choice([INVOICE, "Refund"]))
        return thread

    def _said(self) -> Said:
        chance = self._chance
        said = [("customer", self._text(0.35))]
        for _ in range(chance.randrange(6)):
            said.append((chance.choice(("customer", "agent")), self._text(0.25)))
        if chance.random() < 0.12:
            said.append(
                ("customer", f"{chance.choice(_FILLS)} {chance.choice(_OF_INVOICE)} {chance.choice(_FILLS)}")
            )
        return said

    def _text(self, share: float) -> str:
        words = self._chance.choices(_FILLS, k=self._chance.randrange(2, 7))
        if self._chance.random() < share:
            words.insert(self._chance.randrange(len(words)), self._chance.choice(_CALLS))
        return " ".join(words)
