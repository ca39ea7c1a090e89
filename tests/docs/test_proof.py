"""deploy/proof.md says what runs of `make faults` gave, and every hazard says what it is at its head."""

import ast
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.proof import HERE, KEY, page

HAZARDS: Final = sorted(path for path in HERE.glob("test_*.py") if path.name not in ("test_proxy.py",))
HEAD: Final = ("What happens: ", "What must hold: ", "Measured: ")
TEST: Final = "tests/faults/test_leaders_killed.py::test_the_leader_is_killed_three_times"


def result(
    test: str = TEST, *, passed: bool = True, killed: int = 3, memory_mb: float = 93.4
) -> dict[str, Any]:
    told = [{"a broker was killed": killed}, {"tags": 1200}, {"MB in a process": memory_mb}]
    return {"test": test, "passed": passed, "why": "", KEY: [told]}


def row_of(*results: dict[str, Any]) -> str:
    (row,) = [line for line in page(results, "One run.").splitlines() if line.startswith("| The leader")]
    return row


def test_a_row_adds_up_all_runs_and_keeps_the_highest() -> None:
    row = row_of(result(), result(killed=4, memory_mb=101.0))
    assert row == (
        "| The leader is killed three times | a broker was killed 7 × | 2,400 tags, at most 101 MB in a process | 2 of 2 |"
    )


def test_a_run_that_failed_stands_out() -> None:
    assert row_of(result(), result(passed=False)).endswith("| **1 of 2** |")


def test_parameters_are_told() -> None:
    assert "| The leader is killed three times (the third) |" in page(
        [result(f"{TEST}[the_third]")], "One run."
    )


def test_a_hazard_begins_with_its_name_and_its_head() -> None:
    written = page([result()], "One run.")
    assert "## Leaders killed\n\n- What happens: " in written
    assert "One run." in written


@pytest.mark.parametrize("path", HAZARDS, ids=lambda path: path.stem)
def test_a_hazard_says_what_happens_what_must_hold_and_how_it_is_measured(path: Path) -> None:
    head = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()
    assert [line.startswith(begin) for begin, line in zip(HEAD, head, strict=False)] == [True] * len(HEAD)
