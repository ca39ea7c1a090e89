"""Lists of threads, in pages: `list_archives` and `list_threads`. Pure.

A page begins after the last thread of the previous one, so threads that end meanwhile shift nothing.

https://platform.text.com/docs/messaging/agent-chat-api#list-archives: one entry per thread, so a chat may appear
several times; `filters`, `limit` and `sort_order` cannot be combined with `page_id`. Of the filters only `from`,
`to` and `thread_ids` are simulated. Times are compared with the start of the thread; LiveChat does not say what it
compares.
"""

import base64
import binascii
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from tagger.simulator.livechat.account import Chat, Organization, Thread, Version
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.shapes import chat_json, thread_json, timestamp

LIMIT_MAX: Final = 100
THREAD_IDS_MAX: Final = 20
ARCHIVES_LIMIT, THREADS_LIMIT = 10, 3  # if the request does not say
ENDS: Final = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T00:00:00Z"}  # for a filter that is not given
FIRST_PAGE_ONLY: Final = ("filters", "limit", "sort_order")


@dataclass(frozen=True, slots=True)
class _Page:
    """What the next page needs; a `page_id` is this in JSON and base64."""

    filters: dict[str, Any]
    limit: int
    sort_order: str
    after: str = ""  # the `_position` of the last thread before this page; "": this is the first page

    def id(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps(self)).decode()


def _read_page(body: Mapping[str, Any], limit: int) -> _Page | ApiError:
    """The page a request asks for; `limit` is the method's default."""
    page_id = body.get("page_id")
    if page_id is not None:
        if any(name in body for name in FIRST_PAGE_ONLY):
            return ApiError("validation", "`page_id` cannot be used with other parameters")
        try:
            return _Page(**orjson.loads(base64.urlsafe_b64decode(page_id)))
        except (TypeError, binascii.Error, orjson.JSONDecodeError):
            return ApiError("validation", "Invalid `page_id`")
    page = _Page(body.get("filters", {}), body.get("limit", limit), body.get("sort_order", "desc"))
    is_limit = type(page.limit) is int and 1 <= page.limit <= LIMIT_MAX
    return page if is_limit and page.sort_order in ("asc", "desc") else ApiError("validation")


def list_archives(
    organization: Organization, body: Mapping[str, Any], version: Version
) -> dict[str, Any] | ApiError:
    """Ended threads of all chats, each as a chat."""
    page = _read_page(body, ARCHIVES_LIMIT)
    if isinstance(page, ApiError):
        return page
    span = _span(page.filters)
    if isinstance(span, ApiError):
        return span
    since, until = span
    wanted = page.filters.get("thread_ids")
    found = [
        thread
        for thread in organization.ended_threads()
        if since <= thread.created_at <= until and (wanted is None or thread.id in wanted)
    ]
    shown, links = _cut(found, page)
    return {"chats": [chat_json(thread, version) for thread in shown], "found_chats": len(found)} | links


def list_threads(chat: Chat, body: Mapping[str, Any], version: Version) -> dict[str, Any] | ApiError:
    """The threads of a chat."""
    page = _read_page(body, THREADS_LIMIT)
    if isinstance(page, ApiError):
        return page
    shown, links = _cut(list(chat.threads), page)
    threads = [thread_json(thread, version) for thread in shown]
    return {"threads": threads, "found_threads": len(chat.threads)} | links


def _span(filters: Mapping[str, Any]) -> tuple[datetime, datetime] | ApiError:
    """`from` and `to`. A filter that is invalid or not simulated is a validation error, not ignored."""
    try:
        ids = filters.get("thread_ids", [""])
        if not isinstance(ids, list) or not 1 <= len(ids) <= THREAD_IDS_MAX:
            raise ValueError
        since, until = (datetime.fromisoformat(filters.get(name, end)) for name, end in ENDS.items())
        if not filters.keys() <= {*ENDS, "thread_ids"} or None in (since.tzinfo, until.tzinfo):
            raise ValueError
    except (TypeError, ValueError, AttributeError):
        return ApiError("validation", "Invalid or unknown filter")
    return since, until


def _cut(found: list[Thread], page: _Page) -> tuple[Sequence[Thread], dict[str, str]]:
    newest_first = page.sort_order == "desc"
    found.sort(key=_position, reverse=newest_first)
    passed = operator.ge if newest_first else operator.le
    start = sum(passed(_position(thread), page.after) for thread in found) if page.after else 0
    end = start + page.limit
    links = {"next_page_id": replace(page, after=_position(found[end - 1])).id()} if end < len(found) else {}
    return found[start:end], links


def _position(thread: Thread) -> str:
    return f"{timestamp(thread.created_at)} {thread.id}"
