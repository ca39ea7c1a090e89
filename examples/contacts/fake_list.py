"""Pretends to be the contact list of a marketing tool, on http://127.0.0.1:PORT/contacts.

    python examples/contacts/fake_list.py PORT [REFUSED]

PUT stores a contact, GET shows all of them. It refuses e-mail addresses that contain REFUSED.
"""

import sys

from aiohttp import web

contacts: dict[str, dict[str, str]] = {}


async def put(request: web.Request) -> web.Response:
    """Store a contact under the organization and customer of its address."""
    contact = await request.json()
    if len(sys.argv) > 2 and sys.argv[2] in contact["email"]:
        return web.Response(status=422)
    key = f"{request.match_info['organization']}/{request.match_info['customer']}"
    status = 200 if key in contacts else 201
    contacts[key] = contact
    return web.json_response(contact, status=status)


async def show(_: web.Request) -> web.Response:
    """All contacts."""
    return web.json_response(contacts)


if __name__ == "__main__":
    app = web.Application()
    app.router.add_put("/contacts/{organization}/{customer}", put)
    app.router.add_get("/contacts", show)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
