"""Chats of the past on our topics, for the page to read."""

from collections.abc import Iterable
from typing import NamedTuple

import orjson
from confluent_kafka import Producer

from ingest.topic import record_key
from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record, rfc3339
from tagger.core.records.keyword_set import IN_FORCE_AT, pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tests.webhooks import ORGANIZATION, chat_deactivated, get_chat, incoming_chat, message

TALK_MS = 120_000  # from the first word to the end


class Ended(NamedTuple):
    """A chat in which the customer says one thing."""

    chat_id: str
    text: str
    ended_at_ms: int


def write(bootstrap: str, topic: str, chats: Iterable[Ended]) -> None:
    """Write them to an existing topic. Not with asyncio: where a browser is driven, its loop runs already."""
    producer = Producer({"bootstrap.servers": bootstrap, "queue.buffering.max.messages": 1_000_000})
    for chat_id, text, ended_at_ms in chats:
        thread, began_ms = f"T{chat_id}", ended_at_ms - TALK_MS
        said = message(f"{thread}_1", text)
        first = get_chat(thread, events=[said], active=True, chat=chat_id, created_at=rfc3339(began_ms))
        key = record_key(ORGANIZATION, chat_id)
        for webhook, at_ms in (
            (incoming_chat(first), began_ms),
            (chat_deactivated(chat_id, thread), ended_at_ms),
        ):
            producer.produce(topic, orjson.dumps(webhook), key, timestamp=at_ms)
    assert producer.flush(60) == 0


def decide(
    bootstrap: str, topic: str, chats: Iterable[Ended], rules: str, removed: Iterable[str] = ()
) -> None:
    """Write what is decided on them by these rules; people removed the first tag of some, by the chat's id."""
    parsed = parse({"rules.yaml": rules.encode()})
    assert isinstance(parsed, RuleSet)
    producer, decider, taken = (
        Producer({"bootstrap.servers": bootstrap}),
        Decider.compile(parsed),
        set(removed),
    )
    for number, (chat_id, text, ended_at_ms) in enumerate(chats):
        thread = ThreadKey(ORGANIZATION, chat_id, f"T{chat_id}")
        decision = decider.decide(Conversation(thread, (Said("1", "customer", (text,)),)), ended_at_ms)
        source = Source("webhooks", 0, number)
        made = decision_record(
            thread,
            decision,
            "tagged" if decision.tags else "no_match",
            source,
            read_from="webhooks",
            messages=1,
            ended_at_ms=ended_at_ms,
            settled_at_ms=ended_at_ms,
        )
        records = [made]
        if chat_id in taken:
            records.append(correction_record(thread, decision.tags[0], "removed", source, ended_at_ms))
        for record in records:
            producer.produce(topic, orjson.dumps(record), record_key(ORGANIZATION, chat_id))
    assert producer.flush(60) == 0


def store_set(bootstrap: str, topic: str, rules: str, in_force_ms: int) -> None:
    """Write a keyword set that came into force then."""
    files = {"rules.yaml": rules.encode()}
    parsed, packed = parse(files), pack(files)
    assert isinstance(parsed, RuleSet)
    producer = Producer({"bootstrap.servers": bootstrap})
    headers: dict[str, str | bytes | None] = {IN_FORCE_AT: str(in_force_ms)}
    producer.produce(topic, packed, parsed.hash, partition=0, headers=headers)
    assert producer.flush(60) == 0
