"""What a Git repository of keyword files uses: pre-commit's hooks and the GitHub Action, their own lines run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
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


CHATS: Final = [
    {
        "id": f"C{number}",
        "users": [{"id": "c", "type": "customer"}],
        "thread": {
            "id": f"T{number}",
            "active": False,
            "created_at": "2026-11-01T10:00:00Z",
            "events": [{"id": f"E{number}", "type": "message", "author_id": "c", "text": text}],
        },
    }
    for number, text in enumerate(["my refund", "money back", "money back, please", "hello"])
]


def git(folder: Path, *command: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    code, output = ran(folder, "git", *who, *command, HOME=str(folder))
    assert code == 0, output


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A repository with two revisions of keyword files, and a file of chats."""
    write(tmp_path, RIGHT)
    (tmp_path / "chats.ndjson").write_text("\n".join(map(json.dumps, CHATS)))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "config")
    git(tmp_path, "commit", "-qm", "before")
    (tmp_path / "config" / "a.yaml").write_text(RIGHT.replace("[refund]", "[refund, money back]"))
    git(tmp_path, "commit", "-qam", "after")
    return tmp_path


def backtest(folder: Path, **inputs: str) -> tuple[int, str]:
    defaults = {name: given.get("default", "") for name, given in ACTION["inputs"].items()}
    given = {
        "KEYWORDS": "config",
        "CHATS": "chats.ndjson",
        "AGAINST": defaults["against"],
        "COMMENT": defaults["comment"],
    }
    return step(
        "Backtest", folder, GITHUB_STEP_SUMMARY=str(folder / "summary.md"), HOME=str(folder), **given | inputs
    )


@pytest.mark.parametrize(("max_change", "code"), [("", 0), ("300%", 0), ("20%", 1)])
def test_the_action_writes_what_a_pull_request_changes(changed: Path, max_change: str, code: int) -> None:
    assert backtest(changed, MAX_CHANGE=max_change)[0] == code
    comment = (changed / "backtest.md").read_text("utf-8")
    assert comment.startswith("4 chats, from chats.ndjson. Old ")
    assert re.search(r"^\| Refund +\| +1 \| +3 \| +\+2 \|", comment, re.MULTILINE)
    assert "all by `money back` (new in rule refund)" in comment
    assert "please" not in comment
    assert (changed / "summary.md").read_text("utf-8") == comment


@pytest.mark.parametrize("wrong", [{"AGAINST": "nowhere"}, {"CHATS": "nowhere.ndjson"}])
def test_where_there_is_nothing_to_compare_the_action_fails_and_leaves_no_comment(
    changed: Path, wrong: dict[str, str]
) -> None:
    assert backtest(changed, **wrong)[0] == 2
    assert not (changed / "backtest.md").exists()


PAGES: Final = [ROOT / "config" / name for name in ("README.md", "history.md")]
WORKFLOWS: Final = [
    dedent(block)
    for page in PAGES
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if "on: pull_request" in block
]


@pytest.mark.parametrize("number", range(len(WORKFLOWS)))
def test_a_workflow_that_a_page_shows_is_one_to_github(number: int, tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_text(WORKFLOWS[number])
    schema = ("--builtin-schema", "vendor.github-workflows")
    assert ran(tmp_path, "check-jsonschema", *schema, "workflow.yaml") == (0, "ok -- validation done\n")
    (ours,) = [used for used in steps_of(WORKFLOWS[number]) if "livechat-tagger" in used.get("uses", "")]
    assert ours["with"].keys() <= ACTION["inputs"].keys()


def test_the_action_is_one_to_github() -> None:
    schema = ("--builtin-schema", "vendor.github-actions")
    assert ran(ROOT, "check-jsonschema", *schema, "action.yml")[0] == 0


def steps_of(workflow: str) -> list[dict[str, Any]]:
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    return list(job["steps"])


def test_the_comment_that_the_page_posts_is_what_the_action_wrote(changed: Path) -> None:
    """Its shell lines are run, with a `gh` that shows what it is given."""
    (workflow,) = [one for one in WORKFLOWS if "gh pr comment" in one]
    checkout, ours, comment = steps_of(workflow)
    assert checkout["with"]["fetch-depth"] == 2
    backtest(changed, CHATS=ours["with"]["chats"], MAX_CHANGE=ours["with"]["max-change"])
    gh = changed / "gh"
    gh.write_text('#!/bin/sh\necho "$@"\ncat "$5"\n')
    gh.chmod(0o755)
    shell = ("bash", "-eo", "pipefail", "-c", f"PATH=.:$PATH; {comment['run']}")
    code, output = ran(changed, *shell, NUMBER="7", GH_TOKEN="token")
    told, body = output.split("\n", 1)
    assert (code, told) == (0, "pr comment 7 --body-file backtest.md --edit-last --create-if-none")
    assert body == (changed / "backtest.md").read_text("utf-8")
    assert comment["env"].keys() == {"GH_TOKEN", "NUMBER"}


def test_the_action_describes_each_input_and_uses_it() -> None:
    used = str(ACTION["runs"])
    assert all(given["description"] and f"inputs.{name}" in used for name, given in ACTION["inputs"].items())
