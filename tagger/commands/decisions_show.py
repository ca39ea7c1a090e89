"""`tagger decisions show`: what was decided on a chat then, what would be today, and the difference in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.settings import load as load_settings
from tagger.commands.history_reading import filled
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.listed_decisions import correction_json, decision_json, minute
from tagger.commands.on_kafka import on_kafka
from tagger.commands.transcript import printable, transcript
from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decider, Decision, Reason
from tagger.core.matching.explain import counted, passages, short
from tagger.core.records.decision import reasons_json, rfc3339
from tagger.core.review.difference import Change, changes, rules_by_id
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import Rule, RuleSet
from tagger.core.rules.places import places_of
from tagger.history.keyword_sets import sets_of
from tagger.history.one_chat import last_conversation
from tagger.settings import TopicSettings

THREADS_MAX: Final = 20  # of a chat: the newest ones


@dataclass(frozen=True, slots=True)
class _Known:
    """One thread: what the topics tell of it."""

    chat: PastChat
    conversation: Conversation | None = field(repr=False)  # None: it is not on the topic any more
    sets: dict[str, RuleSet | str]  # of its decisions, by hash


@click.command()
@click.argument("chat_id", metavar="CHAT")
@click.option("--thread", "thread_id", metavar="ID", help="Only this thread of the chat.")
@click.option("--content", is_flag=True, help="Show what was said, with today's keywords marked.")
@config_option
@placeholder_option
@format_option(explained="json: one object for each thread.")
def show(  # noqa: PLR0913, PLR0917 - one argument an option
    chat_id: str, thread_id: str | None, content: bool, path: Path, placeholder: str, form: str
) -> None:
    """Show what was decided on a chat, what would be decided today, and the difference.

    A past decision is shown with the keyword set that made it. For today's, what was said is read from
    livechat.webhooks, as long as Kafka keeps it.

    \b
    Exit code: 0 today's decision is the same, or not known; 1 it differs; 2 there is no decision.
    \b
    Examples:
      tagger decisions show PJ0MRSHTDG
      tagger decisions show PJ0MRSHTDG --content
      tagger decisions show PJ0MRSHTDG --format json
    """
    settings, decider = load_settings(TopicSettings), Decider.compile(load(path), placeholder)
    known = on_kafka(settings, _known(settings, chat_id, thread_id))
    if not known:
        stop(f"There is no decision on {thread_id or chat_id} on {settings.kafka_decisions_topic}.")
    code = 0
    for number, one in enumerate(known):
        said, today = one.conversation, None
        if said is not None:
            today = decider.decide(said, one.chat.ended_at_ms, explain=True)
        found = [] if today is None else _changes(one, today, decider)
        code = max(code, int(bool(found)))
        if form == "json":
            click.echo(orjson.dumps(_json(one, today, found)))
            continue
        click.echo(nl=number > 0)
        for line in _lines(one, today, found, rules_by_id(decider.rules)):
            click.echo(printable(line))
        if content and said is not None and today is not None:
            for text, colour in transcript(passages(said.said, counted(today, places_of(decider.rules)))):
                click.secho(text, fg=colour)
    raise SystemExit(code)


async def _known(settings: TopicSettings, chat_id: str, thread_id: str | None) -> list[_Known]:
    options = settings.client_options()
    ledger = await filled(settings, 0, naming=chat_id)
    try:
        threads = [one for one in ledger.threads_of(chat_id) if thread_id in (None, one.thread_id)]
        chats = [chat for one in threads[:THREADS_MAX] if (chat := ledger.chat(one)) is not None]
        hashes = [made.config for chat in chats for made in chat.decisions]
        sets = await sets_of(options, settings.kafka_keywords_topic, hashes)
        return [_Known(chat, await last_conversation(options, ledger, chat.thread), sets) for chat in chats]
    finally:
        ledger.close()


def _changes(one: _Known, today: Decision, decider: Decider) -> list[Change]:
    last = one.chat.decisions[-1]
    then = one.sets[last.config]
    before = rules_by_id(then.rules) if isinstance(then, RuleSet) else {}
    return changes(last.tags, last.because, before, today, rules_by_id(decider.rules))


def _lines(
    one: _Known, today: Decision | None, found: Sequence[Change], rules: dict[str, Rule]
) -> Iterator[str]:
    _, chat_id, thread_id = one.chat.thread
    yield f"Chat {chat_id}, thread {thread_id}, ended {minute(one.chat.ended_at_ms)} UTC."
    for made in one.chat.decisions:
        then = one.sets[made.config]
        yield f"Decided {minute(made.settled_at_ms)} by set {made.config}: {made.outcome}, {_tags(made.tags)}"
        yield from _reasons(made.because, rules_by_id(then.rules) if isinstance(then, RuleSet) else {})
        if made.untagged:
            yield f"  Removed by `tagger retag`: {_tags(made.untagged)}"
        if isinstance(then, str):
            yield f"  The keyword set used then cannot be shown: {then}."
    for correction in one.chat.corrections:
        yield f"{correction.tag} was {correction.change} by a person, {minute(correction.at_ms)}."
    if today is None:
        yield "What was said is no longer on Kafka. `tagger explain --chat` asks LiveChat for it."
        return
    yield f"Today, by set {today.config}: {_tags(today.tags)}"
    yield from _reasons(today.because, rules)
    if one.conversation is not None and not one.conversation.complete:
        yield "Part of the chat is missing on Kafka, so rules with `none` do not hold today."
    for change in found:
        yield f"{'+' if change.change == 'gained' else '−'} {change.tag}: {change.why}"
    if not found:
        yield "No difference."


def _tags(tags: Sequence[str]) -> str:
    return ", ".join(tags) or "no tag"


def _reasons(because: Sequence[Reason], rules: dict[str, Rule]) -> Iterator[str]:
    for each in because:
        rule = rules.get(each.rule)
        place = "" if rule is None else f" ({rule.place.file.rpartition('/')[2]}:{rule.place.line})"
        where = f"event {each.event_id}, {each.start}..{each.end}"
        yield f"  {each.tag}: `{short(each.keyword)}`, rule {each.rule}{place}, {where}"


def _json(one: _Known, today: Decision | None, found: Sequence[Change]) -> dict[str, Any]:
    return {
        **one.chat.thread._asdict(),
        "ended_at": rfc3339(one.chat.ended_at_ms),
        "decisions": [decision_json(made) for made in one.chat.decisions],
        "corrections": [correction_json(made) for made in one.chat.corrections],
        "today": today
        and {"tags": today.tags, "because": reasons_json(today.because), "config": today.config},
        "gained": [change.tag for change in found if change.change == "gained"],
        "lost": [change.tag for change in found if change.change == "lost"],
        "why": {change.tag: change.why for change in found},
    }
