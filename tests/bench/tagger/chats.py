"""Chats as LiveChat tells them, and the keyword files that two of three of them get a tag from.

Chats overlap as in life: at any time some 1,200 are open, and their ends are spread evenly over the records.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from tagger.core.matching.automaton import Matcher
from tagger.core.rules.model import Keyword
from tests.bench.matcher.chats import keywords, messages, vocabulary

ORGANIZATIONS: Final = tuple(f"{number:08x}-3e0f-4a68-8c47-b2f6a90e51d3" for number in range(40))
RECORDS: Final = 21  # of a chat: its beginning with the first message, 19 messages, its end
KEYWORDS: Final = 1_000
RULES: Final = 40
# Chats that start between two records of one chat.
BETWEEN: Final = 60
# One rule in so many listens to agents, too, so everything that is said is searched.
ANY_EVERY: Final = 10


class Webhook(NamedTuple):
    """One webhook without the secret."""

    organization: str
    chat_id: str
    body: bytes


def organization_of(chat: int) -> str:
    return ORGANIZATIONS[chat % len(ORGANIZATIONS)]


def is_tagged(chat: int) -> bool:
    """Whether one of its messages has a keyword: two of three."""
    return chat % 3 != 0


class Talk:
    """What is said in chats: seeded; the same for every program."""

    def __init__(self, keyword_count: int = KEYWORDS) -> None:
        words = vocabulary(20_000)
        self.keywords = keywords(words, keyword_count)
        found = Matcher([Keyword(keyword, keyword) for keyword in self.keywords]).find
        # A message has a keyword only where one is put, and then exactly one.
        self._idle = [message for message in messages(words, 5_000) if not found(message)]
        requests = [f"Hello, {keyword} please." for keyword in self.keywords]
        self._requests = [request for request in requests if len(found(request)) == 1]

    def message(self, chat: int, number: int) -> str:
        """The message of that number; the eighth of a tagged chat asks for a tag."""
        if number == 8 and is_tagged(chat):
            return self._requests[chat % len(self._requests)]
        return self._idle[(chat * 19 + number * 7) % len(self._idle)]


def webhook(talk: Talk, chat: int, number: int, run: str = "") -> Webhook:
    """A record of a chat; the last one (RECORDS - 1) is its end. `run` makes ids that no other run has."""
    organization, chat_id, thread_id = organization_of(chat), f"SR{run}C{chat:07d}", f"SR{run}T{chat:07d}"
    customer = f"b7eff798-f8df-4364-8059-{chat:012d}"
    envelope: dict[str, Any] = {
        "webhook_id": "aa9f0c3e-9a1a-4b1c-8c55-0f1fd4e6a0b2",
        "organization_id": organization,
        "additional_data": {
            "chat_properties": {"routing": {"continuous": False, "pinned": True}},
            "chat_presence_user_ids": [customer, "agent@example.com"],
        },
    }
    if number == RECORDS - 1:
        payload: dict[str, Any] = {"chat_id": chat_id, "thread_id": thread_id, "user_id": "agent@example.com"}
        return Webhook(
            organization,
            chat_id,
            orjson.dumps({**envelope, "action": "chat_deactivated", "payload": payload}),
        )
    event = {
        "id": f"{thread_id}_{number + 1}",
        "custom_id": "31-0C-1C-07-DB-16",
        "created_at": "2026-11-23T12:07:56.123456Z",
        "visibility": "all",
        "type": "message",
        "text": talk.message(chat, number),
        "author_id": "agent@example.com" if number % 2 else customer,
        "properties": {"0805e283233042b37f460ed8fbf22160": {"string_property": "string value"}},
    }
    if number:
        payload = {"chat_id": chat_id, "thread_id": thread_id, "event": event}
        action = "incoming_event"
    else:
        users = [{"id": customer, "type": "customer"}, {"id": "agent@example.com", "type": "agent"}]
        created_at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        thread = {"id": thread_id, "active": True, "created_at": created_at, "events": [event]}
        payload = {"chat": {"id": chat_id, "users": users, "thread": thread}}
        action = "incoming_chat"
    return Webhook(organization, chat_id, orjson.dumps({**envelope, "action": action, "payload": payload}))


def order(chats: Sequence[int], between: int = BETWEEN) -> Iterator[tuple[int, int]]:
    """(chat, number of its record), in the order in which they come."""
    for step in range(len(chats) + between * (RECORDS - 1)):
        for number in range(RECORDS):
            place = step - between * number
            if 0 <= place < len(chats):
                yield chats[place], number


def write_rules(folder: Path, words: Sequence[str], rules: int = RULES) -> None:
    """A keyword file with the keywords dealt out to so many rules."""
    document = {
        "version": 1,
        "rules": [
            {
                "id": f"rule-{number}",
                "tag": f"Tag {number}",
                "from": "any" if number % ANY_EVERY == 0 else "customer",
                "any": list(words[number::rules]),
            }
            for number in range(rules)
        ],
    }
    (folder / "keywords.yaml").write_bytes(orjson.dumps(document))  # JSON is YAML


def tags(rules: int = RULES) -> list[str]:
    return [f"Tag {number}" for number in range(rules)]
