"""A change checked as `tagger check` and `tagger test` would: mistakes with their lines, in the same words. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from tagger.core.matching.decide import Decider
from tagger.core.review.fix import fix
from tagger.core.review.lint import lint
from tagger.core.review.rule_tests import Outcome, run_tests
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.core.rules.problems import Problem
from tagger.web.change.part import Part, put_back

TEST_FAILED: Final = "test-failed"  # code of a test that fails; its text begins with the rule's id
_HEAD: Final = "version: 1\nrules:\n"  # makes a file of some rules


@dataclass(frozen=True, slots=True)
class Checked:
    """A set of keyword files with a change in it."""

    files: Mapping[str, bytes] = field(repr=False)
    rules: RuleSet | None  # None where there are errors
    problems: tuple[Problem, ...]  # in the part that is edited; warnings only where it can be read
    elsewhere: tuple[Problem, ...]  # errors in other places
    tests: int  # that pass
    cured: str | None = field(repr=False)  # the text with every certain cure; None where there is none

    @property
    def errors(self) -> int:
        """How many things have to be mended."""
        return sum(problem.severity == "error" for problem in (*self.problems, *self.elsewhere))


def check(  # noqa: PLR0913, PLR0917 - a set, a change in it, and how to look at it
    files: Mapping[str, bytes], name: str, part: Part, text: str, today: date, placeholder: str
) -> Checked:
    """Put a text into its file, the file into its set, and look at all of it.

    files        of the set; the one that is edited may be missing
    name         of the file, as the set names it
    today        for rules that have expired; a day in UTC
    placeholder  regular expression of a placeholder in a canned response
    """
    edited = dict(files) | {name: put_back(part, text)}
    if not edited[name].strip() and part.section is None:
        del edited[name]  # an empty file is one that is deleted
    parsed = parse(edited)
    if not isinstance(parsed, RuleSet):
        here, elsewhere = _split(parsed, name, part, text)
        return Checked(edited, None, here, elsewhere, 0, _cured(part, text) if here else None)
    failed = [_failure(outcome) for outcome in run_tests(Decider.compile(parsed, placeholder))]
    here, elsewhere = _split(failed, name, part, text)
    warnings, _ = _split(lint(parsed, today, placeholder), name, part, text)
    here = tuple(sorted((*here, *warnings), key=lambda each: (each.place.line, each.place.column)))
    cured = _cured(part, text) if here else None
    if failed:
        return Checked(edited, None, here, elsewhere, 0, cured)
    tests = sum(len(rule.tests) for rule in parsed.rules)
    return Checked(edited, parsed, here, (), tests, cured)


def _split(
    problems: Iterable[Problem], name: str, part: Part, text: str
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Those in the part, and those elsewhere."""
    last = part.first + text.count("\n")
    here, elsewhere = list[Problem](), list[Problem]()
    for problem in problems:
        is_here = problem.place.file == name and (
            part.section is None or part.first <= problem.place.line <= last
        )
        (here if is_here else elsewhere).append(problem)
    return tuple(here), tuple(elsewhere)


def _failure(outcome: Outcome) -> Problem:
    text = f"{outcome.rule.id} {outcome.expected}, but it {outcome.reason}"
    return Problem(outcome.test.place, TEST_FAILED, text, "Fix the rule or the test.")


def _cured(part: Part, text: str) -> str | None:
    """The text as `tagger check --fix` would leave it."""
    head = "" if part.section is None else _HEAD
    fixed = fix((head + text).encode("utf-8", "replace")).decode("utf-8", "replace")
    return fixed.removeprefix(head) if fixed.startswith(head) and fixed != head + text else None
