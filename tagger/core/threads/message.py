"""The webhook of a plain message, read by the shortest way: nearly all records are one. Pure.

Only the fields that are kept are decoded, and checked on the way: parsing the whole webhook and looking into it takes
twice as long. Whatever is not exactly such a message is left to `fact_reader`, which would read these with the same
result. Only damage to what is not read goes unnoticed: in another field, a text that is not UTF-8 or a number beyond
all bounds.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, MsgspecError, Struct
from msgspec.json import Decoder

from tagger.core.limits import ID_BYTES_MAX
from tagger.core.threads.event_text import FIELD_CHARS_MAX
from tagger.core.threads.facts import EventReceived

_Named = Annotated[str, Meta(min_length=1)]
_Id = Annotated[str, Meta(min_length=1, max_length=ID_BYTES_MAX // 4)]  # fits in any encoding


class _Properties(Struct, gc=False):
    lc2: None = None  # of greetings and of what came after them


class _Event(Struct, gc=False):
    id: _Id
    type: Literal["message"]
    text: Annotated[str, Meta(min_length=1, max_length=FIELD_CHARS_MAX)]
    author_id: Annotated[str, Meta(max_length=ID_BYTES_MAX // 4)] = ""
    visibility: Literal["all"] | None = None
    recipients: Literal["all"] | None = None
    deleted: None = None
    properties: _Properties | None = None


class _Payload(Struct, gc=False):
    chat_id: _Named
    thread_id: _Named
    event: _Event


class _Webhook(Struct, gc=False):
    action: Literal["incoming_event"]
    organization_id: _Named
    payload: _Payload


_decode: Final = Decoder(_Webhook).decode
# A text that is not UTF-8 and a document that nests without end have errors of their own.
_OTHER: Final = (MsgspecError, UnicodeDecodeError, RecursionError)


def plain_message(value: bytes) -> EventReceived | None:
    """Read the record of a plain message; None if it is anything else, or odd in any way."""
    try:
        webhook = _decode(value)
    except _OTHER:
        return None
    payload = webhook.payload
    event = payload.event
    # Half the cost of calling the class, and it is paid for every record.
    return tuple.__new__(
        EventReceived,
        (
            webhook.organization_id,
            payload.chat_id,
            payload.thread_id,
            event.id,
            event.author_id,
            (event.text,),
        ),
    )
