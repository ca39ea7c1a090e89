"""The JSON Schema of a keyword file, for completion and hints in editors.

It says what the reader of keyword files says, as far as a schema can; a test holds the two together. The
reader stays the judge: it alone knows duplicates, folding and the limits over all files.
"""

from typing import Any, Final, get_args

from tagger.core.rules.fields import COUNT_MAX, ID_CHARS_MAX, OWNER_CHARS_MAX, TAG_CHARS_MAX, TEXT_CHARS_MAX
from tagger.core.rules.keyword_field import KEYWORD_CHARS_MAX
from tagger.core.rules.model import From, MatchKind

# A bare 404, 1.5 or true is a text to us, and a number or a boolean to an editor.
_SCALAR: Final = ["string", "number", "boolean"]


def json_schema() -> dict[str, Any]:
    """The schema as a JSON-able value, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keyword file of livechat-tagger",
        "description": "Rules that decide which tags an ended chat gets.",
        **_mapping(
            {
                "version": {"description": "Version of the format.", "enum": [1, "1"]},
                "rules": _list({"$ref": "#/$defs/rule"}, "The rules of this file."),
            },
            required=["version", "rules"],
        ),
        "$defs": {
            "rule": {
                **_mapping(_rule(), required=["id", "tag"]),
                "anyOf": [{"required": [key]} for key in ("any", "all", "canned")],
            },
            "keyword": {"anyOf": [_text(KEYWORD_CHARS_MAX, "A word or phrase."), _keyword()]},
            "keywords": {"type": "array", "items": {"$ref": "#/$defs/keyword"}, "minItems": 1},
            "said": {"anyOf": [_text(TEXT_CHARS_MAX, "What is said."), _said()]},
            "conversation": {
                "anyOf": [
                    {"$ref": "#/$defs/said"},
                    {"type": "array", "items": {"$ref": "#/$defs/said"}, "minItems": 1},
                ]
            },
        },
    }


def _rule() -> dict[str, Any]:
    return {
        "id": {
            **_text(ID_CHARS_MAX, "Name of the rule in metrics, decisions and `explain`; keep it stable."),
            "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        },
        "tag": _text(TAG_CHARS_MAX, "The tag to set, exactly as it is in LiveChat: its case counts."),
        "from": {
            "description": "Whose messages `any`, `all` and `ignore` look at. Without it: customer.",
            "enum": list(get_args(From)),
        },
        "any": _keywords("One of these must be said."),
        "all": _list({"$ref": "#/$defs/keywords"}, "One keyword of every list must be said."),
        "none": _keywords("If anybody says one of these, the rule does not fire."),
        "ignore": _keywords("A keyword inside one of these phrases does not count."),
        "canned": _list(
            _text(TEXT_CHARS_MAX, "The text, with its %placeholders%."), "Texts that agents send."
        ),
        "min_matches": _number(1, "How often keywords must be said, over the whole chat. Without it: 1."),
        "groups": _list(_number(0, "A group id."), "Only chats that began in one of these LiveChat groups."),
        "expires": {
            "description": "The last day the rule is in force, UTC: 2027-03-31.",
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        },
        "owner": _text(OWNER_CHARS_MAX, "Whom to ask about the rule."),
        "dry_run": {"description": "true: decided and recorded, but the tag is not set.", "type": "boolean"},
        "tests": _list(_test(), "Conversations on which the rule must fire, or must not."),
    }


def _keyword() -> dict[str, Any]:
    return _mapping(
        {
            "keyword": _text(KEYWORD_CHARS_MAX, "A word or phrase."),
            "case": {"description": "Whether RMA and rma differ.", "enum": ["sensitive", "insensitive"]},
            "match": {"description": "Where it may stand in a word.", "enum": list(get_args(MatchKind))},
            "accents": {"description": "Whether é and e differ.", "enum": ["fold", "exact"]},
        },
        required=["keyword"],
    )


def _said() -> dict[str, Any]:
    said = {
        "customer": _text(TEXT_CHARS_MAX, "Said by the customer."),
        "agent": _text(TEXT_CHARS_MAX, "Said by an agent."),
    }
    return {**_mapping(said, required=[]), "minProperties": 1, "maxProperties": 1}


def _test() -> dict[str, Any]:
    conversation = {"$ref": "#/$defs/conversation"}
    expected = {
        "match": {"description": "The rule must fire.", **conversation},
        "absent": {"description": "The rule must not fire.", **conversation},
    }
    return {**_mapping(expected, required=[]), "minProperties": 1, "maxProperties": 1}


def _mapping(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    mapping: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return mapping | ({"required": required} if required else {})


def _keywords(description: str) -> dict[str, Any]:
    return {"description": description, "$ref": "#/$defs/keywords"}


def _list(items: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": items, "minItems": 1}


def _number(least: int, description: str) -> dict[str, Any]:
    return {"description": description, "type": "integer", "minimum": least, "maximum": COUNT_MAX}


def _text(chars_max: int, description: str) -> dict[str, Any]:
    return {"description": description, "type": _SCALAR, "minLength": 1, "maxLength": chars_max}
