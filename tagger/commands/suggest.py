"""`tagger suggest`: phrases for the chats that people tagged and no rule did, and topics of those without a tag."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import click
import orjson

from ingest.runtime.exit import stop
from tagger.commands import tables
from tagger.commands.history_options import Asked, history_options
from tagger.commands.history_reading import INTERRUPTED, read_history
from tagger.commands.keyword_options import format_option
from tagger.commands.progress import bar
from tagger.commands.transcript import printable
from tagger.core.plurals import counted
from tagger.core.review.past_chat import PastChat
from tagger.core.review.suggest import rule_text
from tagger.core.review.suggest.candidates import CHATS_MIN
from tagger.core.review.suggest.index import CHATS_MAX, TEXT_BYTES_MAX, Index
from tagger.core.review.suggest.labels import Labels, labelled
from tagger.core.review.suggest.proposals import Draft, Suggestion, Wanted, drafts
from tagger.core.review.suggest.proposals import counted as counted_by_matcher
from tagger.core.review.suggest.topics import Topic, topics
from tagger.history.counts import Counts


@click.command("suggest")
@click.argument("tags", metavar="[TAG]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="For every tag that people set.")
@click.option("--untagged", is_flag=True, help="Topics of the chats without a tag.")
@history_options
@click.option(
    "--most",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="At most this many phrases for a tag, or topics.",
)
@click.option("--weak", is_flag=True, help="Show weak phrases too, and why they are weak.")
@format_option("csv", "markdown", explained="json: one object for each phrase, or topic.")
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    tags: tuple[str, ...],
    everything: bool,
    untagged: bool,
    asked: Asked,
    most: int,
    weak: bool,
    form: str,
) -> None:
    """Suggest keywords: a few phrases that tell the chats of a TAG from the rest.

    Compares what customers wrote in chats that people tagged, and no rule did, with the chats that do not have
    the tag. With --untagged, shows what the chats without any tag are about. A star stands for any ending; of
    `late + parcel`, both must be said. Nothing is proposed that fewer than 5 chats say. In a file, all tags
    count as set by people. On Kafka, people's tags are known only if webhooks are registered with --corrections;
    the archive (--archive) has them all.

    \b
    Exit code: 0 fine; 2 a chat could not be read, or no chat has a TAG.
    \b
    Examples:
      tagger suggest Refund --archive --since 30d
      tagger suggest --all --weak --file chats.ndjson --format csv
      tagger suggest --untagged
    """
    if sum((bool(tags), everything, untagged)) != 1:
        raise click.UsageError("Give one of TAG, --all and --untagged.")
    index, labels = Index(), Labels()
    counts, left_out = _read(asked, index, labels)
    for note in (*counts.notes(), *left_out):
        click.echo(printable(note), err=True)
    if not len(index):
        stop(f"{counts.source}: contains no chats{f' {asked}' if str(asked) else ''}.")
    missing: list[str] = []
    try:
        if untagged:
            _of_untagged(index, labels, most, form)
        else:
            wanted, missing = _wanted(tags, labels, everything=everything)
            _of_tags(index, wanted, most, form, weak=weak)
    except KeyboardInterrupt:
        stop(f"Interrupted after {counted(len(index), 'chat')}. Nothing was suggested.", INTERRUPTED)
    for line in missing:
        click.echo(printable(line), err=True)
    raise SystemExit(2 if counts.unreadable or missing else 0)


def _read(asked: Asked, index: Index, labels: Labels) -> tuple[Counts, list[str]]:
    """Take the chats, as many as can be compared; a sentence says how many are left out."""
    left_out = 0

    def take(chat: PastChat) -> None:
        nonlocal left_out
        known = labelled(chat)
        if known is None:
            return
        if index.is_full:
            left_out += 1
            return
        labels.add(len(index), known.people, known.rules)
        index.add(known.texts)

    counts = read_history(asked, take)
    limit = f"the limit is {CHATS_MAX:,} chats, or {TEXT_BYTES_MAX >> 20} MiB of text"
    first = f"Only the first {counted(len(index), 'chat')} are compared, and {left_out:,} left out: {limit}."
    return counts, [first] if left_out else []


def _of_untagged(index: Index, labels: Labels, most: int, form: str) -> None:
    with bar("comparing"):
        found = topics(index, labels.untagged, most)
    _print_topics(found, index, labels, form)


def _of_tags(index: Index, wanted: list[Wanted], most: int, form: str, *, weak: bool) -> None:
    drafted: list[Draft] = []
    try:
        with bar("comparing") as moved:
            for one in drafts(index, wanted, most):
                drafted.append(one)
                moved(len(drafted), len(wanted))
    except KeyboardInterrupt:
        if not drafted:
            raise
        click.echo(
            f"Stopped before the end: these are {len(drafted)} of {counted(len(wanted), 'tag')}.", err=True
        )
    with bar("counting"):
        suggestions = counted_by_matcher(index, drafted)
    _print_suggestions(suggestions, form, weak=weak)


def _wanted(tags: tuple[str, ...], labels: Labels, *, everything: bool) -> tuple[list[Wanted], list[str]]:
    """The tags to compare, and a sentence for each that no chat has."""
    missing = []
    if everything:
        tags = tuple(sorted(labels.people, key=lambda tag: (-len(labels.people[tag]), tag)))
    wanted = [
        Wanted(tag, labels.people.get(tag, []), labels.rules.get(tag, [])) for tag in dict.fromkeys(tags)
    ]
    for one in wanted:
        if not one.people:
            close = get_close_matches(one.tag, labels.people, n=1, cutoff=0.5)
            hint = f" Did you mean {close[0]}?" if close else ""
            missing.append(f"No chat has the tag {one.tag} from a person. The case of a tag counts.{hint}")
    return [one for one in wanted if one.people], missing


def _keywords(keywords: tuple[str, ...]) -> str:
    return " + ".join(keywords)


def _print_suggestions(suggestions: list[Suggestion], form: str, *, weak: bool) -> None:
    shown = [one for one in suggestions if one.proposals and (weak or not one.weak)]
    if form == "json":
        for one in shown:
            for line in _as_json(one):
                click.echo(orjson.dumps(line))
    elif form == "csv":
        header = ("tag", "phrase", "with_tag", "without_tag", "of_with", "of_without", "weak")
        rows = [
            (one.tag, _keywords(each.keywords), *each[1:3], one.of_with, one.of_without, one.weak or "")
            for one in shown
            for each in one.proposals
        ]
        click.echo("\n".join(tables.as_csv(header, rows)))
    else:
        for number, one in enumerate(suggestions):
            click.echo(nl=number > 0)
            _print_suggestion(one, form, weak=weak)


def _as_json(one: Suggestion) -> Iterator[dict[str, Any]]:
    for each in one.proposals:
        paired = len(each.keywords) > 1
        yield {
            "tag": one.tag,
            "phrases": [] if paired else each.keywords,
            "all": [[keyword] for keyword in each.keywords] if paired else [],
            "with_tag": each.with_tag,
            "without_tag": each.without_tag,
            "of_with": one.of_with,
            "of_without": one.of_without,
            "weak": one.weak,
        }


def _print_suggestion(one: Suggestion, form: str, *, weak: bool) -> None:
    title = f"Of {counted(one.of_with, 'chat')} that people tagged {one.tag} and no rule did"
    nothing = None
    if one.of_with < CHATS_MIN:
        nothing = f"nothing is proposed from fewer than {CHATS_MIN}."
    elif not one.proposals:
        nothing = "no phrase tells them from the others."
    elif one.weak and not weak:
        nothing = f"only weak phrases, because {one.weak}. Show them with --weak."
    click.secho(printable(f"{title}: {nothing}" if nothing else f"{title}:"), bold=nothing is None)
    if nothing is None:
        header = ("phrase", "of them", f"of {one.of_without:,} others")
        _print_table(header, [(_keywords(each.keywords), *each[1:3]) for each in one.proposals], form)
        if one.weak:
            click.secho(f"\nWeak: {one.weak}.", fg="yellow")
        _print_rules(rule_text.of_tag(one), form)


def _print_topics(found: list[Topic], index: Index, labels: Labels, form: str) -> None:
    if form == "json":
        for topic in found:
            click.echo(orjson.dumps({"topic": topic.phrases[0], **topic._asdict()}))
        return
    if form == "csv":
        csv = [(topic.phrases[0], ", ".join(topic.phrases), *topic[1:]) for topic in found]
        click.echo("\n".join(tables.as_csv(("topic", "phrases", "untagged", "tagged"), csv)))
        return
    title = f"Of {counted(len(labels.untagged), 'chat')} without a tag"
    if not found:
        few = len(labels.untagged) < CHATS_MIN
        why = f"nothing is proposed from fewer than {CHATS_MIN}." if few else "no topic stands out."
        click.echo(f"{title}: {why}")
        return
    click.secho(f"{title}:", bold=True)
    header = ("topic", "of them", f"of {len(index) - len(labels.untagged):,} with a tag")
    _print_table(header, [(", ".join(topic.phrases), *topic[1:]) for topic in found], form)
    _print_rules(rule_text.of_topics(found), form)


def _print_table(header: tables.Row, rows: list[tuple[str | int, ...]], form: str) -> None:
    click.echo(nl=form == "markdown")
    for line in (tables.as_markdown if form == "markdown" else tables.as_text)(header, rows):
        click.echo(line)


def _print_rules(rules: str, form: str) -> None:
    if form == "markdown":
        click.echo(f"\n```yaml\n{rules}\n```")
        return
    click.secho("\nTo use them, paste below `rules:` in a keyword file, and choose what fits:", dim=True)
    click.echo("\n".join(f"  {printable(line)}" for line in rules.splitlines()))
