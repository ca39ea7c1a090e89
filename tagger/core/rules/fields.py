"""Kinds of values in a keyword file: how each is read, and what editors know about it.

An invalid value is reported, with what to do, and left out; reading goes on, so that all problems are reported
together.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import MISSING
from datetime import date
from functools import partial
from typing import Any, Final, NamedTuple

from tagger.core.folding.fold import fold
from tagger.core.rules.look_alikes import item_of
from tagger.core.rules.problems import SHOWN_CHARS_MAX, Findings, did_you_mean, listed, shown
from tagger.core.rules.yaml_document import Mapping, Node, Sequence, Text

TEXT_CHARS_MAX: Final = 16_384  # of a canned response and of a test: LiveChat's longest message
TAG_CHARS_MAX: Final = 256  # LiveChat states no limit; this keeps a paragraph from becoming a tag
ID_CHARS_MAX: Final = 64
OWNER_CHARS_MAX: Final = 200
COUNT_MAX: Final = 1_000_000_000  # of `min_matches`, and the largest group id; both fit in 32 bits

_ID: Final = "[A-Za-z0-9][A-Za-z0-9_.-]*"
_DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
# A bare 404, 1.5 or true is a text to us, and a number or a boolean to an editor.
_SCALAR: Final = ["string", "number", "boolean"]


class Kind(NamedTuple):
    """What may stand under a key.

    read    the value as Python has it, or None after a report; the last argument is what a message calls it
    schema  the same, as far as JSON Schema can say it
    """

    read: Callable[[Findings, Node, str], Any]
    schema: dict[str, Any]


REQUIRED: Final = MISSING  # the default of a dataclass's field that has none


class Key(NamedTuple):
    """A key of a mapping, with its hint in editors."""

    kind: Kind
    doc: str
    default: Any = None


def schema_of(keys: dict[str, Key], **more: Any) -> dict[str, Any]:
    """The schema of a mapping that has these keys and no others."""
    properties = {name: {"description": key.doc, **key.kind.schema} for name, key in keys.items()}
    for name, key in keys.items():
        if key.default and key.default is not REQUIRED:
            properties[name]["default"] = key.default
    schema = {"type": "object", "properties": properties, "additionalProperties": False, **more}
    required = [name for name, key in keys.items() if key.default is REQUIRED]
    return schema | ({"required": required} if required else {})


def values(found: Findings, node: Mapping, keys: dict[str, Key], what: str) -> dict[str, Any]:
    """The values of the known keys of a mapping; each unknown key is reported."""
    read: dict[str, Any] = {}
    for key, value in node.pairs:
        if key.value in keys:
            read[key.value] = keys[key.value].kind.read(found, value, f"`{key.value}`")
        elif not found.is_full:
            found.add(
                key, "unknown-key", f"unknown key {shown(key.value)} in {what}", _advice(key.value, keys)
            )
    return read


# What people of neighbouring products look for.
_ELSEWHERE: Final = {
    "keywords": "any", "words": "any", "phrases": "any", "or": "any", "and": "all", "not": "none",
    "exclude": "none", "unless": "ignore", "except": "ignore", "name": "id", "label": "tag", "tags": "tag",
    "author": "from", "until": "expires", "threshold": "min_matches", "template": "canned",
}  # fmt: skip


# Options of a keyword that people write beside the keywords of a rule, and a value of each.
_OF_A_KEYWORD: Final = {"case": "sensitive", "match": "prefix", "accents": "exact"}


def meant_by(key: str, known: Collection[str]) -> str | None:
    """The known key that an unknown one stands for, probably."""
    if key in _OF_A_KEYWORD and "any" in known:
        return None
    meant = did_you_mean(key, known) or _ELSEWHERE.get(key.lower())
    return meant if meant in known else None


def _advice(key: str, known: Collection[str]) -> str:
    if ":" in key:
        return "Put a space after the colon, or put the whole text in quotes."
    if key in _OF_A_KEYWORD and "any" in known:
        option = f"{{keyword: refund, {key}: {_OF_A_KEYWORD[key]}}}"
        return f"Did you mean it for a keyword? Write {option} under `any`."
    meant = meant_by(key, known)
    return f"Did you mean `{meant}`?" if meant else f"Valid keys: {', '.join(known)}."


def kind_of(node: Node) -> str:
    """What stands there, for a message."""
    if isinstance(node, Text):
        return f"the text {shown(node.value)}" if node.value else "nothing"
    return "a list" if isinstance(node, Sequence) else "a mapping (`key: value`)"


def list_of(
    item: Kind, what: str, example: str, doc: str = "", make: Callable[[Iterable[Any]], Any] = tuple
) -> Kind:
    """A list that is not empty; an item is `what` in messages and `doc` in editors."""

    def read(found: Findings, node: Node, name: str) -> Any:
        if isinstance(node, Sequence) and node.items:
            one_by_one = (item.read(found, each, what) for each in node.items)
            return make(one for one in one_by_one if one is not None)
        _no_list(found, node, name, example)
        return make(())

    schema = {"description": doc, **item.schema} if doc else item.schema
    return Kind(read, {"type": "array", "items": schema, "minItems": 1})


def _no_list(found: Findings, node: Node, name: str, example: str) -> None:
    if isinstance(node, Sequence) or (isinstance(node, Text) and node.plain and not node.value):
        found.add(node, "empty-list", f"{name} is empty", f"Delete it, or add items: {example}")
        return
    if isinstance(node, Text) and (item := item_of(node.value)):
        what = f"{name}: {item[0]} does not start an item"
        found.add(node, "wrong-type", what, f"Write an ordinary dash and a space: - {item[1]}")
        return
    if isinstance(node, Mapping) and "- " in example:
        what = f"{name}: expected a list, found {kind_of(node)}"
        key = node.pairs[0][0].value if node.pairs else "id"
        found.add(
            node, "wrong-type", what, f"Write `- ` in front of `{key}`, and indent the lines below it as far."
        )
        return
    if isinstance(node, Text) and "\n" in node.value and not node.plain:
        example = f"[{', '.join(filter(None, map(str.strip, node.value.splitlines())))}]"
    if isinstance(node, Text) and 0 < len(node.value) <= SHOWN_CHARS_MAX and node.value.isprintable():
        example = f"[{node.value}]"
    what, advice = (
        f"{name}: expected a list, found {kind_of(node)}",
        "or one item per line, each starting with `- `.",
    )
    found.add(node, "wrong-type", what, f"Write {example}, {advice}")


def text(chars_max: int) -> Kind:
    """A text that says something."""
    schema = {"type": _SCALAR, "minLength": 1, "maxLength": chars_max}
    return Kind(partial(_text, chars_max=chars_max), schema)


def _text(found: Findings, node: Node, name: str, *, chars_max: int) -> str | None:
    if not isinstance(node, Text):
        advice = "Write text, in quotes if it contains a colon or brackets."
        found.add(node, "wrong-type", f"{name}: expected text, found {kind_of(node)}", advice)
        return None
    if not node.value.strip():
        advice = "Write some text, or delete the line. Text that starts with # needs quotes."
        found.add(node, "empty", f"{name} is empty", advice)
        return None
    if len(node.value) > chars_max:
        what = f"{name} is {len(node.value):,} characters long; the limit is {chars_max:,}"
        found.add(node, "too-long", what, "Shorten it.")
        return None
    return node.value


def one_of(*words: str) -> Kind:
    """One of some words."""
    return Kind(partial(_one_of, known=words), {"enum": [*words]})


def _one_of(found: Findings, node: Node, name: str, *, known: tuple[str, ...]) -> str | None:
    if isinstance(node, Text) and node.value in known:
        return node.value
    meant = did_you_mean(node.value, known) if isinstance(node, Text) else None
    advice = f"Did you mean `{meant}`?" if meant else f"Write {listed(known)}."
    found.add(node, "wrong-value", f"{name}: expected {listed(known)}, found {kind_of(node)}", advice)
    return None


def _boolean(found: Findings, node: Node, name: str) -> bool:
    return _one_of(found, node, name, known=("true", "false")) == "true"


def whole_number(least: int) -> Kind:
    """A whole number from `least` to `COUNT_MAX`."""
    schema = {"type": "integer", "minimum": least, "maximum": COUNT_MAX}
    return Kind(partial(_whole_number, least=least), schema)


def _whole_number(found: Findings, node: Node, name: str, *, least: int) -> int | None:
    if isinstance(node, Text) and re.fullmatch("[0-9]{1,10}", node.value):
        number = int(node.value)
        if least <= number <= COUNT_MAX:
            return number
    what = f"{name}: expected a whole number, {least} or more, found {kind_of(node)}"
    found.add(node, "wrong-value", what, "Use digits, like 3.")
    return None


def _day(found: Findings, node: Node, name: str) -> date | None:
    if isinstance(node, Text) and re.fullmatch(_DATE, node.value):
        try:
            return date.fromisoformat(node.value)
        except ValueError:
            found.add(node, "bad-date", f"the date {shown(node.value)} does not exist", "Check the calendar.")
            return None
    found.add(
        node, "bad-date", f"{name}: expected a date, found {kind_of(node)}", "Write it like 2027-03-31."
    )
    return None


def _identifier(found: Findings, node: Node, name: str) -> str | None:
    value = _text(found, node, name, chars_max=ID_CHARS_MAX)
    if value is None or re.fullmatch(_ID, value):
        return value
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", fold(value, case_sensitive=True).text).strip("-._")
    what = f"{shown(value)} is not a valid id: only a to z, A to Z, 0 to 9 and - _ . are allowed, and no sign at its start"
    found.add(node, "bad-id", what, f"Write `{plain}`." if plain else "Write something like `refund`.")
    return None


def _tag(found: Findings, node: Node, name: str) -> str | None:
    value = _text(found, node, name, chars_max=TAG_CHARS_MAX)
    if value is not None and (value != value.strip() or not value.isprintable()):
        what = "the tag starts or ends with a space, or contains a line break or an invisible character"
        found.add(node, "bad-tag", what, "Write it exactly as in LiveChat.")
        return None
    return value


BOOLEAN: Final = Kind(_boolean, {"type": "boolean"})
DAY: Final = Kind(_day, {"type": "string", "pattern": f"^{_DATE}$"})
IDENTIFIER: Final = Kind(_identifier, {**text(ID_CHARS_MAX).schema, "pattern": f"^{_ID}$"})
TAG: Final = Kind(_tag, text(TAG_CHARS_MAX).schema)
