"""What commands share: naming and loading keyword files, and showing their errors.

Errors are printed with what to do, and end the command: with 2 if nothing could be read, with 1 otherwise.
"""

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ingest.runtime.exit import stop
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.plurals import counted
from tagger.core.rules.parse import RuleSet, parse
from tagger.core.rules.problems import Problem
from tagger.keyword_files.overlooked import overlooked
from tagger.keyword_files.read import read_files


def regular_expression(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Callback of an option: its value, checked; a usage error if it is not valid."""
    try:
        re.compile(value)
    except re.error as error:
        raise click.BadParameter(f"{value} is not a valid regular expression ({error})") from None
    return value


path_argument = click.argument(
    "path", type=click.Path(path_type=Path), default="config", envvar="TAGGER_CONFIG"
)

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default="config",
    envvar="TAGGER_CONFIG",
    show_envvar=True,
    show_default=True,
    help="Folder of keyword files, or one file.",
)

placeholder_option = click.option(
    "--placeholder",
    metavar="REGEX",
    default=DEFAULT_PLACEHOLDER,
    envvar="TAGGER_CANNED_PLACEHOLDER",
    show_envvar=True,
    show_default=True,
    callback=regular_expression,
    help="What a placeholder in a canned response looks like.",
)


quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print findings only, no summary.")


def format_option(*others: str, explained: str | None = None) -> Callable[..., Any]:
    """`--format`: text, json, and the other formats of a command."""
    choice = click.Choice(["text", "json", *others])
    return click.option("--format", "form", type=choice, default="text", show_default=True, help=explained)


def read(path: Path) -> dict[str, bytes]:
    """The bytes of the keyword files, by name; exits 2 if there are none."""
    files = read_files(path)
    if isinstance(files, str):
        stop("\n".join([files, *map(str, overlooked(path))]))
    return files


def load(path: Path) -> RuleSet:
    """The rules; prints all errors and exits 1 if there are any."""
    files = read(path)
    with uncollected():
        rules = parse(files)
    if isinstance(rules, RuleSet):
        return rules
    for problem in rules:
        click.echo(line_of(problem), err=True)
    stop(f"{counted(len(rules), 'error')} found. Fix {'it' if len(rules) == 1 else 'them'} first.", 1)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection: rules being read are not garbage, and looking for some takes a tenth longer."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def line_of(problem: Problem) -> str:
    """`file:line:column: what is wrong. what to do`, with the severity in colour on a terminal."""
    at = problem.place
    place = click.style(f"{at.file}:{at.line}:{at.column}:", bold=True)
    if problem.severity == "warning":
        return f"{place} {click.style('warning:', fg='yellow')} {problem.text}. {problem.advice}"
    return f"{place} {click.style(problem.text, fg='red')}. {problem.advice}"
