"""The floor: a handler as aiohttp's documentation shows it, which reads the body and answers 200."""

import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.post("/webhooks/livechat", handle)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
