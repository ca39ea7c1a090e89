"""`tagger stats`: what rules and keywords did, which never match, and what people corrected."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ingest.runtime.clock import now_ms
from tagger.commands.history_options import Asked, history_options
from tagger.commands.history_reading import beside_data, read_decisions, read_history
from tagger.commands.keyword_options import config_option, format_option, load, placeholder_option
from tagger.commands.stats_report import Report, lines
from tagger.core.matching.decide import Decider
from tagger.core.review.past_chat import PastChat, PastDecision
from tagger.core.review.statistics import Statistics
from tagger.core.rules.model import RuleSet
from tagger.history.counts import Counts


@click.command("stats")
@config_option
@history_options
@click.option(
    "--most",
    type=click.IntRange(0, 100_000),
    default=20,
    show_default=True,
    help="How many keywords to list: those that never matched, then the rarest.",
)
@format_option(
    "csv", "markdown", explained="json: an object for each rule and keyword. csv: one table of both."
)
@placeholder_option
def command(path: Path, asked: Asked, most: int, form: Any, placeholder: str) -> None:
    """Show what each rule and keyword did: in how many chats, when last, and in how many of them nothing else did.

    Reads decisions from livechat.decisions: no chats, and no API call. With --file, today's keyword files decide the
    chats. With --file and --archive, the tags decided are compared with those on the chats.
    Rules that never matched come first. "Only this" counts chats in which no other rule called for the tag, or no
    other keyword for the rule. "Removed" and "added" count corrections by people, which are known
    if webhooks are registered with --corrections.

    \b
    Exit code: 0 fine; 2 chats or keyword files cannot be read.
    \b
    Examples:
      tagger stats --since 30d
      tagger stats --since 30d --format csv
      tagger stats --archive --since 30d
      tagger stats --file chats.ndjson --most 100
    """
    rules = load(path)
    statistics = Statistics(rules.rules)
    if asked.file is not None:
        counts = _of_file(asked, rules, placeholder, statistics)
    elif asked.archive:
        counts = read_history(asked, statistics.add)
    else:
        counts = read_decisions(asked, statistics.add)
    for line in lines(Report(statistics, counts, str(asked), now_ms(), most), form):
        click.echo(line)
    beside_data(counts, form)
    raise SystemExit(2 if counts.unreadable else 0)


def _of_file(asked: Asked, rules: RuleSet, placeholder: str, statistics: Statistics) -> Counts:
    decider = Decider.compile(rules, placeholder)

    def take(chat: PastChat) -> None:
        if chat.conversation is not None and chat.conversation.complete:
            made = decider.decide(chat.conversation, chat.ended_at_ms)
            said, at = len(chat.conversation.said), chat.ended_at_ms
            decision = PastDecision(made.tags, made.because, "", made.config, said, at, at, None)
            chat = replace(chat, decisions=(decision,))
        statistics.add(chat)

    return read_history(asked, take)
