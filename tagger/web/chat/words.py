"""The words of a thread, asked of LiveChat for one person: one API call, shown once, kept nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.threads.fact_reader import chat_of, milliseconds
from tagger.core.threads.facts import ChatStarted, Restricted
from tagger.core.threads.thread import conversation_of
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.requests import get_chat
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, NoAnswerError
from tagger.web.times import clock

EVENTS_MAX: Final = 10_000  # whose times are shown; LiveChat's answer is bounded where it is read

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Words:
    """A thread as LiveChat has it now."""

    conversation: Conversation = field(repr=False)
    tags: frozenset[str]
    times: Mapping[str, str]  # event id → 13:52


async def words_of(livechat: tuple[Client, Credentials], thread: ThreadKey) -> Words | str:
    """What LiveChat has of a thread; or why it gives nothing, in a sentence or two."""
    client, _ = livechat
    if not client.has_credentials(thread.organization):
        return f"There are no credentials for organization {thread.organization}."
    log.info("words_asked_for", chat_id=thread.chat_id, organization=thread.organization)
    try:
        answer = await Desk(client, thread.organization).call(get_chat(thread.chat_id, thread.thread_id))
    except NoAnswerError as error:
        told = str(error)
        return told if told.endswith((".", "!", "?")) else f"{told}."
    chat = chat_of(thread.organization, answer)
    if isinstance(chat, Restricted):
        return "LiveChat withholds its messages because of your plan."
    if not isinstance(chat, ChatStarted):
        return f"LiveChat's answer is not a chat ({chat.reason})."
    return Words(conversation_of(chat), frozenset(chat.tags), _times(answer))


def _times(answer: Any) -> dict[str, str]:
    events = answer["thread"].get("events") if isinstance(answer.get("thread"), dict) else None
    times = {}
    for event in (events if isinstance(events, list) else [])[:EVENTS_MAX]:
        if isinstance(event, dict) and isinstance(event.get("id"), str):
            at = milliseconds(event.get("created_at"))
            times[event["id"]] = clock(at) if at is not None else ""
    return times
