"""A decision with its conversation, printed for people: the messages, what counted in them, and near misses."""

import click

from tagger.commands.transcript import printable, transcript
from tagger.core.conversation import Conversation
from tagger.core.matching.decide import Decision
from tagger.core.matching.explain import counted, not_counted, passages
from tagger.core.rules.places import Places


def print_explained(conversation: Conversation, decision: Decision, places: Places, then: str = "") -> None:
    """Print it; `then` says in the title what was decided in the past, and when."""
    said, (_, chat_id, thread_id) = conversation.said, conversation.thread
    whose = f"Chat {chat_id}, thread {thread_id}: " if chat_id else ""
    tags = ", ".join(decision.tags) or "none"
    click.secho(printable(f"{whose}tags: {tags}   (config {decision.config}{then})"), bold=True)
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
