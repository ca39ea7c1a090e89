"""deploy/proof.md: what was done to the services, how often, and what came of it. Made from runs that happened."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "deploy" / "proof.md"
KEY: Final = "proof"  # of a report's properties

INTRODUCTION: Final = """\
# Proof

What happened to the real `ingest` and `tagger run` on Apache Kafka, with a simulated LiveChat that sends webhooks, answers
calls and knows which tag each chat calls for. `make faults` does all of it again and writes this page.

{run}

A row says what was done, how often in all runs together, what was counted, and in how many of the runs everything held.
The letters:

| | must hold |
|---|---|
| T | every thread whose end was stored has every tag that it calls for, and no other |
| C | no committed offset was above an end that was neither decided nor parked |
| L | the lag came to 0 |
| N | no committed offset went back |
| M | no process took more memory than its limit |
| Q | every webhook that was answered 200 is on the topic |
"""


class Proof:
    """What a test did and counted. The same words are added up over all runs."""

    def __init__(self, node: pytest.Item) -> None:
        # Plain data, which a worker sends to the process that makes the page.
        self._done: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._most: dict[str, float] = {}
        node.user_properties.append((KEY, [self._done, self._counted, self._most]))

    def did(self, what: str, times: int = 1) -> None:
        """As "killed the leader"."""
        self._done[what] = self._done.get(what, 0) + times

    def count(self, what: str, number: float) -> None:
        """As ("webhooks", 1200): added up."""
        self._counted[what] = self._counted.get(what, 0) + int(number)

    def most(self, what: str, number: float) -> None:
        """As ("MB in a process", 93): the highest counts."""
        self._most[what] = max(number, self._most.get(what, number))


@dataclass(slots=True)
class Row:
    """One test in all runs."""

    done: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    most: dict[str, float] = field(default_factory=dict)
    runs: int = 0
    passed: int = 0

    def add(self, result: Mapping[str, Any]) -> None:
        """One run's result, as `result_of` gives it."""
        self.runs += 1
        self.passed += result["passed"]
        for done, counted, most in result[KEY]:
            self.done.update(done)
            self.counted.update(counted)
            for what, number in most.items():
                self.most[what] = max(number, self.most.get(what, number))

    def cells(self) -> list[str]:
        """What was done, what was counted, and how often all of it held."""
        done = ", ".join(f"{what} {times:,} ×" for what, times in self.done.items())
        counted = [f"{number:,} {what}" for what, number in self.counted.items()]
        most = [f"at most {number:,.3g} {what}" for what, number in self.most.items()]
        result = f"{self.passed} of {self.runs}"
        return [done, ", ".join(counted + most), result if self.passed == self.runs else f"**{result}**"]


def result_of(report: pytest.TestReport) -> dict[str, Any]:
    """What of a report is kept, as plain data."""
    told = [value for name, value in report.user_properties if name == KEY]
    return {"test": report.nodeid, "passed": report.passed, "why": report.longreprtext, KEY: told}


def page(results: Iterable[Mapping[str, Any]], run: str) -> str:
    """The page's text; `run` says when, of which version, and where."""
    hazards: dict[Path, dict[str, Row]] = defaultdict(dict)
    for result in results:
        file, _, test = result["test"].partition("::")
        hazards[Path(file)].setdefault(test, Row()).add(result)
    parts = [INTRODUCTION.format(run=run)]
    for path, rows in sorted(hazards.items()):
        parts.append(f"## {title_of(path.stem)}\n\n{head_of(HERE / path.name)}\n")
        lines = ["| | what was done | what was counted | held in |", "|---|---|---|---|"]
        lines += [f"| {' | '.join([sentence_of(test), *row.cells()])} |" for test, row in rows.items()]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def title_of(stem: str) -> str:
    """A file's name as a heading."""
    return stem.removeprefix("test_").replace("_", " ").capitalize()


def head_of(path: Path) -> str:
    """The lines at the head of a hazard's file, as a list."""
    head = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return "\n".join(f"- {line}" for line in head.splitlines() if line)


def sentence_of(test: str) -> str:
    """A test's name as a sentence, with its parameters."""
    name, _, parameters = test.removeprefix("test_").partition("[")
    words = re.sub(r"[_ ]+", " ", name).strip().capitalize()
    return f"{words} ({parameters.rstrip(']').replace('_', ' ')})" if parameters else words
