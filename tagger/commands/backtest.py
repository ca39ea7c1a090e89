"""`tagger backtest`: what a change of keyword files would have done to the chats of the past."""

import re
from pathlib import Path
from typing import Any

import click

from tagger.commands.backtest_report import Report, lines
from tagger.commands.compared_set import compared_set
from tagger.commands.history_options import Asked, history_options
from tagger.commands.history_reading import beside_data, read_history
from tagger.commands.keyword_options import format_option, load, placeholder_option
from tagger.core.review.backtest import SAMPLE_MAX, Backtest

_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?%")


def _share(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    found = _SHARE.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(f"{value} is not a percentage: write 20%")
    return float(found[1]) / 100


@click.command("backtest")
@click.argument("path", type=click.Path(path_type=Path), default="config", envvar="TAGGER_CONFIG")
@click.option(
    "--against",
    metavar="OLD",
    help="The old set: a folder, the hash of a set that was in force, or a Git revision.",
)
@history_options
@click.option(
    "--sample",
    type=click.IntRange(0, SAMPLE_MAX),
    default=5,
    show_default=True,
    help="How many of the changed chats to list for each tag, the newest first.",
)
@click.option("--content", is_flag=True, help="Show what was said in these chats.")
@click.option(
    "--max-change",
    metavar="SHARE",
    callback=_share,
    help="Exit 1 if more than this share of a tag's chats change: 20%.",
)
@format_option("csv", "markdown", explained="json: an object for each tag and changed chat. csv: tags only.")
@placeholder_option
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    path: Path,
    against: str | None,
    asked: Asked,
    sample: int,
    content: bool,
    max_change: float | None,
    form: Any,
    placeholder: str,
) -> None:
    """Decide past chats with two keyword sets, and compare.

    PATH is the new set: a folder of keyword files, or one file. The old one is the set in force, or with --file
    what Git has as HEAD. No tag is set, and no words of chats are shown without --content.

    \b
    Exit code: 0 fine; 1 more than --max-change; 2 chats or keyword files cannot be read.
    \b
    Examples:
      tagger backtest --since 30d
      tagger backtest --against HEAD~1 --max-change 20%
      tagger backtest new-rules --against config --file chats.ndjson --sample 50
      tagger backtest --archive --since 30d --format markdown
    """
    new = load(path)
    old = compared_set(against, path, has_kafka=asked.file is None)
    test = Backtest(old, new, placeholder, sample=sample, keep_words=content)
    counts = read_history(asked, test.add, joined=False)
    report = Report(test, old, new, counts, str(asked), max_change)
    for line in lines(report, form):
        click.secho(line.text, fg=line.colour)
    beside_data(counts, form)
    raise SystemExit(
        1 if max_change is not None and test.above(max_change) else 2 if counts.unreadable else 0
    )
