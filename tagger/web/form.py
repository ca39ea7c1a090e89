"""A form that was sent: its fields, read with limits."""

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

BODY_S_MAX: Final = 10.0  # for a form to come as a whole
FIELDS_MAX: Final = 20  # the largest form has five
FORM: Final = "application/x-www-form-urlencoded"


async def fields_of(request: web.Request) -> dict[str, str]:
    """The fields, each once, the last one counting; raises the HTTP error where the form is bad, too large or slow."""
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_S_MAX):
            body = await request.read()
        text = body.decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ValueError:
        raise web.HTTPBadRequest from None
