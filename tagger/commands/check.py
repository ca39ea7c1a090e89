"""`tagger check`: all errors in keyword files, then what is allowed but looks wrong."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from tagger.commands.fixing import coloured, diff_of, fixed, write
from tagger.commands.keyword_options import (
    format_option,
    line_of,
    path_argument,
    placeholder_option,
    quiet_option,
    read,
    uncollected,
)
from tagger.core.plurals import counted
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
@click.option("--fix", "cures", is_flag=True, help="Fix what is certain, and show it as a diff.")
@click.option("--write", "writes", is_flag=True, help="With --fix: change the files.")
@quiet_option
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    path: Path,
    placeholder: str,
    form: str,
    strict: bool,
    online: bool,
    create: bool,
    cures: bool,
    writes: bool,
    quiet: bool,
) -> None:
    """Find errors in keyword files.

    PATH is a folder or one file; the default is TAGGER_CONFIG, or else `config`. Each line says where the
    problem is, what is wrong and what to do. Without errors, warnings name what was probably not intended.

    --online needs the same credentials as `tagger run`. It reports tags that LiveChat does not have or spells
    differently, and tags whose groups may not include the group of a chat.

    --fix corrects what can only have been meant in one way: typographic quotes and dashes, no-break
    spaces, a comma after a quoted text, a stray backslash, a repeated keyword, an emoji as JSON writes it. It
    shows the changes, then what is left for you. With --write it makes them; nothing else in the files changes.

    \b
    Exit code: 0 no errors, perhaps warnings; 1 errors, or warnings with --strict, or a fix that was not written;
    2 something could not be read or written.
    \b
    Examples:
      tagger check
      tagger check config/billing.yaml
      tagger check --format github --strict      in a GitHub workflow
      tagger check --online --create
      tagger check --fix --write
    """
    if wrong := _misfit(form, online, create, cures, writes):
        raise click.UsageError(wrong)
    files = read(path)
    fixes = _fixes(files, writes) if cures else {}
    rules, found = _checked(files, path, placeholder)
    if rules is not None and online:
        found = [*found, *_online(rules.rules, create)]
    if form == "json":
        report = _as_json(found, rules) | ({"diffs": fixes, "written": writes} if cures else {})
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(found, fixes, form)
    if form == "text" and not quiet:
        click.echo(_summary(found, rules, len(files)) + (f"\n{_of_fixes(fixes, writes)}" if cures else ""))
    raise SystemExit(1 if _errors(found) or (strict and found) or (fixes and not writes) else 0)


def _misfit(form: str, online: bool, create: bool, cures: bool, writes: bool) -> str | None:
    """Why these options cannot be given together."""
    if create and not online:
        return "--create needs --online"
    if writes and not cures:
        return "--write needs --fix"
    if cures and form == "github":
        return "--fix shows a diff, which --format github cannot"
    return None


def _checked(files: dict[str, bytes], path: Path, placeholder: str) -> tuple[RuleSet | None, list[Problem]]:
    """The rules with all warnings, or None with all errors."""
    with uncollected():
        parsed = parse(files)
        if not isinstance(parsed, RuleSet):
            return None, parsed
        found = lint(parsed, datetime.now(UTC).date(), placeholder)
    return parsed, [*map(_overlooked, overlooked(path)), *found]


def _show(found: Sequence[Problem], fixes: Mapping[str, str], form: str) -> None:
    for diff in fixes.values():
        click.echo(coloured(diff), nl=False)
    for problem in found:
        click.echo(_annotation(problem) if form == "github" else line_of(problem))


def _fixes(files: dict[str, bytes], writes: bool) -> dict[str, str]:
    """Fix the files, on disk only if `writes`; the diff of each that changes, by name."""
    better = fixed(files)
    diffs = {name: diff_of(name, files[name], better[name]) for name in files if files[name] != better[name]}
    if writes:
        write(files, better)
    files.update(better)
    return diffs


def _of_fixes(fixes: dict[str, str], writes: bool) -> str:
    if not fixes:
        return "Nothing can be fixed with certainty."
    if writes:
        return f"{counted(len(fixes), 'file')} changed."
    return f"{counted(len(fixes), 'file')} would change. Write the fixes with --write."


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
