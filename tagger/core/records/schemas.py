"""The JSON Schemas of what stands on our topics: of one record's value each. Pure.

They say what a reader can rely on: fields are added, never changed or taken away, as long as `format` is the same. So
they accept fields that they do not know, and names (an outcome, an error's type) that a later version may add. `closed`
schemas accept neither: what this version writes fits them, which the tests check on every record that one of them makes.

Draft 2020-12, with keywords that older drafts have, too: AsyncAPI's own schemas are draft 07.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, get_args

from ingest.topic import STORED_ACTIONS
from tagger.core.records import keyword_set
from tagger.core.records.decision import FORMAT, Outcome
from tagger.core.records.parked import Resolved
from tagger.core.threads.facts import Change

Schema = dict[str, Any]
Topic = Literal["decisions", "parked", "webhooks", "keywords"]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    "description": "UTC, RFC 3339 with milliseconds.",
}
_FORMAT: Final[Schema] = {
    "const": FORMAT,
    "description": "Of this record; absent in those of versions before 0.2.0.",
}
_SINCE_0_2: Final = ("kind", "format", "held_back")
_THREAD: Final[dict[str, Schema]] = {
    "organization": {
        **_TEXT,
        "description": 'organization_id; license_id as text (API 3.3); "" where LiveChat sends neither (API 3.1).',
    },
    "chat_id": _TEXT,
    "thread_id": {**_TEXT, "description": "What is tagged: a chat that is opened again has a new thread."},
}
_SOURCE: Final[dict[str, Schema]] = {
    "topic": {
        "type": ["string", "null"],
        "description": "Of the record that caused this one. All three are null if there is none: LiveChat's archives "
        "were read, or a person asked for it.",
    },
    "partition": {"type": ["integer", "null"], "minimum": 0},
    "offset": {"type": ["integer", "null"], "minimum": 0},
}


def record_schema(topic: Topic, *, closed: bool = False) -> Schema:
    """Return the schema of a record's value on a topic; `keywords`: of the value once it is unpacked."""
    schema = _SCHEMAS[topic](closed)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _decisions(closed: bool) -> Schema:
    return {
        "title": f"A record of livechat.decisions, format {FORMAT}",
        "description": "Why a thread got its tags, or what a person corrected. Treat records with the same topic, "
        "partition, offset and thread as one, of which the newest counts. Skip a `kind` that you do not know.",
        **_one_of_kinds({"decision": _decision(closed), "correction": _correction(closed)}, closed),
    }


def _decision(closed: bool) -> Schema:
    reason = {
        "rule": {**_TEXT, "description": "The rule's id."},
        "tag": _TEXT,
        "keyword": {**_TEXT, "description": "As written in the keyword file; never a word of the chat."},
        "event_id": _TEXT,
        "start": {**_COUNT, "description": "In characters (code points) of the event's text, as `end` is."},
        "end": _COUNT,
    }
    required: dict[str, Schema] = {
        "kind": {"const": "decision"},
        "format": _FORMAT,
        **_THREAD,
        "tags": {
            **_list_of(_TEXT),
            "description": "Those that the conversation calls for; where it was retagged, those that are ours since.",
        },
        "held_back": {
            **_list_of(_TEXT),
            "description": "Called for, but not set because a person had removed them, or had them removed.",
        },
        "because": {
            **_list_of(_object(reason, closed=closed)),
            "description": "The matches that made rules hold.",
        },
        "outcome": _names(get_args(Outcome), closed=closed),
        "config": {
            **_TEXT,
            "description": "Hash of the keyword files; the key of their record on livechat.keywords.",
        },
        "source": _names(("webhooks", "api"), closed=closed),
        "messages": {**_COUNT, "description": "Events with text that the decision saw."},
        **_SOURCE,
        "ended_at": _TIME,
        "settled_at": _TIME,
    }
    optional: dict[str, Schema] = {
        "because_omitted": {**_COUNT, "description": "Matches beyond those in `because`."},
        "tags_omitted": {**_COUNT, "description": "Tags beyond those in `tags`."},
        "untagged": {**_list_of(_TEXT), "description": "Tags that `tagger retag` removed."},
        "began_at": {**_TIME, "description": "When `tagger retag` sent its first call for the thread."},
    }
    return _object(required, optional, closed=closed)


def _correction(closed: bool) -> Schema:
    fields: dict[str, Schema] = {
        "kind": {"const": "correction"},
        "format": _FORMAT,
        **_THREAD,
        "tag": _TEXT,
        "change": {
            **_names(get_args(Change), closed=closed),
            "description": "What somebody did. A tag that a decision on the thread has in `tags` was not added by a person.",
        },
        "at": _TIME,
        **_SOURCE,
    }
    return _object(fields, closed=closed)


