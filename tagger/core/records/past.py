"""A record of `livechat.decisions` → what was decided on a thread, or what a person corrected. Pure.

Never raises over what a record holds, and no reason quotes it. Unknown fields are ignored; a record without `kind`
and `format` is a decision of a version before there were corrections.
"""

from typing import Any, Final, NamedTuple

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.matching.decide import Reason
from tagger.core.records.decision import FORMAT, json_object
from tagger.core.review.past_chat import Correction, PastDecision, Place
from tagger.core.threads.fact_reader import milliseconds

# Records of ours have at most 700,000 bytes. A larger one is not ours, and not worth the time to parse.
VALUE_BYTES_MAX: Final = 1 << 20
# A topic's name has at most 249 characters, a rule's id 100, a tag 256; beyond this it is not one.
NAME_CHARS_MAX: Final = 1_024
# Numbers of Kafka and of texts fit into 63 bits, which is also what SQLite keeps.
NUMBER_MAX: Final = (1 << 63) - 1

_THREAD: Final = ThreadKey._fields


class Past(NamedTuple):
    """One record: which thread it is about, and what it says."""

    thread: ThreadKey
    what: PastDecision | Correction


class _UnusableError(Exception):
    """A field is missing or of another type; the text says which, and quotes nothing."""


def read_past(value: bytes | None) -> Past | str:
    """Read a record's value; or say in a few words why it is neither a decision nor a correction."""
    if value is not None and len(value) > VALUE_BYTES_MAX:
        return "too large"
    record = json_object(value)
    if record is None:
        return "no value" if value is None else "not a JSON object"
    return past_of(record)


def past_of(record: dict[str, Any]) -> Past | str:
    """As `read_past`, of a record whose JSON was read."""
    if (made := record.get("format", FORMAT)) != FORMAT or made is True:
        return "of another format"
    try:
        thread = ThreadKey(*(_id(record, name) for name in _THREAD))
        if not thread.chat_id or not thread.thread_id:
            return "no thread"
        match record.get("kind", "decision"):
            case "decision":
                return Past(thread, _decision(record))
            case "correction":
                return Past(thread, _correction(record))
    except _UnusableError as unusable:
        return str(unusable)
    return "of another kind"


def _decision(record: dict[str, Any]) -> PastDecision:
    return PastDecision(
        tuple(_names(record, "tags")),
        tuple(_reason(each) for each in _listed(record, "because")),
        _text(record, "outcome"),
        _text(record, "config"),
        _number(record, "messages"),
        _time(record, "ended_at"),
        _time(record, "settled_at"),
        _place(record),
        tuple(_names(record, "held_back")) if "held_back" in record else (),
        tuple(_names(record, "untagged")) if "untagged" in record else (),
        _time(record, "began_at") if "began_at" in record else None,
        "because_omitted" in record,
    )


def _correction(record: dict[str, Any]) -> Correction:
    tag, change = _text(record, "tag"), record.get("change")
    if change != "added" and change != "removed":  # noqa: PLR1714 - mypy narrows this one
        raise _UnusableError("odd change")
    return Correction(tag, change, _time(record, "at"), _place(record))


def _reason(each: object) -> Reason:
    if not isinstance(each, dict):
        raise _UnusableError("odd because")
    return Reason(
        _text(each, "rule"),
        _text(each, "tag"),
        _text(each, "keyword"),
        _text(each, "event_id"),
        _number(each, "start"),
        _number(each, "end"),
        _number(each, "field") if "field" in each else 0,
    )


def _place(record: dict[str, Any]) -> Place | None:
    fields = [record.get(name) for name in Place._fields]
    if fields == [None, None, None]:
        return None
    return Place(_text(record, "topic"), _number(record, "partition"), _number(record, "offset"))


def _listed(record: dict[str, Any], name: str) -> list[Any]:
    listed = record.get(name)
    if not isinstance(listed, list):
        raise _UnusableError(f"odd {name}")
    return listed


def _names(record: dict[str, Any], name: str) -> list[str]:
    names = _listed(record, name)
    if not all(isinstance(each, str) and len(each) <= NAME_CHARS_MAX for each in names):
        raise _UnusableError(f"odd {name}")
    return names


def _text(record: dict[str, Any], name: str) -> str:
    text = record.get(name)
    # A canned response is its own keyword, and may be long; the record as a whole is bounded.
    if not isinstance(text, str) or (len(text) > NAME_CHARS_MAX and name != "keyword"):
        raise _UnusableError(f"odd {name}")
    return text


def _id(record: dict[str, Any], name: str) -> str:
    text = _text(record, name)
    if len(text) * 4 > ID_BYTES_MAX and len(text.encode()) > ID_BYTES_MAX:
        raise _UnusableError(f"odd {name}")
    return text


def _number(record: dict[str, Any], name: str) -> int:
    number = record.get(name)
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        raise _UnusableError(f"odd {name}")
    return number


def _time(record: dict[str, Any], name: str) -> int:
    time = milliseconds(record.get(name))
    if time is None:
        raise _UnusableError(f"odd {name}")
    return time


def because_json(because: tuple[Reason, ...]) -> bytes:
    """Write reasons as in their record, for a store that keeps no words of chats."""
    return orjson.dumps([{name: getattr(each, name) for name in Reason.__slots__} for each in because])


def because_of(stored: bytes) -> tuple[Reason, ...]:
    """Read what `because_json` wrote."""
    return tuple(Reason(**each) for each in orjson.loads(stored))
