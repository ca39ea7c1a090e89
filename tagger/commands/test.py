"""`tagger test`: the tests beside the rules."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ingest.runtime.exit import stop
from tagger.commands.keyword_options import (
    format_option,
    line_of,
    load,
    path_argument,
    placeholder_option,
    quiet_option,
    regular_expression,
)
from tagger.commands.transcript import Line, transcript
from tagger.core.matching.decide import Decider
from tagger.core.matching.explain import Labelled, passages, short
from tagger.core.matching.why_not import worded
from tagger.core.plurals import counted
from tagger.core.review.rule_tests import Outcome, conversation_of, outcomes, uncovered
from tagger.core.rules.problems import Problem


@click.command("test")
@path_argument
@click.option(
    "--run",
    "wanted",
    metavar="REGEX",
    default="",
    callback=regular_expression,
    help="Only rules whose id matches.",
)
@click.option(
    "--coverage", is_flag=True, help="Also fail on keywords and canned responses that no test covers."
)
@placeholder_option
@quiet_option
@format_option("junit")
def command(  # noqa: PLR0913, PLR0917 - one argument an option
    path: Path, wanted: str, coverage: bool, placeholder: str, quiet: bool, form: str
) -> None:
    """Run the tests beside the rules.

    PATH is a folder or one file; the default is TAGGER_CONFIG, or else `config`. A test checks its own rule
    only, even if the rule is in dry run, has expired, or is limited to some groups.

    \b
    Exit code: 0 all passed; 1 some failed, or the files have errors; 2 nothing could be read.
    \b
    Examples:
      tagger test
      tagger test --run refund
      tagger test --coverage
      tagger test --format junit > report.xml
    """
    decider = Decider.compile(load(path), placeholder)
    by_rule = [(rule, outcomes(decider, rule)) for rule in decider.rules if re.search(wanted, rule.id)]
    if not by_rule:
        stop(f"No rule id matches {wanted}.")
    results = [result for _, tested in by_rule for result in tested]
    gaps = [gap for rule, tested in by_rule for gap in uncovered(rule, tested)] if coverage else []
    if form == "json":
        click.echo(json.dumps(_as_json(results, gaps), indent=2, ensure_ascii=False))
    elif form == "junit":
        click.echo(_as_junit(results, gaps))
    else:
        _print(results, gaps, quiet)
    raise SystemExit(1 if gaps or any(not result.passed for result in results) else 0)


def _print(results: Sequence[Outcome], gaps: Sequence[Problem], quiet: bool) -> None:
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
    if quiet:
        return
    passed = f"{counted(len(results) - len(failed), 'test')} passed"
    text = ", ".join([passed, *([f"{len(failed)} failed"] if failed else [])])
    if gaps:
        text += f"; {counted(len(gaps), 'coverage gap')}"
    click.echo(click.style(f"{text}.", fg="red" if failed or gaps else "green"))


def _said(result: Outcome) -> list[Line]:
    """The messages, with matches and near misses marked."""
    labelled: list[Labelled] = [(hit, f"match: {short(hit.keyword)}") for hit in result.because]
    labelled += [(no, f"{short(no.keyword)}: {worded(no.why_not)}") for no in result.near_misses]
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
        "uncovered": [asdict(gap.place) | {"text": gap.text} for gap in gaps],
    }


def _as_junit(results: Sequence[Outcome], gaps: Sequence[Problem]) -> str:
    """The XML that CI systems read; each gap in coverage is a failed case."""
    from xml.etree import ElementTree

    failed = sum(not result.passed for result in results) + len(gaps)
    counts = {"tests": str(len(results) + len(gaps)), "failures": str(failed)}
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "tagger test", **counts})

    def add(classname: str, name: str) -> ElementTree.Element:
        return ElementTree.SubElement(suite, "testcase", {"classname": classname, "name": name})

    for result in results:
        at = result.test.place
        case = add(result.rule.id, f"{result.test.expect}, {at.file}:{at.line}")
        if not result.passed:
            message = {"message": f"{result.expected}, {result.reason}"}
            failure = ElementTree.SubElement(case, "failure", message)
            failure.text = "\n".join(line.text for line in _said(result))
    for gap in gaps:
        case = add("coverage", f"{gap.place.file}:{gap.place.line}:{gap.place.column}")
        ElementTree.SubElement(case, "failure", {"message": gap.text})
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
