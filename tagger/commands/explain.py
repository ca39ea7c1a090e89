"""`tagger explain`: why a text or a chat gets its tags, or does not."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import orjson

from tagger.commands.chat_input import Asked, from_livechat, of_chat, of_file, of_input, of_text
from tagger.commands.explained import print_explained
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.text_argument import TextArgument, TextCommand
from tagger.core.conversation import Author
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.explain import as_json
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
@click.option(
    "--as-of-decision",
    is_flag=True,
    help="With --chat: as it was decided, with the keyword set and the words known then, from Kafka.",
)
@config_option
@placeholder_option
@format_option()
@click.pass_context
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    context: click.Context,
    text: tuple[str, ...],
    chats: BinaryIO | None,
    chat_id: str | None,
    thread_id: str | None,
    organization: str | None,
    author: Author | None,
    group_ids: tuple[int, ...],
    at_ms: int | None,
    as_of_decision: bool,
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
      tagger explain --chat PJ0MRSHTDG --as-of-decision
      tagger explain --group 3 --at 2027-03-31 'is the spring sale on?'
    """
    _check(context, context.params)
    if as_of_decision and chat_id is not None:
        # Imported here, so that an explanation without Kafka starts at once.
        from tagger.commands.explain_then import explain_then

        raise SystemExit(explain_then(chat_id, thread_id, organization, placeholder, form))
    rules = load(path)
    decider = Decider.compile(rules, placeholder)
    if chat_id is not None:
        asked: Iterable[Asked] = [of_chat(from_livechat(chat_id, thread_id, organization), f"chat {chat_id}")]
    else:
        asked = of_file(chats) if chats is not None else _typed(text, author)
    asked = (_in_groups(one, frozenset(group_ids)) for one in asked)
    raise SystemExit(_explain(asked, decider, places_of(rules.rules), form, at_ms))


def _check(context: click.Context, given: Mapping[str, Any]) -> None:
    """Raise UsageError where options do not go together."""
    has_chat = given["chat_id"] is not None
    if sum((bool(given["text"]), given["chats"] is not None, has_chat)) != 1:
        raise click.UsageError("Give one of TEXT, - (standard input), --file and --chat.")
    if (given["thread_id"] or given["organization"]) and not has_chat:
        raise click.UsageError("--thread and --organization need --chat.")
    if given["author"] and not given["text"]:
        raise click.UsageError("--by needs TEXT or -.")
    if not given["as_of_decision"]:
        return
    if not has_chat:
        raise click.UsageError("--as-of-decision needs --chat.")
    for name, option in (("group_ids", "--group"), ("at_ms", "--at"), ("path", "--config")):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} has no meaning with --as-of-decision: all is as it was then.")


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
            print_explained(conversation, decision, places)
            _hint_at_groups(decision)
        shown += 1
    if wrong > WRONG_MAX:
        click.echo(f"… and {wrong - WRONG_MAX:,} more that cannot be read.", err=True)
    return 2 if wrong else 0


def _in_groups(asked: Asked, group_ids: frozenset[int]) -> Asked:
    if isinstance(asked.conversation, str) or not group_ids:
        return asked
    return asked._replace(conversation=replace(asked.conversation, group_ids=group_ids))


def _hint_at_groups(decision: Decision) -> None:
    if any(no.why_not.kind == "group_unknown" for no in decision.near_misses):
        click.secho(
            "Name the group that the chat began in with --group, to see rules with `groups`.", dim=True
        )
