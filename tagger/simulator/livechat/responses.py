"""Answers of LiveChat's API as HTTP, broken ones included."""

from typing import Any

import orjson
from aiohttp import web

from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.faults import SHAPES, Fault


async def read_object(request: web.Request) -> dict[str, Any] | ApiError:
    """The JSON object in a request."""
    try:
        body = orjson.loads(await request.read())
    except web.HTTPRequestEntityTooLarge:
        return ApiError("entity_too_large")
    except orjson.JSONDecodeError:
        return ApiError("validation", "Invalid message")
    return body if isinstance(body, dict) else ApiError("validation", "Invalid message")


def respond(answer: Any, status: int, headers: dict[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    return web.Response(
        body=orjson.dumps(answer), status=status, headers=headers, content_type="application/json"
    )


def misbehave(request: web.Request, fault: Fault, answer: Any) -> web.StreamResponse:
    """The answer of a fault, which has one; `answer` is the usual one."""
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:.0f}"}
    kind = fault.answer or ""
    if kind not in SHAPES:
        error = ApiError(kind)
        return respond(error.body(), fault.status or error.status, headers)
    if kind in ("cut", "lost"):
        if request.transport is not None:
            request.transport.abort()
        return web.Response()  # goes nowhere
    if kind == "html":
        page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>"
        return web.Response(text=page, status=fault.status or 503, headers=headers, content_type="text/html")
    if kind == "empty":
        return web.Response(status=fault.status or 502, headers=headers)
    if kind == "not_json":
        return web.Response(text="upstream connect error", status=fault.status or 200, headers=headers)
    whole = orjson.dumps(answer.body() if isinstance(answer, ApiError) else answer or {"ok": True})
    half = whole[: len(whole) // 2]
    return web.Response(body=half, status=fault.status or 200, content_type="application/json")
