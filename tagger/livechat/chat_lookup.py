"""A chat for a person who has an id of it: of the chat, of one of its threads, or both."""

from typing import Any, NamedTuple

from tagger.livechat.calls.requests import get_chat, list_archives_of_thread, list_threads
from tagger.livechat.interactive import Desk, NoAnswerError


class Found(NamedTuple):
    """A chat with one thread, as `get_chat` returns it."""

    chat: Any
    note: str = ""  # what the id turned out to be; "": what it was taken for


async def look_up(desk: Desk, chat_id: str, thread_id: str | None = None) -> Found:
    """The thread that is named, or else the newest one; a thread's id in place of the chat's is understood.

    Two calls at most of those that LiveChat bills, three where an id is not what it was taken for. NoAnswerError
    with what to do, if LiveChat has no such chat.
    """
    try:
        if thread_id is None:
            threads = (await desk.call(list_threads(chat_id, limit=1)))["threads"]
            if not threads:
                raise NoAnswerError(f"Chat {chat_id} has no threads.")
            return Found(await desk.call(get_chat(chat_id, threads[0]["id"])))
        return Found(await desk.call(get_chat(chat_id, thread_id)))
    except NoAnswerError as error:
        if error.error_type != "not_found":
            raise
    return await _by_thread(desk, chat_id, thread_id)


async def _by_thread(desk: Desk, chat_id: str, thread_id: str | None) -> Found:
    an_id = thread_id or chat_id
    chats = (await desk.call(list_archives_of_thread(an_id)))["chats"]
    if chats and (of := chats[0].get("id")):
        return Found(chats[0], f"{an_id} is a thread of chat {of}.")
    if thread_id is None:
        text = f"LiveChat has no chat {chat_id}, and no ended thread of this id. Copy the id from the chat's address."
        raise NoAnswerError(
            f"{text} A thread that is still open is found with --chat CHAT --thread {chat_id}."
        )
    text = (
        f"LiveChat has no thread {thread_id} in a chat {chat_id}, and no ended thread of this id elsewhere."
    )
    raise NoAnswerError(f"{text} Leave out --thread for the newest thread of the chat.")
