"""What one LiveChat event says. Pure.

What a person wrote or could read counts as said: a message's text; a rich message's titles, subtitles, buttons and
product labels; a form's answers, except name and e-mail. What does not: system messages, automatic greetings, events
that are deleted or visible to agents only, file names, the value behind a button.
"""

from collections.abc import Iterator
from typing import Any, Final

# LiveChat accepts messages of at most 16 KB, so no real one is cut here. A longer one is cut, not refused: its
# beginning can still be decided on, and `get_chat` would return the same text.
# https://platform.text.com/docs/messaging/agent-chat-api/data-structures#message
FIELD_CHARS_MAX: Final = 16_384

# A rich message has at most 10 elements of a title, a subtitle, 13 buttons and a product's label: 160 texts. The number
# of a product's options is not documented; the rest is for them.
FIELDS_MAX: Final = 500

# Properties of the namespace `lc2` that only the event of a greeting has: a number and a text. A thread that a greeting
# led to has them as well.
# https://platform.text.com/docs/messaging/references/default-properties#lc2
_GREETING_IDS: Final = ("greeting_id", "greeting_unique_id")

# Events of other types say nothing.
MESSAGE_TYPES: Final = ("message", "rich_message", "filled_form")

# Form fields that hold who somebody is, not what they want.
_PERSONAL: Final = ("name", "email")


def fields_of(event: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the texts that an event says, each to be searched separately; () if it says nothing, None if it is odd.

    An event is odd if it has a text that is not a string: something was said that cannot be read.
    """
    if event.get("visibility") == "agents" or event.get("recipients") == "agents" or is_deleted(event):
        return ()
    properties = event.get("properties")
    if properties and _is_greeting(properties):
        return ()
    kind = event.get("type")
    if kind == "message":
        text = event.get("text")
        if type(text) is not str:
            return () if text is None else None
        if len(text) > FIELD_CHARS_MAX:
            text = text[:FIELD_CHARS_MAX]
        return (text,) if text else ()
    if kind == "rich_message":
        return _kept(_of_elements(event.get("elements")))
    if kind == "filled_form":
        return _kept(_of_answers(event.get("fields")))
    return None if kind is not None and type(kind) is not str else ()


def is_deleted(event: dict[str, Any]) -> bool:
    """Return whether somebody deleted the event; LiveChat returns its text nevertheless to those it trusts.

    https://platform.text.com/docs/messaging/agent-chat-api/data-structures#deleted-event
    """
    return event.get("deleted") is True


def _is_greeting(properties: Any) -> bool:
    """Return whether LiveChat, not a person, wrote the message: a welcome message or an accepted greeting."""
    namespace = properties.get("lc2") if type(properties) is dict else None
    if type(namespace) is not dict:
        return False
    return namespace.get("welcome_message") is True or any(
        type(value) is int or (type(value) is str and value != "")
        for value in map(namespace.get, _GREETING_IDS)
    )


def _of_elements(elements: Any) -> Iterator[Any]:
    for element in _dicts(elements):
        yield element.get("title")
        yield element.get("subtitle")
        for button in _dicts(element.get("buttons")):
            yield button.get("text")
        product = element.get("ecommerce")
        if type(product) is dict:
            yield product.get("label")
            for option in _dicts(product.get("options")):
                yield option.get("label")


def _of_answers(fields: Any) -> Iterator[Any]:
    for field in _dicts(fields):
        if field.get("type") in _PERSONAL:
            continue
        yield _label(field.get("answer"))
        answers = field.get("answers")
        if type(answers) is list:
            yield from map(_label, answers)
        yield _label(field.get("value"))  # the shape of API 3.3 and older


def _label(answer: Any) -> Any:
    return answer.get("label") if type(answer) is dict else answer


def _dicts(listed: Any) -> Iterator[dict[str, Any]]:
    if type(listed) is list:
        yield from (item for item in listed if type(item) is dict)


def _kept(texts: Iterator[Any]) -> tuple[str, ...]:
    kept: list[str] = []
    for text in texts:
        if type(text) is str and text:
            kept.append(text[:FIELD_CHARS_MAX])
            if len(kept) == FIELDS_MAX:
                break
    return tuple(kept)