def _parked(closed: bool) -> Schema:
    required: dict[str, Schema] = {
        "format": _FORMAT,
        **_THREAD,
        "tag": {"type": ["string", "null"], "description": "The tag given up; null: the chat as a whole."},
        "reason": {**_TEXT, "description": "A sentence for people."},
        "error_type": {**_TEXT, "description": "LiveChat's or ours; later versions may add some."},
        "attempts": _COUNT,
        **_SOURCE,
        "parked_at": _TIME,
    }
    optional: dict[str, Schema] = {
        "last_offset": {**_COUNT, "description": "The item covers the records from `offset` to here."},
        "resolved": {
            **_names(get_args(Resolved), closed=closed),
            "description": "How the item was closed; it is open if the newest record has no such field.",
        },
        "resolved_at": _TIME,
    }
    return {
        "title": f"A record of livechat.parked, format {FORMAT}",
        "description": "A tag or a chat given up. Treat records with the same topic, partition, offset, thread and tag "
        "as one item, of which the newest counts.",
        **_object(required, optional, closed=closed),
    }


def _webhooks(_: bool) -> Schema:
    """What `ingest` checked before it stored a record: the rest is what LiveChat sent, and unknown fields are kept."""
    chat = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": _TEXT,
            "users": {"description": "`type` is customer or agent; a customer may have name and email."},
            "thread": {
                "description": "`id`, `created_at`, `events` (the first ones), `access.group_ids`; and `queue` "
                "(`position`, `wait_time`, `queued_at`) if the customer waits in it.",
            },
        },
    }
    of_others = {"chat_id": _TEXT, "thread_id": {}, "event": {"description": "Of incoming_event."}}
    of_others["tag"] = {"description": "Of thread_tagged and thread_untagged."}
    return {
        "title": "A record of livechat.webhooks",
        "description": "One webhook as LiveChat sent it, without its secret_key. Its version is that of LiveChat's API. "
        "Only what is typed here was checked; see https://platform.text.com/docs/management/webhooks for the rest.",
        "type": "object",
        "required": ["action", "payload"],
        "properties": {
            "action": {"enum": sorted(STORED_ACTIONS)},
            "organization_id": {
                "type": ["string", "null"],
                "minLength": 1,
                "description": "API 3.4 and newer.",
            },
            "license_id": {"description": "API 3.3; newer versions have organization_id."},
            "payload": {"type": "object"},
        },
        "if": {"properties": {"action": {"const": "incoming_chat"}}},
        "then": {"properties": {"payload": {"required": ["chat"], "properties": {"chat": chat}}}},
        "else": {"properties": {"payload": {"required": ["chat_id"], "properties": of_others}}},
        "not": {"required": ["secret_key"]},
    }


def _keywords(closed: bool) -> Schema:
    fields: dict[str, Schema] = {
        "format": {"const": keyword_set.FORMAT},
        "files": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _TEXT,
            "description": "A file's name, without folder, and its text.",
        },
    }
    return {
        "title": f"A record of livechat.keywords, format {keyword_set.FORMAT}",
        "description": "A set of keyword files that came into force; the key is its hash. The value is this JSON, "
        "compressed with zlib (RFC 1950).",
        **_object(fields, closed=closed),
    }


_SCHEMAS: Final[Mapping[Topic, Callable[[bool], Schema]]] = {
    "decisions": _decisions,
    "parked": _parked,
    "webhooks": _webhooks,
    "keywords": _keywords,
}
TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)


def _object(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, *, closed: bool
) -> Schema:
    """An object with these fields. In an open schema, those that older records lack are not required."""
    schema: Schema = {
        "type": "object",
        "required": [name for name in required if closed or name not in _SINCE_0_2],
        "properties": {**required, **(optional or {})},
    }
    return {**schema, "additionalProperties": False} if closed else schema


def _one_of_kinds(kinds: Mapping[str, Schema], closed: bool) -> Schema:
    """Records of these kinds; of an open schema also others, of which nothing is known but the thread."""
    fits: list[Schema] = [*kinds.values()]
    if not closed:
        other = _object({"kind": {**_TEXT, "not": {"enum": list(kinds)}}, **_THREAD}, closed=False)
        fits.append({**other, "required": ["kind", *_THREAD], "description": "A kind of a later version."})
    return {"anyOf": fits}


def _list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _names(known: Iterable[str], *, closed: bool) -> Schema:
    """One of these names; in an open schema, any text beside them."""
    one_of_them = {"enum": list(dict.fromkeys(known))}
    return one_of_them if closed else {"anyOf": [one_of_them, {**_TEXT, "description": "of a later version"}]}
