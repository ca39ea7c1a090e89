"""Puts customers who agreed to it on a contact list: PUT <CONTACTS_URL>/<organization>/<customer>, twice is as once."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import load

GROUP = "contacts-example"
TIMEOUT_S = 10.0  # for one answer of the contact list
PAUSE_S_MAX = 60.0  # between two tries while the list is away, doubling from 1 s
TABLE = "CREATE TABLE IF NOT EXISTS refused (path PRIMARY KEY, body, refused_at)"


class Contact(NamedTuple):
    """Whom to write to: the path below CONTACTS_URL, and the body."""

    path: str
    body: str


def contact_of(webhook: Mapping[str, Any], consent: str) -> Contact | None:
    """The customer in a webhook with a pre-chat form in which the field labelled `consent` has an answer."""
    payload = webhook["payload"]
    chat = payload.get("chat", {})
    events = chat["thread"].get("events", []) if chat else [payload.get("event", {})]
    for event in events:
        if event.get("type") == "filled_form" and event.get("form_type", "prechat") == "prechat":
            fields = event["fields"]
            answers = {
                field["type"]: field["answer"] for field in fields if isinstance(field.get("answer"), str)
            }
            agreed = any(f["label"] == consent and (f.get("answer") or f.get("answers")) for f in fields)
            known = {user["id"]: user for user in chat.get("users", [])}.get(event["author_id"], {})
            email = answers.get("email") or known.get("email")
            if agreed and email:
                # A license (API 3.3) or an organization: two of them may know the same customer's id.
                owner = str(webhook.get("organization_id") or webhook["license_id"])
                body = {"email": email, "name": answers.get("name") or known.get("name")}
                return Contact(f"{quote(owner, '')}/{quote(event['author_id'], '')}", json.dumps(body))
    return None


class ContactList:
    """The list, and beside it what it refused: kept, and tried again."""

    def __init__(self, session: aiohttp.ClientSession, url: str, aside: sqlite3.Connection) -> None:
        self.session, self.url, self.aside = session, url.rstrip("/"), aside
        self.aside.execute(TABLE)

    async def put(self, contact: Contact) -> None:
        """Return once the list has the contact, or has refused it and it is kept aside."""
        pause_s = 1.0
        while (status := await self._answer(contact)) is None:
            await asyncio.sleep(pause_s)  # the offset waits, too: what is behind it shows as consumer lag
            pause_s = min(2 * pause_s, PAUSE_S_MAX)
        with self.aside:
            if status < 300:
                self.aside.execute("DELETE FROM refused WHERE path = ?", (contact.path,))
            else:
                row = (*contact, time.time())
                self.aside.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", row)
        print("put" if status < 300 else f"kept aside ({status})", file=sys.stderr, flush=True)

    async def put_refused(self, before: float) -> None:
        """Try those again that were refused before a time (Unix, s)."""
        chosen = "SELECT path, body FROM refused WHERE refused_at < ?"
        for row in self.aside.execute(chosen, (before,)).fetchall():
            await self.put(Contact(*row))

    async def _answer(self, contact: Contact) -> int | None:
        """The status; None if it may be another one in a minute."""
        url, headers = f"{self.url}/{contact.path}", {"Content-Type": "application/json"}
        try:
            async with self.session.put(url, data=contact.body, headers=headers) as response:
                return None if response.status >= 500 or response.status == 429 else response.status
        except (aiohttp.ClientError, TimeoutError):
            return None


async def main() -> None:
    """Read webhooks until somebody ends it."""
    consent, retry_s = os.environ["CONTACTS_CONSENT_FIELD"], float(os.environ.get("CONTACTS_RETRY_S", "3600"))
    settings, aside = load(KafkaSettings), sqlite3.connect(os.environ.get("CONTACTS_ASIDE", "refused.db"))
    options = settings.client_options() | {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as session,
        AIOKafkaConsumer(settings.kafka_webhooks_topic, group_id=GROUP, **options) as consumer,
    ):
        contacts = ContactList(session, os.environ["CONTACTS_URL"], aside)
        while True:
            await contacts.put_refused(time.time() - retry_s)
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    try:
                        contact = contact_of(json.loads(record.value), consent)
                    except (AttributeError, KeyError, TypeError, ValueError):
                        contact = None  # of a shape that nobody promised: no contact, and no reason to stop
                    if contact is not None:
                        await contacts.put(contact)
            with suppress(CommitFailedError):  # another one reads these partitions now, and does it once more
                await consumer.commit()


if __name__ == "__main__":
    os.umask(0o077)  # what is kept aside holds addresses
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
