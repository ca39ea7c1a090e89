"""`tagger test`: runs the tests beside the rules."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main

GREEN = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, money back]
    tests:
      - match: "a refund"
      - absent: "refundable"
"""
RED = GREEN.replace('"a refund"', '"is it refundable?"').replace('"refundable"', '"a refund"')


def run(folder: Path, content: str, *options: str) -> Result:
    (folder / "a.yaml").write_text(content)
    return CliRunner().invoke(main, ["test", str(folder), *options])


def test_passing_tests_are_counted(tmp_path: Path) -> None:
    result = run(tmp_path, GREEN)
    assert (result.exit_code, result.output) == (0, "2 tests passed.\n")


def test_a_failure_is_a_diff_with_the_reason(tmp_path: Path) -> None:
    result = run(tmp_path, RED)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{tmp_path}/a.yaml:7:9: refund",
        "  - should fire",
        "  + did not fire: `refund` (inside a word; refund* would find it)",
        "    1 customer  is it refundable?",
        "                      ^^^^^^ refund: inside a word; refund* would find it",
        "",
        f"{tmp_path}/a.yaml:8:9: refund",
        "  - should not fire",
        "  + fired on `refund`",
        "    1 customer  a refund",
        "                  ^^^^^^ match: refund",
        "",
        "0 tests passed, 2 failed.",
    ]


def test_coverage_names_what_no_test_fires_and_fails(tmp_path: Path) -> None:
    result = run(tmp_path, GREEN, "--coverage")
    assert result.exit_code == 1
    gap, summary = result.output.splitlines()
    assert gap.startswith(f"{tmp_path}/a.yaml:5:19: no test fires on the keyword `money back`. Add")
    assert summary == "2 tests passed; 1 coverage gap."
    covered = GREEN.replace('"a refund"', '["a refund", "my money back"]')
    assert run(tmp_path, covered, "--coverage").exit_code == 0


def test_run_selects_rules_by_id(tmp_path: Path) -> None:
    other = "  - {id: card, tag: C, any: [card], tests: [match: nothing]}\n"
    assert run(tmp_path, GREEN + other).exit_code == 1
    assert run(tmp_path, GREEN + other, "--run", "^ref").exit_code == 0
    assert run(tmp_path, GREEN + other, "--run", "ref|card").exit_code == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--run", "xyz"], "No rule id matches xyz."),
        (["--run", "("], "( is not a valid regular expression"),
    ],
)
def test_a_selection_of_nothing_is_a_mistake_of_use(tmp_path: Path, options: list[str], says: str) -> None:
    result = run(tmp_path, GREEN, *options)
    assert result.exit_code == 2
    assert says in result.output


def test_files_with_mistakes_are_not_tested(tmp_path: Path) -> None:
    result = run(tmp_path, "version: 1\nrules:\n  - {id: r, tagg: R, any: [x1]}\n")
    assert result.exit_code == 1
    assert "Did you mean `tag`?" in result.stderr
    assert "1 error found. Fix it first." in result.stderr


def test_json_tells_of_every_test(tmp_path: Path) -> None:
    result = run(tmp_path, RED, "--coverage", "--format", "json")
    report = json.loads(result.output)
    assert (result.exit_code, report["passed"], report["failed"]) == (1, 0, 2)
    assert report["tests"][0] == {
        "rule": "refund",
        "file": f"{tmp_path}/a.yaml",
        "line": 7,
        "expect": "match",
        "passed": False,
        "reason": "did not fire: `refund` (inside a word; refund* would find it)",
    }
    assert [gap["text"] for gap in report["uncovered"]] == [
        "no test fires on the keyword `refund`",
        "no test fires on the keyword `money back`",
    ]


def test_junit_has_a_case_for_each_test_and_gap(tmp_path: Path) -> None:
    content = RED.replace("is it refundable?", "\\u0007 refundable & <co>")
    root = ElementTree.fromstring(run(tmp_path, content, "--coverage", "--format", "junit").output)
    assert (root.get("tests"), root.get("failures")) == ("4", "4")
    cases = root.findall("testsuite/testcase")
    assert [case.get("classname") for case in cases] == ["refund", "refund", "coverage", "coverage"]
    failure = cases[0].find("failure")
    assert failure is not None
    assert (
        failure.get("message") == "should fire, did not fire: `refund` (inside a word; refund* would find it)"
    )
    assert "refundable & <co>" in (failure.text or "")
    green = ElementTree.fromstring(run(tmp_path, GREEN, "--format", "junit").output)
    assert (green.get("failures"), green.findall(".//failure")) == ("0", [])


def test_the_shipped_files_pass_with_full_coverage() -> None:
    config = Path(__file__).parents[3] / "config"
    result = CliRunner().invoke(main, ["test", str(config), "--coverage"])
    assert (result.exit_code, "gap" in result.output) == (0, False)
