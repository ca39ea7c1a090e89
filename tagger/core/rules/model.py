"""What a rule is: a table of the keys it has in a keyword file, and the parts it is made of.

Each key is one row: its type, how it is read and what JSON Schema says of it (both are its `Kind`), its hint
in editors, and its default; without a default it is required. The manual is `config/README.md`.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Final, Literal, cast, get_args

from tagger.core.conversation import Author
from tagger.core.folding.fold import fold
from tagger.core.rules import fields
from tagger.core.rules.keyword_field import KEYWORD_GROUPS, KEYWORDS, Keyword, MatchKind
from tagger.core.rules.problems import NOWHERE, Findings, Place
from tagger.core.rules.yaml_document import Mapping, Node, Sequence

__all__ = ["RULE_KEYS", "Canned", "From", "Keyword", "MatchKind", "Rule", "RuleSet", "RuleTest"]

From = Literal["customer", "agent", "any"]
Links = Literal["count", "ignore"]
_Keywords = tuple[Keyword, ...]
_TEXT: Final = fields.text(fields.TEXT_CHARS_MAX)


@dataclass(frozen=True, slots=True)
class Canned:
    """The text of one canned response, placeholders included."""

    text: str
    place: Place = NOWHERE


def _canned(found: Findings, node: Node, name: str) -> Canned | None:
    value = _TEXT.read(found, node, name)
    if value is None:
        return None
    if any(char.isalnum() for char in fold(value).text):
        return Canned(value, found.place(node))
    found.add(node, "empty", f"{name} contains no words", "Write its text as agents send it.")
    return None


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One line under `tests:`: a conversation, and whether the rule must fire on it."""

    expect: Literal["match", "absent"]
    said: tuple[tuple[Author, str], ...]
    place: Place = NOWHERE


_AUTHORS: Final = {
    "customer": fields.Key(_TEXT, "Said by the customer."),
    "agent": fields.Key(_TEXT, "Said by an agent."),
}
SAID_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"description": "What is said.", **_TEXT.schema},
        fields.schema_of(_AUTHORS, minProperties=1, maxProperties=1),
    ]
}
_TEST_ADVICE: Final = 'Write `- match: "I want a refund"` or `- absent: "no, thanks"`.'


def tests_of(default: Author) -> fields.Kind:
    """Tests in which a bare text is said by `default`."""
    conversation = fields.Kind(partial(_conversation, default=default), {"$ref": "#/$defs/conversation"})
    keys = {
        "match": fields.Key(conversation, "The rule must fire."),
        "absent": fields.Key(conversation, "The rule must not fire."),
    }
    item = fields.Kind(partial(_test, keys=keys), fields.schema_of(keys, minProperties=1, maxProperties=1))
    return fields.list_of(item, "a test", '[match: "I want a refund"]')


def _test(found: Findings, node: Node, name: str, *, keys: dict[str, fields.Key]) -> RuleTest | None:
    if not isinstance(node, Mapping) or len(node.pairs) != 1:
        what = f"{name} needs exactly one of `match` and `absent`"
        found.add(node, "bad-test", what, _TEST_ADVICE)
        return None
    for expect, said in fields.values(found, node, keys, name).items():
        return said and RuleTest(cast(Literal["match", "absent"], expect), said, found.place(node))
    return None


def _conversation(
    found: Findings, node: Node, _name: str, *, default: Author
) -> tuple[tuple[Author, str], ...] | None:
    lines = node.items if isinstance(node, Sequence) else [node]
    if not lines:
        found.add(node, "bad-test", "nobody says anything in this test", _TEST_ADVICE)
    return tuple(_said(found, lines, default)) or None


def _said(found: Findings, lines: Iterable[Node], default: Author) -> Iterator[tuple[Author, str]]:
    name = "a test message"
    for line in lines:
        if not isinstance(line, Mapping):
            read: dict[Any, Any] = {default: _TEXT.read(found, line, name)}
        elif len(line.pairs) == 1:
            read = fields.values(found, line, _AUTHORS, name)
        else:
            advice = "Put `- customer: …` and `- agent: …` on separate lines."
            found.add(line, "bad-test", f"{name} has exactly one author", advice)
            continue
        yield from ((author, said) for author, said in read.items() if said is not None)


_TEMPLATE: Final = fields.Kind(_canned, _TEXT.schema)
_CANNED: Final = fields.list_of(
    _TEMPLATE, "a canned response", '["Hi %name%, it is on its way."]', "The text, with its %placeholders%."
)
_COUNT: Final = fields.whole_number(1)
_FROM: Final = fields.one_of(*get_args(From))
_LINKS: Final = fields.one_of(*get_args(Links))
_TESTS: Final = tests_of("customer")
_GROUPS: Final = fields.list_of(fields.whole_number(0), "a group id", "[0, 3]", "A group id.", frozenset)


@dataclass(frozen=True, slots=True)
class Rule:
    """What must be said, and by whom, for a thread to carry a tag."""

    id: Annotated[str, fields.IDENTIFIER, "Its name in metrics, decisions and `explain`; keep it stable."]
    tag: Annotated[str, fields.TAG, "The tag to set, exactly as it is in LiveChat: its case counts."]
    from_: Annotated[From, _FROM, "Whose messages `any`, `all` and `ignore` look at."] = "customer"
    any: Annotated[_Keywords, KEYWORDS, "One of these must be said."] = ()
    all: Annotated[tuple[_Keywords, ...], KEYWORD_GROUPS, "One keyword of every list must be said."] = ()
    none: Annotated[_Keywords, KEYWORDS, "If anybody says one of these, the rule does not fire."] = ()
    ignore: Annotated[_Keywords, KEYWORDS, "A keyword inside one of these phrases does not count."] = ()
    links: Annotated[Links, _LINKS, "Whether keywords inside web addresses count."] = "count"
    canned: Annotated[tuple[Canned, ...], _CANNED, "Texts that agents send."] = ()
    min_matches: Annotated[int, _COUNT, "How often keywords must be said, over the whole chat."] = 1
    groups: Annotated[frozenset[int] | None, _GROUPS, "Only chats that began in one of these groups."] = None
    expires: Annotated[date | None, fields.DAY, "The last day the rule is in force, UTC: 2027-03-31."] = None
    owner: Annotated[str | None, fields.text(fields.OWNER_CHARS_MAX), "Whom to ask about the rule."] = None
    dry_run: Annotated[bool, fields.BOOLEAN, "true: decided and recorded, but the tag is not set."] = False
    tests: Annotated[tuple[RuleTest, ...], _TESTS, "Conversations on which it must fire, or must not."] = ()
    place: Place = NOWHERE


RULE_KEYS: Final = {
    row.name.rstrip("_"): fields.Key(kind, hint, row.default)
    for row in dataclasses.fields(Rule)
    if row.name != "place"
    for _, kind, hint in [get_args(row.type)]
}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of all files, valid as a whole."""

    rules: tuple[Rule, ...]
    hash: str  # of the files' names and bytes: 12 hex digits, shown in every decision
