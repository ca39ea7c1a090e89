"""A chat of LiveChat by its id, for a person who asks why: fetched, shown once, kept nowhere."""

from typing import Final

import structlog

from tagger.core.conversation import Conversation
from tagger.core.limits import ID_BYTES_MAX
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted, Restricted
from tagger.core.threads.thread import conversation_of
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.chat_lookup import look_up
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, NoAnswerError, organization_of

NO_CREDENTIALS: Final = (
    "To fetch chats, give `tagger web` the credentials that `tagger run` has (LIVECHAT_…)."
)

log = structlog.get_logger()


async def fetch(
    livechat: tuple[Client, Credentials], chat_id: str, organization: str | None
) -> tuple[Conversation, int | None] | str:
    """The newest thread of a chat, and when it began in ms; or why LiveChat gives none. Two API calls; a thread's
    id in place of the chat's is understood, for one more."""
    client, who = livechat
    if not chat_id or len(chat_id.encode("utf-8", "replace")) > ID_BYTES_MAX:
        return "That is not a chat ID. LiveChat shows it in the address of a chat, such as PJ0MRSHTDG."
    try:
        named = organization_of(who, organization or next(iter(who.organizations()), None))
        desk = Desk(client, named)
        log.info("chat_asked_for", chat_id=chat_id, organization=named)
        chat = chat_of(named, (await look_up(desk, chat_id)).chat)
    except NoAnswerError as error:
        return str(error)
    if isinstance(chat, ChatStarted):
        return conversation_of(chat), chat.created_at_ms
    if isinstance(chat, Restricted):
        return "LiveChat withholds its messages because of your plan."
    return f"LiveChat's answer is not a chat ({chat.reason})."
