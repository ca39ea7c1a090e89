"""What a Git repository of keyword files uses: pre-commit's hooks and the GitHub Action, their own lines run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.deadline import DEADLINE_S

ROOT: Final = Path(__file__).parents[3]
HOOKS: Final = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
ACTION: Final = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS: Final = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}
RIGHT: Final = "version: 1\nrules:\n  - {id: refund, tag: Refund, any: [refund], tests: [match: my refund]}\n"


def ran(folder: Path, *command: str, **settings: str) -> tuple[int, str]:
    """Exit code and output of a command, with our own `tagger` first on the PATH and nothing of our settings."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **settings}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def step(name: str, folder: Path, **inputs: str) -> tuple[int, str]:
    """Run a step of the action as GitHub does; what its expressions come to is given."""
    given: dict[str, Any] = dict.fromkeys(STEPS[name]["env"], "")
    return ran(folder, "bash", "-eo", "pipefail", "-c", STEPS[name]["run"], **(given | inputs))


def write(folder: Path, content: str) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "a.yaml").write_text(content)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
@pytest.mark.parametrize(("content", "code"), [(RIGHT, 0), (RIGHT.replace("any", "amy"), 1)])
def test_a_hook_passes_what_is_right_and_stops_what_is_not(
    hook: dict[str, Any], content: str, code: int, tmp_path: Path
) -> None:
    write(tmp_path, content)
    assert ran(tmp_path, *hook["entry"].split())[0] == code


def test_the_action_marks_an_error_at_its_line(tmp_path: Path) -> None:
    write(tmp_path, RIGHT.replace("any", "amy"))
    code, output = step("Check", tmp_path, KEYWORDS="config")
    assert code == 1
    assert "::error file=config/a.yaml,line=3" in output


def test_the_action_fails_on_a_failed_test_and_leaves_its_report(tmp_path: Path) -> None:
    write(tmp_path, RIGHT.replace("my refund", "my money"))
    code, _ = step("Test", tmp_path, KEYWORDS="config", JUNIT="report.xml")
    assert code == 1
    assert 'failures="1"' in (tmp_path / "report.xml").read_text()


@pytest.mark.parametrize(("coverage", "code"), [("", 0), ("--coverage", 1)])
def test_the_action_asks_for_coverage_where_it_is_told_to(coverage: str, code: int, tmp_path: Path) -> None:
    write(tmp_path, RIGHT.replace("[refund]", "[refund, money back]"))
    assert step("Test", tmp_path, KEYWORDS="config", COVERAGE=coverage)[0] == code


def test_the_action_describes_each_input_and_uses_it() -> None:
    used = str(ACTION["runs"])
    assert all(given["description"] and f"inputs.{name}" in used for name, given in ACTION["inputs"].items())
