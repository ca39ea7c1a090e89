"""`tagger import`: keywords of other products as a keyword file."""

from typing import BinaryIO, Final

import click

from ingest.runtime.exit import stop
from tagger.core.importing.rule_file import Imported, recognised, rule_file
from tagger.core.plurals import counted
from tagger.core.rules.decode import FILE_BYTES_MAX, decode
from tagger.core.rules.problems import Findings

STANDARD_INPUT: Final = "standard input"


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--tag", metavar="TAG", help="The tag that chats with these keywords get; needed if FILE names none."
)
def command(file: BinaryIO, tag: str | None) -> None:
    """Turn another product's keywords into a keyword file, and print it.

    FILE is one of these, recognised by its content; - is standard input:

    \b
      a column of keywords, one a line
      Discourse's watched words, as CSV: word, tags or action, true if case counts
      rules of Reddit's AutoModerator; the tag is the flair that a rule sets

    Simple regular expressions become the words they stand for. What cannot be taken over stands in the
    file as a comment with the reason. Nothing is written into your folder of keyword files: read what is
    printed, save it there yourself, and run `tagger check`.

    \b
    Exit code: 0 everything was taken over; 1 something was not; 2 nothing could be read.
    \b
    Examples:
      tagger import words.txt --tag Refund
      tagger import forum-watched-words-tag.csv > config/forum.yaml
      pbpaste | tagger import - --tag Refund
    """
    given = str(getattr(file, "name", "<stdin>"))  # a pipe may have none
    name = STANDARD_INPUT if given == "<stdin>" else given.rpartition("/")[2]
    try:
        content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        stop(f"{name}: cannot be read ({error.strerror}).")
    found = Findings(name)
    text = decode(content, found)
    if text is None or found.problems:
        stop(f"{name}: {found.problems[0].text}. {found.problems[0].advice}")
    source = recognised(text.replace("\r\n", "\n").replace("\r", "\n"))
    if isinstance(source, str):
        stop(f"{name}: {source}.")
    made = rule_file(source, name, tag)
    if isinstance(made, str):
        stop(f"{name}: this looks like {source.kind}; {made}.")
    click.echo(made.text, nl=False)
    click.echo(_summary(name, made), err=True)
    raise SystemExit(1 if made.left else 0)


def _summary(name: str, made: Imported) -> str:
    taken = f"{counted(made.keywords, 'keyword')} in {counted(made.rules, 'rule')}"
    parts = [f"{name}: {made.kind}", taken]
    if made.duplicates:
        parts.append(f"{counted(made.duplicates, 'duplicate')} left out")
    if made.left:
        parts.append(f"{made.left:,} not taken over: see the comments at the top")
    return "; ".join(parts) + "."
