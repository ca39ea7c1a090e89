"""Which answers have the shape that LiveChat documents, for the calls whose answer is used. Pure.

A check covers what this project reads and nothing more: LiveChat adds fields without a new version.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

Fits = Callable[[Mapping[str, Any], Any], bool]  # (the call's body, the JSON answer)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _thread(value: Any) -> bool:
    """A thread; its events are missing if the plan hides them (`restricted_access` replaces them)."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("id"), str)
        and isinstance(value.get("active"), bool)
        and _objects(value.get("events", []))
    )


def _chat(asked: Mapping[str, Any], value: Any) -> bool:
    """The chat and thread that were asked for; another thread's events would be decided on as this one's."""
    return (
        isinstance(value, dict)
        and value.get("id") == asked["chat_id"]
        and _objects(value.get("users"))
        and _thread(value.get("thread"))
        and value["thread"]["id"] == asked["thread_id"]
    )


def _page(name: str, fits: Callable[[Any], bool]) -> Fits:
    def fits_page(_: Mapping[str, Any], value: Any) -> bool:
        if not isinstance(value, dict) or not isinstance(value.get(name), list):
            return False
        page_id = value.get("next_page_id")
        return all(map(fits, value[name])) and (page_id is None or isinstance(page_id, str))

    return fits_page


def _tags(_: Mapping[str, Any], value: Any) -> bool:
    return _objects(value) and all(
        isinstance(tag.get("name"), str)
        and isinstance(tag.get("group_ids", []), list)
        and all(type(group) is int for group in tag.get("group_ids", []))
        for tag in value
    )


def _webhooks(_: Mapping[str, Any], value: Any) -> bool:
    wanted = ("id", "url", "action")
    return _objects(value) and all(isinstance(one.get(name), str) for one in value for name in wanted)


def _has(name: str, kind: type) -> Fits:
    return lambda _, value: isinstance(value, dict) and isinstance(value.get(name), kind)


# The methods that answer with a payload. All others answer 200 without one, and none is expected.
ANSWERED: Final[Mapping[str, Fits]] = {
    "get_chat": _chat,
    "list_threads": _page("threads", _thread),
    # One odd chat must not hide the others.
    "list_archives": _page("chats", lambda chat: isinstance(chat, dict)),
    "list_tags": _tags,
    "register_webhook": _has("id", str),
    "list_webhooks": _webhooks,
    "get_license_webhooks_state": _has("license_webhooks_enabled", bool),
}
