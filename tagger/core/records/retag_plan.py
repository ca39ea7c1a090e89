"""The file of a plan for `tagger retag`: one line that describes it, then a line for each chat. Pure.

JSON, one object a line, so that a person can read it, delete lines, and shorten the lists of a line. Nothing else may
be changed: what a line sets must have its reason in that line. Reading never raises over what a file holds.
"""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import orjson

from tagger.core.conversation import ThreadKey
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.matching.decide import Reason
from tagger.core.records.decision import REASON_FIELDS, reasons_json, rfc3339
from tagger.core.records.past import NAME_CHARS_MAX, NUMBER_MAX
from tagger.core.review.retag import REASONS_MAX, TAGS_MAX, Asked, Change
from tagger.core.threads.fact_reader import milliseconds

T = TypeVar("T")

FORMAT: Final = 1
KIND: Final = "retag plan"
LINE_BYTES_MAX: Final = 16 << 20  # of `TAGS_MAX` tags, each with reasons that are long canned responses
# Chats of one plan: more than a busy month. Each takes 200 bytes of memory while the file is checked.
CHATS_MAX: Final = 1_000_000

_CONFIG: Final = re.compile("[0-9a-f]{12}")
_ASKED: Final = ("remove", "undo", "rename")


class Head(NamedTuple):
    """The first line."""

    config: str  # hash of the keyword files that were asked
    made_at_ms: int
    asked: Asked
    source: str  # for people: where the chats came from
    since_ms: int  # chats that ended since then; 0: all
    from_webhooks: bool  # what was said came from Kafka, not from LiveChat


class _MistakeError(Exception):
    """What is wrong with a line; the text quotes nothing of a chat."""


def head_line(head: Head) -> bytes:
    """Write the first line."""
    asked = {"remove": head.asked.remove, "undo": head.asked.undo, "rename": dict(head.asked.rename)}
    return _line({
        "kind": KIND,
        "format": FORMAT,
        "config": head.config,
        "made_at": rfc3339(head.made_at_ms),
        "asked": asked,
        "source": head.source,
        "since": rfc3339(head.since_ms),
        "from_webhooks": head.from_webhooks,
    })  # fmt: skip


def change_line(change: Change) -> bytes:
    """Write the line of a chat. Tags come before what only programs need."""
    return _line({
        **change.thread._asdict(),
        "set": change.set,
        "remove": change.remove,
        "ended_at": rfc3339(change.ended_at_ms),
        "messages": change.messages,
        "because": reasons_json(change.because),
    })  # fmt: skip


def read_head(line: bytes) -> Head | str:
    """Read the first line; or say what is wrong with it."""
    try:
        head = _object(line)
        if head.get("kind") != KIND:
            raise _MistakeError("is not the first line of a plan of tagger retag")
        if head.get("format") != FORMAT:
            raise _MistakeError(f"format must be {FORMAT}: this plan is of another version")
        config, source, since = head.get("config"), head.get("source"), head.get("since")
        if not isinstance(config, str) or not _CONFIG.fullmatch(config):
            raise _MistakeError("config must be the hash of keyword files")
        if not isinstance(source, str) or type(head.get("from_webhooks")) is not bool:
            raise _MistakeError("source or from_webhooks is missing")
        return Head(
            config,
            _time(head, "made_at"),
            _asked(head.get("asked")),
            source,
            0 if since is None else _time(head, "since"),
            head["from_webhooks"],
        )
    except _MistakeError as mistake:
        return str(mistake)


def read_change(line: bytes) -> Change | str:
    """Read the line of a chat; or say what is wrong with it."""
    try:
        fields = _object(line)
        thread = ThreadKey(*(_text(fields, name, ID_BYTES_MAX) for name in ThreadKey._fields))
        if not thread.chat_id or not thread.thread_id:
            raise _MistakeError("chat_id and thread_id must not be empty")
        wanted, unwanted = _tags(fields, "set"), _tags(fields, "remove")
        if both := sorted({*wanted} & {*unwanted}):
            raise _MistakeError(f"{both[0]} is both set and removed")
        because = tuple(_each(fields, "because", TAGS_MAX * REASONS_MAX, _reason))
        if bare := sorted({*wanted} - {reason.tag for reason in because}):
            raise _MistakeError(f"no rule called for {bare[0]}: tags to set can be deleted, not added")
        reasons = tuple(reason for reason in because if reason.tag in wanted)
        messages, ended_at_ms = _number(fields, "messages"), _time(fields, "ended_at")
        return Change(thread, ended_at_ms, messages, wanted, unwanted, reasons)
    except _MistakeError as mistake:
        return str(mistake)


def _line(value: dict[str, Any]) -> bytes:
    return orjson.dumps(value) + b"\n"


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise _MistakeError(f"is longer than {LINE_BYTES_MAX >> 20} MiB")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise _MistakeError("is not JSON: delete whole lines only") from None
    if not isinstance(value, dict):
        raise _MistakeError("is not a JSON object")
    return value


def _asked(value: Any) -> Asked:
    if not isinstance(value, dict) or value.keys() != {*_ASKED} or type(value["remove"]) is not bool:
        raise _MistakeError("asked must have remove, undo and rename")
    undo = _each(value, "undo", TAGS_MAX, _name)
    rename = value["rename"]
    if not isinstance(rename, dict) or not all(map(_is_name, (*rename, *rename.values()))):
        raise _MistakeError("rename must map tags to tags")
    return Asked(value["remove"], tuple(undo), rename)


def _tags(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_each(fields, name, TAGS_MAX, _name)))


def _each(fields: dict[str, Any], name: str, count_max: int, read: Callable[[Any, str], T]) -> list[T]:
    listed = fields.get(name)
    if not isinstance(listed, list) or len(listed) > count_max:
        raise _MistakeError(f"{name} must be a list of at most {count_max}")
    return [read(one, name) for one in listed]


def _reason(value: Any, name: str) -> Reason:
    if not isinstance(value, dict):
        raise _MistakeError(f"{name} must hold objects")
    rule, tag, keyword, event_id = (_text(value, each, LINE_BYTES_MAX) for each in REASON_FIELDS[:4])
    return Reason(rule, tag, keyword, event_id, _number(value, "start"), _number(value, "end"))


def _name(value: Any, name: str) -> str:
    if not _is_name(value):
        raise _MistakeError(f"{name} must hold texts of 1 to {NAME_CHARS_MAX:,} characters")
    return str(value)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARS_MAX


def _text(fields: dict[str, Any], name: str, bytes_max: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or len(value.encode("utf-8", "replace")) > bytes_max:
        raise _MistakeError(
            f"{name} must be a text" + (f" of at most {bytes_max} bytes" if bytes_max < 1_000 else "")
        )
    return value


def _number(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise _MistakeError(f"{name} must be a whole number")
    return value


def _time(fields: dict[str, Any], name: str) -> int:
    time = milliseconds(fields.get(name))
    if time is None:
        raise _MistakeError(f"{name} must be a time (RFC 3339)")
    return time
