"""`tagger explain`: why a text or a chat gets its tags, or does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import orjson

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.transcript import printable, transcript
from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decision, Judge
from tagger.core.matching.explain import as_json, counted, not_counted, passages
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted, Restricted
from tagger.core.threads.thread import conversation_of

# Many long chats; the file is held in memory.
FILE_BYTES_MAX: Final = 64 << 20


@click.command("explain")
@click.argument("text", nargs=-1)
@click.option(
    "--file", "chats", type=click.File("rb"), help="Chats as get_chat returns them, one JSON object a line."
)
@click.option("--chat", "chat_id", metavar="ID", help="A chat in LiveChat: its newest thread.")
@click.option(
    "--organization", metavar="ID", help="With --chat: whose credentials to use, if you have several."
)
@click.option(
    "--by",
    "author",
    type=click.Choice(["customer", "agent"]),
    default="customer",
    show_default=True,
    help="Who says TEXT.",
)
@config_option
@placeholder_option
@format_option()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    text: tuple[str, ...],
    chats: Any,
    chat_id: str | None,
    organization: str | None,
    author: Author,
    path: Path,
    placeholder: str,
    form: str,
) -> None:
    """Show why TEXT, or a chat, gets its tags, or does not.

    Messages are shown with the keywords found in them, then near misses and why they do not count. Whether a
    rule has expired depends on when the chat began; for TEXT, on today.

    \b
    Exit code: 0 explained; 1 the keyword files have errors; 2 a chat could not be read.
    \b
    Examples:
      tagger explain "I want a refund"
      tagger explain --by agent "Hi Ann, your refund is on its way."
      tagger explain --file chats.ndjson --format json
      tagger explain --chat PJ0MRSHTDG
    """
    if sum((bool(text), chats is not None, chat_id is not None)) != 1:
        raise click.UsageError("Give one of TEXT, --file and --chat.")
    judge = Judge.compile(load(path), placeholder)
    if chats is not None:
        asked = _of_file(chats)
    elif chat_id is not None:
        asked = iter([_of_chat(_from_api(chat_id, organization), f"chat {chat_id}")])
    else:
        said = Said("1", author, (" ".join(text),))
        asked = iter([(Conversation(ThreadKey("", "", ""), (said,)), now_ms())])
    code = 0
    for number, (conversation, at_ms) in enumerate(asked):
        if isinstance(conversation, str):
            code = 2
            click.echo(conversation, err=True)
        elif form == "json":
            click.echo(orjson.dumps(as_json(conversation, judge.decide(conversation, at_ms, explain=True))))
        else:
            click.echo(nl=number > 0)
            _print(conversation, judge.decide(conversation, at_ms, explain=True))
    raise SystemExit(code)


def _print(conversation: Conversation, decision: Decision) -> None:
    said, (_, chat_id, thread_id) = conversation.said, conversation.thread
    whose = f"Chat {chat_id}, thread {thread_id}: " if chat_id else ""
    tags = ", ".join(decision.tags) or "none"
    click.secho(printable(f"{whose}tags: {tags}   (config {decision.config})"), bold=True)
    for text, colour in transcript(passages(said, counted(decision))):
        click.secho(text, fg=colour)
    if not decision.because and not decision.near_misses:
        click.secho("No rule matched.", dim=True)
    if not conversation.complete:
        click.secho("Part of the chat is missing, so rules with `none` were skipped.", dim=True)
    if decision.near_misses:
        click.secho("\nNear misses:", dim=True)
        for text, colour in transcript(passages(said, not_counted(decision)), only_marked=True):
            click.secho(text, fg=colour)


# What to explain, or why that is not possible; and the time to decide it by, in ms.
_Asked = tuple[Conversation | str, int]


def _of_file(chats: Any) -> Iterator[_Asked]:
    """The chats of a file: one a line, or a single indented one."""
    name = getattr(chats, "name", "input")
    content = chats.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        stop(f"{name}: larger than {FILE_BYTES_MAX >> 20} MiB; split it.")
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not lines:
        stop(f"{name}: contains no chats.")
    if _read(lines[0][1]) is None:
        whole = _read(content)
        if whole is None:
            stop(f"{name}:{lines[0][0]}: not a JSON object on one line.")
        yield _of_chat(whole, name)
        return
    for number, line in lines:
        chat = _read(line)
        where = f"{name}:{number}"
        yield (f"{where}: not a JSON object on one line.", 0) if chat is None else _of_chat(chat, where)


def _read(content: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _of_chat(chat: Any, where: str) -> _Asked:
    started = chat_of("", chat)
    if isinstance(started, ChatStarted):
        return conversation_of(started), started.created_at_ms or now_ms()
    if isinstance(started, Restricted):
        return f"{where}: LiveChat withholds its messages because of your plan.", 0
    return f"{where}: not a chat as get_chat returns it ({started.reason}).", 0


def _from_api(chat_id: str, organization: str | None) -> Any:
    """The chat with its newest thread, as get_chat returns it; exits 2 if LiveChat does not return it."""
    # Imported here, so that an explanation without the API starts at once.
    from ingest.runtime.settings import load as load_settings
    from tagger.commands.setup import with_client
    from tagger.livechat.authorization.credentials import Credentials
    from tagger.livechat.calls.requests import get_chat, list_threads
    from tagger.livechat.client import Client
    from tagger.livechat.interactive import Desk, NoAnswerError, organization_of
    from tagger.settings import LiveChatSettings

    async def fetched(client: Client, who: Credentials) -> Any:
        desk = Desk(client, organization_of(who, organization))
        threads = (await desk.call(list_threads(chat_id, limit=1)))["threads"]
        if not threads:
            raise NoAnswerError(f"chat {chat_id} has no threads")
        return await desk.call(get_chat(chat_id, threads[0]["id"]))

    return with_client(load_settings(LiveChatSettings), fetched)
