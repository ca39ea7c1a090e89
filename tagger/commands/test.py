"""`tagger test`: runs the tests of the rules."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from ingest.runtime.exit import stop
from tagger.commands.keyword_options import (
    counted,
    format_option,
    line_of,
    load,
    path_argument,
    placeholder_option,
)
from tagger.commands.transcript import Line, transcript
from tagger.core.matching.decide import Judge
from tagger.core.matching.explain import Labelled, passages, short
from tagger.core.review.rule_tests import Outcome, conversation_of, outcomes, uncovered
from tagger.core.rules.problems import Problem


def _pattern(_ctx: click.Context, _param: click.Parameter, value: str | None) -> re.Pattern[str]:
    try:
        return re.compile(value or "")
    except re.error as error:
        raise click.BadParameter(f"{value} is not a valid regular expression ({error})") from None


@click.command("test")
@path_argument
@click.option("--run", "wanted", metavar="REGEX", callback=_pattern, help="Only rules whose id matches.")
@click.option("--coverage", is_flag=True, help="Fail on keywords and canned responses that no test fires on.")
@placeholder_option
@format_option("junit")
def command(path: Path, wanted: re.Pattern[str], coverage: bool, placeholder: str, form: str) -> None:
    """Run the tests that are written with the rules.

    PATH is the folder, or one file; without it TAGGER_CONFIG, or else `config`. A test asks whether its own
    rule fires, even if the rule is a dry run, has expired, or is for certain groups only.

    \b
    Exit code: 0 all passed; 1 some failed, or the files have errors; 2 nothing could be read.
    \b
    Examples:
      tagger test
      tagger test --run refund
      tagger test --coverage
      tagger test --format junit > report.xml
    """
    judge = Judge.compile(load(path), placeholder)
    by_rule = [(rule, outcomes(judge, rule)) for rule in judge.rules if wanted.search(rule.id)]
    if not by_rule:
        stop(f"No rule id matches {wanted.pattern}.")
    results = [result for _, tested in by_rule for result in tested]
    gaps = [gap for rule, tested in by_rule for gap in uncovered(rule, tested)] if coverage else []
    if form == "json":
        click.echo(json.dumps(_as_json(results, gaps), indent=2, ensure_ascii=False))
    elif form == "junit":
        click.echo(_as_junit(results, gaps))
    else:
        _print(results, gaps)
    raise SystemExit(1 if gaps or any(not result.passed for result in results) else 0)


def _print(results: Sequence[Outcome], gaps: Sequence[Problem]) -> None:
    failed = [result for result in results if not result.passed]
    for result in failed:
        at = result.test.place
        click.secho(f"{at.file}:{at.line}:{at.column}: {result.rule.id}", bold=True)
        click.secho(f"  - {result.expected}", fg="green")
        click.secho(f"  + {result.reason}", fg="red")
        for text, colour in _said(result):
            click.secho(f"  {text}", dim=colour is None)
        click.echo()
    for gap in gaps:
        click.echo(line_of(gap))
    passed = f"{counted(len(results) - len(failed), 'test')} passed"
    text = ", ".join([passed, *([f"{len(failed)} failed"] if failed else [])])
    if gaps:
        text += f"; {counted(len(gaps), 'gap')} in the coverage"
    click.echo(click.style(f"{text}.", fg="red" if failed or gaps else "green"))


def _said(result: Outcome) -> list[Line]:
    """Where what was found, or nearly, lies in what was said."""
    labelled: list[Labelled] = [(hit, f"match: {short(hit.keyword)}") for hit in result.because]
    labelled += [(no, f"{short(no.keyword)}: {no.reason}") for no in result.near_misses]
    return list(transcript(passages(conversation_of(result.rule, result.test).said, labelled)))


def _as_json(results: Sequence[Outcome], gaps: Sequence[Problem]) -> dict[str, object]:
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "tests": [
            {
                "rule": result.rule.id,
                "file": result.test.place.file,
                "line": result.test.place.line,
                "expect": result.test.expect,
                "passed": result.passed,
                "reason": result.reason,
            }
            for result in results
        ],
        "uncovered": [
            {"file": gap.place.file, "line": gap.place.line, "column": gap.place.column, "text": gap.text}
            for gap in gaps
        ],
    }


def _as_junit(results: Sequence[Outcome], gaps: Sequence[Problem]) -> str:
    """The XML that CI systems read; a gap in the coverage is a failed case of its own."""
    from xml.etree import ElementTree

    failed = sum(not result.passed for result in results) + len(gaps)
    counts = {"tests": str(len(results) + len(gaps)), "failures": str(failed)}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "tagger test", **counts})
    for result in results:
        at = result.test.place
        case = {"classname": result.rule.id, "name": f"{result.test.expect}, {at.file}:{at.line}"}
        node = ElementTree.SubElement(suite, "testcase", case)
        if not result.passed:
            failure = ElementTree.SubElement(
                node, "failure", {"message": f"{result.expected}, {result.reason}"}
            )
            failure.text = "\n".join(line.text for line in _said(result))
    for gap in gaps:
        case = {"classname": "coverage", "name": f"{gap.place.file}:{gap.place.line}:{gap.place.column}"}
        node = ElementTree.SubElement(suite, "testcase", case)
        ElementTree.SubElement(node, "failure", {"message": gap.text})
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
