"""What people give `tagger explain` to read: a text, a file, standard input, a chat of LiveChat's.

Chats in JSON are read one by one, so that a bad one does not hide the others. Everything else that cannot be read ends
the command with 2, and says what to do.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Final, NamedTuple

import click

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from tagger.commands.transcript import printable
from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.threads.chat_file import Document, documents, is_json, not_a_chat, text_of
from tagger.core.threads.event_text import FIELD_CHARS_MAX
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted, Restricted
from tagger.core.threads.thread import conversation_of
from tagger.core.threads.transcript import Heard, messages

FILE_BYTES_MAX: Final = 64 << 20  # many long chats; the file is held in memory

_NOBODY: Final = ThreadKey("", "", "")


class Asked(NamedTuple):
    """A conversation to explain, or why there is none; and the time to decide it by, in ms."""

    conversation: Conversation | str
    at_ms: int = 0


def _standard_input() -> BinaryIO:
    stream = sys.stdin.buffer
    if stream.isatty():
        click.echo("Type a text, or lines of a chat (customer: …, agent: …). Then press Ctrl-D.", err=True)
    return stream


def _read(file: BinaryIO, name: str) -> bytes:
    try:
        content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        stop(f"{name}: cannot be read ({error.strerror}).")
    if len(content) > FILE_BYTES_MAX:
        stop(f"{name}: larger than {FILE_BYTES_MAX >> 20} MiB. Split it.")
    if not content.strip():
        stop(f"{name}: empty.")
    return content


def of_input(author: Author | None) -> Iterator[Asked]:
    """Standard input: chats in JSON, unless `--by` says that it is a text; or a transcript, or a text."""
    name = "standard input"
    content = _read(_standard_input(), name)
    if is_json(content) and author is None:
        return _of_documents(documents(content), name)
    text = text_of(content)
    if isinstance(text, Document):
        stop(f"{name}{text.where}: {text.wrong}.")
    return _of_messages(messages(_with_line_feeds(text), author or "customer"), name)


def of_file(file: BinaryIO) -> Iterator[Asked]:
    """A file: chats in JSON, or a transcript. A bad first line does not hide the chats below it."""
    named = getattr(file, "name", 0)
    name = printable(named) if isinstance(named, str) and named != "<stdin>" else "standard input"
    content = _read(file, name)
    if is_json(content):
        return _of_documents(documents(content), name)
    text = text_of(content)
    if isinstance(text, str):
        heard = messages(_with_line_feeds(text))
        if not heard or any(one.start for one in heard):
            return _of_messages(heard, name)
    elif not text.where:  # of no use line by line either
        stop(f"{name}: {text.wrong}.")
    found = list(documents(content))
    if all(one.wrong for one in found):
        if isinstance(text, Document):
            stop(f"{name}{text.where}: {text.wrong}.")
        what = "neither chats in JSON nor a transcript, whose lines begin with `customer:` or `agent:`"
        stop(f"{name}: {what}. For a plain text, use - instead of --file.")
    return _of_documents(found, name)


def _of_documents(found: Iterable[Document], name: str) -> Iterator[Asked]:
    is_empty = True
    for where, value, wrong in found:
        is_empty = False
        yield Asked(f"{name}{where}: {wrong}.") if wrong else of_chat(value, f"{name}{where}")
    if is_empty:
        yield Asked(f"{name}: contains no chats.")


def of_text(text: str, author: Author) -> Iterator[Asked]:
    """A text as it was typed: one message."""
    try:
        text.encode()
    except UnicodeEncodeError:
        stop("TEXT: not valid UTF-8.")
    said = Said("1", author, (text,))
    return _of_messages((Heard(said, 0),) if text.strip() else (), "TEXT")


def _of_messages(heard: Sequence[Heard], name: str) -> Iterator[Asked]:
    if not heard:
        stop(f"{name}: nothing is said in it.")
    for one in heard:
        (text,) = one.said.fields
        if len(text) > FIELD_CHARS_MAX:
            what = f"message {one.said.event_id} has {len(text):,} characters, LiveChat's longest {FIELD_CHARS_MAX:,}"
            stop(
                f"{name}: {what}. For a whole chat, begin each message with `customer:` or `agent:`, and use -."
            )
    yield Asked(Conversation(_NOBODY, tuple(one.said for one in heard)), now_ms())


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def of_chat(chat: Any, where: str) -> Asked:
    """A chat with one thread; or in a sentence that begins with `where`, why it is not one."""
    started = chat_of("", chat)
    if isinstance(started, ChatStarted):
        at_ms = started.created_at_ms
        return Asked(conversation_of(started), now_ms() if at_ms is None else at_ms)
    if isinstance(started, Restricted):
        return Asked(f"{where}: LiveChat withholds its messages because of your plan.")
    return Asked(f"{where}: {not_a_chat(started.reason)}")


def from_livechat(chat_id: str, thread_id: str | None, organization: str | None) -> Any:
    """The chat with one thread, as get_chat returns it; exits 2 if LiveChat does not return it."""
    # Imported here, so that an explanation without the API starts at once.
    from ingest.runtime.settings import load as load_settings
    from tagger.commands.setup import with_client
    from tagger.livechat.authorization.credentials import Credentials
    from tagger.livechat.chat_lookup import Found, look_up
    from tagger.livechat.client import Client
    from tagger.livechat.interactive import Desk, organization_of
    from tagger.settings import LiveChatSettings

    async def fetched(client: Client, who: Credentials) -> Found:
        return await look_up(Desk(client, organization_of(who, organization)), chat_id, thread_id)

    found = with_client(load_settings(LiveChatSettings), fetched)
    if found.note:
        click.echo(found.note, err=True)
    return found.chat
