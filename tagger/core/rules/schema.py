"""The JSON Schema of a keyword file, for completion and hints in editors.

It accepts what the reader of keyword files accepts, as far as a schema can say. The reader has the last word:
only it knows duplicates, folding and the limits over all files.
"""

from typing import Any

from tagger.core.rules.fields import schema_of
from tagger.core.rules.keyword_field import KEYWORD_SCHEMA, KEYWORDS_SCHEMA
from tagger.core.rules.model import RULE_KEYS, SAID_SCHEMA
from tagger.core.rules.parse import CALLS, FILE_KEYS


def json_schema() -> dict[str, Any]:
    """The schema as a JSON-able value, draft 2020-12."""
    said = {"$ref": "#/$defs/said"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Keyword file of livechat-tagger",
        "description": "Rules that decide which tags an ended chat gets.",
        **schema_of(FILE_KEYS),
        "$defs": {
            "rule": {**schema_of(RULE_KEYS), "anyOf": [{"required": [key]} for key in CALLS]},
            "keyword": KEYWORD_SCHEMA,
            "keywords": KEYWORDS_SCHEMA,
            "said": SAID_SCHEMA,
            "conversation": {"anyOf": [said, {"type": "array", "items": said, "minItems": 1}]},
        },
    }
