"""`tagger explain --as-of-decision`: a chat explained as it was decided, with the keyword set and the words of then.

Both come from Kafka. Of the chat counts what was on livechat.webhooks up to the record that caused the decision. Only
what is not there any more comes from LiveChat, as it is there now.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import click
import orjson

from ingest.runtime.exit import stop
from ingest.runtime.settings import load as load_settings
from tagger.commands.chat_input import from_livechat, of_chat
from tagger.commands.explained import print_explained
from tagger.commands.history_reading import filled
from tagger.commands.listed_decisions import decision_json, minute
from tagger.commands.on_kafka import on_kafka
from tagger.commands.transcript import printable
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.matching.explain import as_json
from tagger.core.review.past_chat import PastDecision
from tagger.core.rules.model import RuleSet
from tagger.core.rules.places import places_of
from tagger.history.keyword_sets import sets_of
from tagger.history.ledger import Ledger
from tagger.history.one_chat import conversation_at
from tagger.history.wanted import Wanted
from tagger.settings import TopicSettings

DECISIONS_MAX: Final = (
    20  # of a thread: the newest. A thread has one, and one more for each late message that counts.
)
THREADS_MAX: Final = 1_000  # of a chat; a few are named


@dataclass(frozen=True, slots=True)
class _Then:
    """One decision of the past, with what it was made from."""

    thread: ThreadKey
    made: PastDecision
    rules: RuleSet | str  # the set of then; or in words why it cannot be had
    said: Conversation | None = field(repr=False)  # None: Kafka does not have it any more


def explain_then(
    chat_id: str, thread_id: str | None, organization: str | None, placeholder: str, form: str
) -> int:
    """Explain the decisions on a thread, oldest first; return the exit code. Ends with 2 if there are none."""
    settings = load_settings(TopicSettings)
    found = on_kafka(settings, _found(settings, chat_id, thread_id, organization))
    if not found:
        what = f"thread {thread_id} of chat {chat_id}" if thread_id else chat_id
        say = f"There is no decision on {what} on {settings.kafka_decisions_topic}."
        stop(f"{say} Without --as-of-decision, LiveChat is asked for the chat, and your files decide.")
    now: Conversation | None = None
    for number, one in enumerate(found):
        said = one.said
        if said is None:
            said = now = now or _now(one.thread, organization)
        _show(one, said, placeholder, form, is_first=number == 0)
    return 0


async def _found(
    settings: TopicSettings, chat_id: str, thread_id: str | None, organization: str | None
) -> list[_Then]:
    options = settings.client_options()
    ledger = await filled(settings, 0, naming=thread_id or chat_id)
    try:
        thread = _thread(ledger, chat_id, thread_id, organization)
        decisions = () if thread is None else ledger.decisions_on(thread)
        if thread is None or not decisions:
            return []
        if (more := len(decisions) - DECISIONS_MAX) > 0:
            click.echo(f"{more:,} older decisions are left out.", err=True)
        decisions = decisions[-DECISIONS_MAX:]
        sets = await sets_of(options, settings.kafka_keywords_topic, [made.config for made in decisions])
        return [
            _Then(
                thread,
                made,
                sets[made.config],
                None
                if made.place is None
                else await conversation_at(options, thread, made.place, made.ended_at_ms),
            )
            for made in decisions
        ]
    finally:
        ledger.close()


def _thread(
    ledger: Ledger, chat_id: str, thread_id: str | None, organization: str | None
) -> ThreadKey | None:
    """The thread that is named, or else the one that ended last; a thread's id in place of a chat's is understood."""
    an_id = thread_id or chat_id
    wanted = Wanted(an_id=an_id, organization=organization)
    known = [each.thread for each in ledger.page(wanted, THREADS_MAX)]
    named = [one for one in known if one.thread_id == thread_id] if thread_id else known
    threads = [one for one in named if one.chat_id == chat_id] or named
    if threads and threads[0].chat_id != chat_id:
        click.echo(printable(f"{an_id} is a thread of chat {threads[0].chat_id}."), err=True)
    if len(threads) > 1:
        others = ", ".join(one.thread_id for one in threads[1:6]) + (", …" if len(threads) > 6 else "")
        click.echo(
            printable(f"The chat has several threads; this one ended last. Others, for --thread: {others}."),
            err=True,
        )
    return threads[0] if threads else None


def _now(thread: ThreadKey, organization: str | None) -> Conversation:
    """The thread as LiveChat has it now; ends with 2 if it has not."""
    click.echo(
        "What was said is no longer on Kafka, so LiveChat is asked for the chat as it is now.", err=True
    )
    _, chat_id, thread_id = thread
    said = of_chat(from_livechat(chat_id, thread_id, organization or thread.organization), f"chat {chat_id}")
    if isinstance(said.conversation, str):
        stop(said.conversation)
    return said.conversation


def _show(one: _Then, said: Conversation, placeholder: str, form: str, *, is_first: bool) -> None:
    made, rules = one.made, one.rules
    if isinstance(rules, str):
        decision, places = Decision(made.tags, made.because, (), made.config), {}
    else:
        decider, places = Decider.compile(rules, placeholder), places_of(rules.rules)
        decision = decider.decide(said, made.ended_at_ms, explain=True)
    why = rules if isinstance(rules, str) else None
    if form == "json":
        then: dict[str, Any] = {"decided": decision_json(made), "set_missing": why}
        click.echo(orjson.dumps(as_json(said, decision) | then))
        return
    click.echo(nl=not is_first)
    print_explained(said, decision, places, f", {made.outcome} {minute(made.settled_at_ms)} UTC")
    if why is not None:
        click.echo(f"The keyword set used then cannot be had: {why}. These are the reasons on record.")
    elif decision.tags != made.tags:
        click.echo(printable(_otherwise(made, said)))


def _otherwise(made: PastDecision, said: Conversation) -> str:
    """Why the set of then decides otherwise now, as far as can be told."""
    then = f"Recorded then: {', '.join(made.tags) or 'no tag'}, from {made.messages:,} messages"
    if len(said.said) != made.messages:
        return f"{then}; {len(said.said):,} are known now."
    return f"{then}. The version used then decided otherwise, or another placeholder was set."
