"""A chat as LiveChat returns it → a chat of the past. What cannot be one is counted, and said why."""

from typing import Any

from tagger.core.records.missed import last_event_ms
from tagger.core.review.authorship import corrected
from tagger.core.review.past_chat import PastChat
from tagger.core.threads.chat_file import not_a_chat
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted, Restricted
from tagger.core.threads.thread import conversation_of
from tagger.history.counts import Counts
from tagger.history.ledger import Ledger


def past_chat(
    organization: str, chat: Any, where: str, counts: Counts, ledger: Ledger | None = None
) -> PastChat | None:
    """Read a chat with one thread, as `get_chat` and `list_archives` return it; None unless it ended.

    `where` names its place for people. Decisions and corrections come from the ledger, if there is one.
    """
    started = chat_of(organization, chat)
    if isinstance(started, Restricted):
        counts.withheld += 1
        return None
    if not isinstance(started, ChatStarted):
        counts.name(f"{where}: {not_a_chat(started.reason)}")
        return None
    if started.active:
        counts.open += 1
        return None
    ended_at_ms = last_event_ms(chat) or started.created_at_ms or 0
    if counts.since_ms is not None and ended_at_ms < counts.since_ms:
        counts.earlier += 1
        return None
    conversation = conversation_of(started)
    counts.chats += 1
    counts.cut += not conversation.complete
    thread = conversation.thread
    decisions = ledger.decisions_on(thread) if ledger else ()
    told = ledger.told_of(thread) if ledger else ()
    people, tags = corrected(told, decisions), frozenset(started.tags)
    return PastChat(thread, ended_at_ms, conversation, decisions, people, tags, told)
