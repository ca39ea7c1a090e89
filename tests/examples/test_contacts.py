"""examples/contacts sends who agreed, once or twice, and keeps aside what is refused; its Kafka Connect file is one."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from examples.contacts.contacts import Contact, ContactList, contact_of
from tests.webhooks import CUSTOMER, get_chat, incoming_chat, incoming_event, message

CONNECT: Final = Path(__file__).parents[2] / "examples" / "contacts" / "http-sink.json"
CONSENT: Final = "You may write to me"
AGREED: Final = {"type": "checkbox", "label": CONSENT, "answers": [{"id": "0", "label": "Yes"}]}
MAIL: Final = {"type": "email", "label": "E-mail", "answer": "ida@home.example"}
NAME: Final = {"type": "name", "label": "Name", "answer": "Ida"}
KNOWN: Final = [{"id": CUSTOMER, "type": "customer", "name": "Ida L.", "email": "known@home.example"}]
IDA: Final = Contact(f"org/{CUSTOMER}", json.dumps({"email": "ida@home.example", "name": "Ida"}))


def form(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "T_1",
        "type": "filled_form",
        "author_id": CUSTOMER,
        "form_type": "prechat",
        "fields": fields,
    } | more


def at_the_start(*events: dict[str, Any], of: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return incoming_chat(get_chat(events=events, active=True, of=of))


def later(event: dict[str, Any]) -> dict[str, Any]:
    return incoming_event("C", "T", event)


@pytest.mark.parametrize(
    ("webhook", "email"),
    [
        (at_the_start(form(NAME, MAIL, AGREED)), "ida@home.example"),
        (later(form(NAME, MAIL, AGREED)), "ida@home.example"),
        (at_the_start(form(AGREED), of=KNOWN), "known@home.example"),
        (
            at_the_start(form(MAIL, {"type": "radio", "label": CONSENT, "answer": {"id": "0"}})),
            "ida@home.example",
        ),
        (at_the_start(form(NAME, MAIL)), None),
        (at_the_start(form(NAME, MAIL, AGREED | {"answers": []})), None),
        (at_the_start(form(NAME, MAIL, AGREED | {"label": "Another box"})), None),
        (at_the_start(form(NAME, AGREED)), None),
        (later(form(NAME, MAIL, AGREED, form_type="postchat")), None),
        (at_the_start(message("T_1"), of=KNOWN), None),
        ({"action": "chat_deactivated", "organization_id": "org", "payload": {"chat_id": "C"}}, None),
    ],
)
def test_only_who_agreed_is_a_contact(webhook: dict[str, Any], email: str | None) -> None:
    found = contact_of(webhook, CONSENT)
    assert (found and json.loads(found.body)["email"]) == email
    assert found is None or found.path == f"org/{CUSTOMER}"


def test_the_owner_may_be_a_license_and_no_id_leaves_its_place_in_the_path() -> None:
    webhook = later(form(MAIL, AGREED, author_id="../x?"))
    webhook = {name: value for name, value in webhook.items() if name != "organization_id"} | {
        "license_id": 104
    }
    found = contact_of(webhook, CONSENT)
    assert found
    assert found.path == "104/..%2Fx%3F"


class Tool:
    """A marketing tool that answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[int] = []  # the next ones; then 200
        self.stored: dict[str, Any] = {}

    async def put(self, request: web.Request) -> web.Response:
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.stored[request.match_info["path"]] = await request.json()
        return web.Response(status=status)


@pytest.fixture
def tool() -> Tool:
    return Tool()


@asynccontextmanager
async def a_list(tool: Tool) -> AsyncIterator[ContactList]:
    app = web.Application()
    app.router.add_put("/contacts/{path:.+}", tool.put)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        aside = sqlite3.connect(":memory:")
        yield ContactList(session, str(server.make_url("/contacts")), aside)
        aside.close()


async def test_twice_is_as_once(tool: Tool) -> None:
    async with a_list(tool) as contacts:
        for _ in range(2):
            await contacts.put(IDA)
    assert tool.stored == {f"org/{CUSTOMER}": {"email": "ida@home.example", "name": "Ida"}}


async def test_a_refused_contact_is_kept_aside_and_tried_again_until_it_is_accepted(tool: Tool) -> None:
    tool.answers = [422, 422]
    async with a_list(tool) as contacts:
        await contacts.put(IDA)
        await contacts.put_refused(before=time.time() - 3600)  # too early
        assert len(tool.answers) == 1
        for _ in range(2):
            await contacts.put_refused(before=time.time() + 1)
        assert tool.stored.keys() == {IDA.path}
        assert contacts.aside.execute("SELECT count(*) FROM refused").fetchone() == (0,)


@pytest.mark.parametrize("status", [429, 503])
async def test_while_the_list_is_away_a_contact_waits(
    tool: Tool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.contacts.contacts.PAUSE_S_MAX", 0.0)
    tool.answers = [status]
    async with a_list(tool) as contacts:
        await contacts.put(IDA)
        assert contacts.aside.execute("SELECT count(*) FROM refused").fetchone() == (0,)
    assert tool.stored.keys() == {IDA.path}


def test_the_file_for_kafka_connect_sends_our_topic_as_it_is() -> None:
    configured = json.loads(CONNECT.read_text("utf-8"))["config"]
    assert configured["topics"] == "livechat.webhooks"
    assert configured["value.converter"].endswith(".StringConverter")
    assert all(isinstance(value, str) for value in configured.values())  # all that Kafka Connect accepts
