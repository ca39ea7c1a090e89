"""`tagger explain`: why a text or a chat gets its tags, or does not."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import orjson

from tagger.commands.chat_input import Asked, of_chat, of_file, of_input, of_text
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.text_argument import TextArgument, TextCommand
from tagger.commands.transcript import printable, transcript
from tagger.core.conversation import Author, Conversation
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.explain import as_json, counted, not_counted, passages
from tagger.core.rules.places import Places, places_of

WRONG_MAX: Final = 100  # chats that cannot be read, named one by one; of the others only how many


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Callback of `--at`: Unix time in ms; UTC where no zone is named."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value} is not a date or a time. Write 2027-03-31 or 2027-03-31T09:00:00Z."
        ) from None


@click.command("explain", cls=TextCommand)
@click.argument("text", nargs=-1, type=TextArgument())
@click.option(
    "--file", "chats", type=click.File("rb"), metavar="CHATS", help="Chats as JSON, or a transcript."
)
@click.option("--chat", "chat_id", metavar="ID", help="A chat in LiveChat: its newest thread.")
@click.option("--thread", "thread_id", metavar="ID", help="With --chat: this thread of it.")
@click.option(
    "--organization", metavar="ID", help="With --chat: whose credentials to use, if you have several."
)
@click.option(
    "--by", "author", type=click.Choice(["customer", "agent"]), help="Who says TEXT.  [default: customer]"
)
@click.option(
    "--group",
    "group_ids",
    type=click.IntRange(0),
    metavar="ID",
    multiple=True,
    help="A LiveChat group the chat began in, for rules with `groups`; repeatable.",
)
@click.option(
    "--at",
    "at_ms",
    metavar="DATE",
    callback=_moment,
    help="Decide as on this date, or at this time (UTC), for rules with `expires`.  [default: when the chat began]",
)
@config_option
@placeholder_option
@format_option()
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    text: tuple[str, ...],
    chats: BinaryIO | None,
    chat_id: str | None,
    thread_id: str | None,
    organization: str | None,
    author: Author | None,
    group_ids: tuple[int, ...],
    at_ms: int | None,
    path: Path,
    placeholder: str,
    form: str,
) -> None:
    """Show why TEXT, or a chat, gets its tags, or does not.

    Messages are shown with the keywords in them, then near misses: why they do not count, and what would make them
    count. TEXT may begin with a dash. With - it is read from standard input.

    A file, or standard input, is a transcript (lines that begin with `customer:` or `agent:`; others continue the
    message) or has chats in JSON, as LiveChat's get_chat and list_archives return them: one a line, or a list.

    \b
    Exit code: 0 explained; 1 the keyword files have errors; 2 a chat could not be read.
    \b
    Examples:
      tagger explain 'I want a refund!'
      tagger explain --by agent 'Hi Ann, your refund is on its way.'
      tagger explain - < message.txt
      tagger explain --file chats.ndjson --format json
      tagger explain --chat PJ0MRSHTDG --thread K600PKZON8
      tagger explain --group 3 --at 2027-03-31 'is the spring sale on?'
    """
    if sum((bool(text), chats is not None, chat_id is not None)) != 1:
        raise click.UsageError("Give one of TEXT, - (standard input), --file and --chat.")
    if (thread_id or organization) and chat_id is None:
        raise click.UsageError("--thread and --organization need --chat.")
    if author and not text:
        raise click.UsageError("--by needs TEXT or -.")
    rules = load(path)
    decider = Decider.compile(rules, placeholder)
    if chat_id is not None:
        asked: Iterable[Asked] = [of_chat(_from_api(chat_id, thread_id, organization), f"chat {chat_id}")]
    else:
        asked = of_file(chats) if chats is not None else _typed(text, author)
    asked = (_in_groups(one, frozenset(group_ids)) for one in asked)
    raise SystemExit(_explain(asked, decider, places_of(rules.rules), form, at_ms))


def _typed(text: tuple[str, ...], author: Author | None) -> Iterable[Asked]:
    return of_input(author) if text == ("-",) else of_text(" ".join(text), author or "customer")


def _explain(asked: Iterable[Asked], decider: Decider, places: Places, form: str, at_ms: int | None) -> int:
    """Print each; return the exit code."""
    shown, wrong = 0, 0
    for conversation, began_ms in asked:
        if isinstance(conversation, str):
            wrong += 1
            if wrong <= WRONG_MAX:
                click.echo(conversation, err=True)
            continue
        decision = decider.decide(conversation, began_ms if at_ms is None else at_ms, explain=True)
        if form == "json":
            click.echo(orjson.dumps(as_json(conversation, decision)))
        else:
            click.echo(nl=shown > 0)
            _print(conversation, decision, places)
        shown += 1
    if wrong > WRONG_MAX:
        click.echo(f"… and {wrong - WRONG_MAX:,} more that cannot be read.", err=True)
    return 2 if wrong else 0


def _print(conversation: Conversation, decision: Decision, places: Places) -> None:
    said, (_, chat_id, thread_id) = conversation.said, conversation.thread
    whose = f"Chat {chat_id}, thread {thread_id}: " if chat_id else ""
    tags = ", ".join(decision.tags) or "none"
    click.secho(printable(f"{whose}tags: {tags}   (config {decision.config})"), bold=True)
    for text, colour in transcript(passages(said, counted(decision, places))):
        click.secho(text, fg=colour)
    if not decision.because and not decision.near_misses:
        click.secho("No rule matched.", dim=True)
    if not conversation.complete:
        click.secho("Part of the chat is missing, so rules with `none` were skipped.", dim=True)
    if decision.near_misses:
        click.secho("\nNear misses:", dim=True)
        for text, colour in transcript(passages(said, not_counted(decision, places)), only_marked=True):
            click.secho(text, fg=colour)
    if any(no.why_not.kind == "group_unknown" for no in decision.near_misses):
        click.secho(
            "Name the group that the chat began in with --group, to see rules with `groups`.", dim=True
        )


def _in_groups(asked: Asked, group_ids: frozenset[int]) -> Asked:
    if isinstance(asked.conversation, str) or not group_ids:
        return asked
    return asked._replace(conversation=replace(asked.conversation, group_ids=group_ids))


def _from_api(chat_id: str, thread_id: str | None, organization: str | None) -> Any:
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
