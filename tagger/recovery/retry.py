"""Tries parked items again: sets the tag, or fetches the chat and decides it, and records the result.

An item is closed only when it is settled. One that waits for LiveChat stays as it is, one that is refused
again is recorded as such. A tag that a person removed is not set: its item is closed as `held_back`. An organization
that fails is left alone for the rest of the run.
"""

from dataclasses import dataclass
from typing import Final, Literal

from ingest.runtime.clock import now_ms
from ingest.topic import record_key
from tagger.core.records.missed import last_event_ms
from tagger.core.records.parked import Item, Resolved, refused_again, resolved_record
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import conversation_of
from tagger.kafka.producer import Producer
from tagger.kafka.recall import Recall
from tagger.livechat.calls.answers import Done, Permanent, Transient, described
from tagger.livechat.calls.requests import get_chat, tag_thread
from tagger.livechat.client import Client
from tagger.recovery.removed import Removed
from tagger.service.settle import Ended, Settle

HELD_BACK: Final = "a person removed this tag, so it is not set again"
NO_THREAD: Final = "the record cannot be read, so there is nothing to try: look into it, then drop the item"


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an item."""

    item: Item
    result: Literal["done", "held_back", "refused", "waits"]
    text: str  # why it is still open, or was closed without a call

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left to do."""
        return self.result in {"done", "held_back"}


class Parked:
    """Closes items of one topic, or tries to."""

    def __init__(self, producer: Producer, parked_topic: str) -> None:
        self._producer, self._topic = producer, parked_topic

    async def close(self, item: Item, how: Resolved) -> None:
        """Record how an item was closed."""
        await self._send(item, resolved_record(item, how, now_ms()))

    async def refused(self, item: Item, answer: Permanent) -> Tried:
        """Record that LiveChat refused it again."""
        await self._send(item, refused_again(item, answer.why, answer.error_type, now_ms()))
        return Tried(item, "refused", described(answer))

    async def _send(self, item: Item, record: dict[str, object]) -> None:
        key = record_key(item.thread.organization, item.thread.chat_id)
        await self._producer.send(self._topic, key, record)


class Retry:
    """Tries items again, each once."""

    def __init__(self, client: Client, settle: Settle, parked: Parked, recall: Recall) -> None:
        self._client, self._settle, self._parked, self._recall = client, settle, parked, recall
        self._failing: dict[str, str] = {}  # organization → why; at most as many as have items

    async def again(self, item: Item) -> Tried:
        """Try one item; never raises for what LiveChat answers. Raises as `Recall.of` if Kafka does not answer."""
        organization, chat_id, thread_id = item.thread
        if not thread_id:
            return Tried(item, "refused", NO_THREAD)
        if organization in self._failing:
            return Tried(item, "waits", self._failing[organization])
        if item.tag is not None and item.tag in await self._recall.of(item.thread, 0):
            await self._parked.close(item, "held_back")
            return Tried(item, "held_back", HELD_BACK)
        call = get_chat(chat_id, thread_id) if item.tag is None else tag_thread(chat_id, thread_id, item.tag)
        answer = await self._client.ask(organization, call)
        match answer:
            case Transient():
                self._failing[organization] = described(answer)
                return Tried(item, "waits", self._failing[organization])
            case Permanent():
                return await self._parked.refused(item, answer)
        if item.tag is None and (still := await self._decide(item, answer)) is not None:
            return still
        await self._parked.close(item, "retried")
        return Tried(item, "done", "")

    async def _decide(self, item: Item, answer: Done) -> Tried | None:
        """Settle the chat that could not be fetched before; None: it is settled."""
        chat = chat_of(item.thread.organization, answer.value)
        conversation = conversation_of(chat) if isinstance(chat, ChatStarted) else None
        if not isinstance(chat, ChatStarted) or conversation is None or not conversation.complete:
            still = Permanent("LiveChat still does not give the whole chat", "incomplete")
            return await self._parked.refused(item, still)
        if chat.active:
            return Tried(item, "waits", "LiveChat still reports the thread as active")
        removed = Removed(self._recall, item.thread, 0)
        source, at_ms = item.identity.source, last_event_ms(answer.value)
        ended = Ended(conversation, at_ms, source, removed=removed.now, recall=removed.look)
        _, outcome = await self._settle.thread(ended)
        return None if outcome else Tried(item, "waits", "LiveChat does not answer")
