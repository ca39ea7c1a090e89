"""`tagger check`: all errors in keyword files, then what is allowed but looks wrong."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from tagger.commands.keyword_options import (
    counted,
    format_option,
    line_of,
    path_argument,
    placeholder_option,
    quiet_option,
    read,
    uncollected,
)
from tagger.core.review.lint import lint
from tagger.core.rules.model import Rule
from tagger.core.rules.parse import RuleSet, keywords_of, parse
from tagger.core.rules.problems import PROBLEMS_MAX, Place, Problem
from tagger.keyword_files.overlooked import Overlooked, overlooked


@click.command("check")
@path_argument
@placeholder_option
@format_option("github", explained="github: annotations on a pull request.")
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--online", is_flag=True, help="Also check that LiveChat has the tags.")
@click.option("--create", is_flag=True, help="With --online: create the missing tags.")
@quiet_option
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    path: Path, placeholder: str, form: str, strict: bool, online: bool, create: bool, quiet: bool
) -> None:
    """Find errors in keyword files.

    PATH is a folder or one file; the default is TAGGER_CONFIG, or else `config`. Each line says where the
    problem is, what is wrong and what to do. Once there are no errors, warnings point out what is allowed but
    probably not intended.

    --online needs the same credentials as `tagger run`. It reports tags that LiveChat does not have or spells
    differently, and tags whose groups may not include the group of a chat.

    \b
    Exit code: 0 no errors, perhaps warnings; 1 errors, or warnings with --strict; 2 nothing could be read.
    \b
    Examples:
      tagger check
      tagger check config/billing.yaml
      tagger check --format github --strict      in a GitHub workflow
      tagger check --online --create
    """
    if create and not online:
        raise click.UsageError("--create needs --online")
    files = read(path)
    with uncollected():
        parsed = parse(files)
        rules = parsed if isinstance(parsed, RuleSet) else None
        found = lint(parsed, datetime.now(UTC).date(), placeholder) if isinstance(parsed, RuleSet) else parsed
    if rules is not None:
        found = [*map(_overlooked, overlooked(path)), *found]
    if rules is not None and online:
        found = [*found, *_online(rules.rules, create)]
    if form == "json":
        click.echo(json.dumps(_as_json(found, rules), indent=2, ensure_ascii=False))
    else:
        for problem in found:
            click.echo(_annotation(problem) if form == "github" else line_of(problem))
    if form == "text" and not quiet:
        click.echo(_summary(found, rules, len(files)))
    raise SystemExit(1 if _errors(found) or (strict and found) else 0)


def _overlooked(entry: Overlooked) -> Problem:
    place = Place(entry.path, 1, 1)
    return Problem(place, "not-read", f"this {entry.what}, so it is not read", entry.advice, "warning")


def _online(rules: Sequence[Rule], create: bool) -> list[Problem]:
    """What LiveChat says of the rules' tags; exits 2 if a setting is missing or LiveChat does not answer."""
    from ingest.runtime.settings import load
    from tagger.commands.setup import with_client
    from tagger.service.tag_check import problems_online
    from tagger.settings import LiveChatSettings

    say = partial(click.echo, err=True)
    return with_client(load(LiveChatSettings), partial(problems_online, rules=rules, say=say, create=create))


def _errors(found: Sequence[Problem]) -> int:
    return sum(problem.severity == "error" for problem in found)


def _summary(found: Sequence[Problem], rules: RuleSet | None, files: int) -> str:
    errors = _errors(found)
    if rules is None or errors:
        least = "At least " if len(found) == PROBLEMS_MAX else ""
        return click.style(f"{least}{counted(errors, 'error')} found.", fg="red")
    keywords = sum(1 for rule in rules.rules for _ in keywords_of(rule))
    tests = sum(len(rule.tests) for rule in rules.rules)
    size = f"{counted(len(rules.rules), 'rule')}, {counted(keywords, 'keyword')}, {counted(tests, 'test')}"
    text = f"No errors, {counted(len(found), 'warning')}: {size} in {counted(files, 'file')}. Config {rules.hash}."
    return click.style(text, fg="yellow" if found else "green")


def _as_json(found: Sequence[Problem], rules: RuleSet | None) -> dict[str, object]:
    return {
        "errors": _errors(found),
        "warnings": len(found) - _errors(found),
        "config": rules.hash if rules else None,
        "problems": [
            asdict(one.place)
            | {"severity": one.severity, "code": one.code, "text": one.text, "advice": one.advice}
            for one in found
        ],
    }


def _annotation(problem: Problem) -> str:
    """https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message"""
    at, escaped = problem.place, str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
    message = f"{problem.text}. {problem.advice}".translate(escaped)
    file = at.file.translate(escaped | {ord(":"): "%3A", ord(","): "%2C"})
    return f"::{problem.severity} file={file},line={at.line},col={at.column},title={problem.code}::{message}"
