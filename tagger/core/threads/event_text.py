"""What one LiveChat event says. Pure.

What a person wrote or could read counts as said: a message's text; a rich message's titles, subtitles and buttons;
a form's answers, except name and e-mail. What does not: system messages, automatic greetings, events visible to
agents only, file names, the value behind a button.
"""

from collections.abc import Iterator
from typing import Any, Final

# LiveChat accepts messages of at most 16 KB, so no real one is cut here. A longer one is cut, not refused: its
# beginning can still be decided on, and `get_chat` would return the same text.
# https://platform.text.com/docs/messaging/agent-chat-api/data-structures#message
FIELD_CHARS_MAX: Final = 16_384

# A rich message has at most 10 elements of a title, a subtitle and 13 buttons.
FIELDS_MAX: Final = 200

# Form fields that hold who somebody is, not what they want.
_PERSONAL: Final = ("name", "email")


def fields_of(event: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the texts that an event says, each to be searched separately; () if it says nothing, None if it is odd.

    An event is odd if it has a text that is not a string: something was said that cannot be read.
    """
    kind = event.get("type")
    if kind == "message":
        if event.get("visibility") == "agents" or event.get("recipients") == "agents":
            return ()
        text = event.get("text")
        if type(text) is not str:
            return () if text is None else None
        properties = event.get("properties")
        if type(properties) is dict and "lc2" in properties and _is_greeting(properties):
            return ()
        if len(text) > FIELD_CHARS_MAX:
            text = text[:FIELD_CHARS_MAX]
        return (text,) if text else ()
    if kind == "rich_message":
        texts = _of_elements(event.get("elements"))
    elif kind == "filled_form":
        texts = _of_answers(event.get("fields"))
    else:
        return None if kind is not None and type(kind) is not str else ()
    if event.get("visibility") == "agents" or event.get("recipients") == "agents":
        return ()
    if _is_greeting(event.get("properties")):
        return ()
    return _kept(texts)


def _is_greeting(properties: Any) -> bool:
    """Return whether LiveChat, not a person, wrote the message.

    https://platform.text.com/docs/messaging/references/default-properties#lc2
    """
    namespace = properties.get("lc2") if type(properties) is dict else None
    return type(namespace) is dict and namespace.get("welcome_message") is True


def _of_elements(elements: Any) -> Iterator[Any]:
    for element in _dicts(elements):
        yield element.get("title")
        yield element.get("subtitle")
        for button in _dicts(element.get("buttons")):
            yield button.get("text")


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
