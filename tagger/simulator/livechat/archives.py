"""Lists of threads, in pages: `list_archives` and `list_threads`. Pure.

A page begins after the last thread of the page before, so threads that end meanwhile shift nothing.

https://platform.text.com/docs/messaging/agent-chat-api#list-archives: one entry a thread, so that a chat may
come several times; `filters`, `limit` and `sort_order` cannot be given along with `page_id`.
"""

import base64
import binascii
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from tagger.simulator.livechat.account import Chat, Organization, Thread, Version
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.shapes import chat_json, thread_json, timestamp

LIMIT_MAX: Final = 100
ARCHIVES_LIMIT, THREADS_LIMIT = 10, 3  # where the request names none
THREAD_IDS_MAX, CHAT_IDS_MAX, GROUP_IDS_MAX = 20, 1000, 200
FIRST_PAGE_ONLY: Final = ("filters", "limit", "sort_order")

Test = Callable[[Thread], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the next page needs; a `page_id` is this as base64 of JSON."""

    filters: dict[str, Any]
    limit: int
    sort_order: str
    after: str = ""  # the last thread of the page before, as `_position` writes it; "": the first page

    def id(self) -> str:
        fields = {"f": self.filters, "l": self.limit, "s": self.sort_order, "a": self.after}
        return base64.urlsafe_b64encode(orjson.dumps(fields)).decode()


def read_page(body: Mapping[str, Any], limit: int) -> Page | ApiError:
    """The page a request asks for; `limit` is the method's own default."""
    page_id = body.get("page_id")
    if page_id is not None:
        if any(name in body for name in FIRST_PAGE_ONLY):
            return ApiError("validation", "`page_id` cannot be used with other parameters")
        try:
            fields = orjson.loads(base64.urlsafe_b64decode(page_id))
            return Page(fields["f"], fields["l"], fields["s"], fields["a"])
        except (TypeError, KeyError, binascii.Error, orjson.JSONDecodeError):
            return ApiError("validation", "Invalid `page_id`")
    page = Page(body.get("filters", {}), body.get("limit", limit), body.get("sort_order", "desc"))
    if type(page.limit) is not int or not 1 <= page.limit <= LIMIT_MAX or not isinstance(page.filters, dict):
        return ApiError("validation")
    return page if page.sort_order in ("asc", "desc") else ApiError("validation", "Invalid `sort_order`")


def list_archives(
    organization: Organization, body: Mapping[str, Any], version: Version
) -> dict[str, Any] | ApiError:
    page = read_page(body, ARCHIVES_LIMIT)
    if isinstance(page, ApiError):
        return page
    tests = archive_tests(page.filters)
    if isinstance(tests, ApiError):
        return tests
    found = [thread for thread in organization.ended_threads() if all(test(thread) for test in tests)]
    shown, links = _cut(found, page)
    return {"chats": [chat_json(thread, version) for thread in shown], "found_chats": len(found)} | links


def list_threads(chat: Chat, body: Mapping[str, Any], version: Version) -> dict[str, Any] | ApiError:
    page = read_page(body, THREADS_LIMIT)
    if isinstance(page, ApiError):
        return page
    tests = archive_tests({name: page.filters[name] for name in ("from", "to") if name in page.filters})
    if isinstance(tests, ApiError):
        return tests
    found = [thread for thread in chat.threads if all(test(thread) for test in tests)]
    shown, links = _cut(found, page)
    return {
        "threads": [thread_json(thread, version) for thread in shown],
        "found_threads": len(found),
    } | links


def _cut(found: list[Thread], page: Page) -> tuple[Sequence[Thread], dict[str, str]]:
    newest_first, links = page.sort_order == "desc", {}
    found.sort(key=_position, reverse=newest_first)
    passed = operator.ge if newest_first else operator.le
    start = sum(passed(_position(thread), page.after) for thread in found) if page.after else 0
    end, before = start + page.limit, start - page.limit - 1
    if end < len(found):
        links["next_page_id"] = replace(page, after=_position(found[end - 1])).id()
    if start:
        links["previous_page_id"] = replace(page, after=_position(found[before]) if before >= 0 else "").id()
    return found[start:end], links


def _position(thread: Thread) -> str:
    return f"{timestamp(thread.created_at)} {thread.id}"


def archive_tests(filters: Mapping[str, Any]) -> list[Test] | ApiError:
    """`filters` as tests that a thread must pass. One we do not know is a validation error, not ignored."""
    tests: list[Test] = []
    for name, wanted in filters.items():
        make = FILTERS.get(name)
        if make is None:
            return ApiError("validation", f"Filter `{name}` is not known to this simulator")
        try:
            tests.append(make(wanted))
        except (TypeError, ValueError, AttributeError, KeyError):
            return ApiError("validation", f"Invalid filter `{name}`")
    if "thread_ids" in filters and len(filters) > 1:
        return ApiError("validation", "`thread_ids` cannot be used with other filters")
    return tests


def _ids(maximum: int, of: Callable[[Thread], set[Any]]) -> Callable[[list[Any]], Test]:
    def make(wanted: list[Any]) -> Test:
        if not isinstance(wanted, list) or len(wanted) > maximum:
            raise ValueError
        ids = set(wanted)
        return lambda thread: bool(ids & of(thread))

    return make


def _from(text: str) -> Test:
    at = _read_timestamp(text)
    return lambda thread: thread.created_at >= at


def _to(text: str) -> Test:
    at = _read_timestamp(text)
    return lambda thread: thread.created_at <= at


def _read_timestamp(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError
    return at


def _tags(wanted: Mapping[str, Any]) -> Test:
    """One of `exists`, `values`, `exclude_values`; with `require_every_value` all of the values."""
    every = all if wanted.get("require_every_value") else any
    if "exists" in wanted:
        return lambda thread: bool(thread.tags) == wanted["exists"]
    excluding = "values" not in wanted
    values = set(wanted["exclude_values" if excluding else "values"])
    return lambda thread: every(tag in thread.tags for tag in values) != excluding


# "from" and "to" are compared with the beginning of the thread; LiveChat does not say with what it compares.
FILTERS: Final[dict[str, Callable[[Any], Test]]] = {
    "from": _from,
    "to": _to,
    "tags": _tags,
    "thread_ids": _ids(THREAD_IDS_MAX, lambda thread: {thread.id}),
    "chat_ids": _ids(CHAT_IDS_MAX, lambda thread: {thread.chat.id}),
    "group_ids": _ids(GROUP_IDS_MAX, lambda thread: set(thread.group_ids)),
}
