"""`tagger check`: all errors in keyword files, then what looks wrong."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main

FINE = "version: 1\nrules:\n  - {id: r, tag: R, any: [refund], tests: [absent: hello]}\n"
DOUBTFUL = "version: 1\nrules:\n  - {id: r, tag: R, any: [refund]}\n"
WRONG = "version: 1\nrules:\n  - id: r\n    tagg: R\n    any: [re*fund]\n"


def check(folder: Path, content: str, *options: str, **env: str) -> Result:
    (folder / "a.yaml").write_text(content)
    return CliRunner().invoke(main, ["check", str(folder), *options], env=env)


def test_it_reports_all_errors_with_place_and_advice(tmp_path: Path) -> None:
    result = check(tmp_path, WRONG)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"{tmp_path}/a.yaml:4:5: unknown key `tagg` in a rule. Did you mean `tag`?",
        f"{tmp_path}/a.yaml:5:11: `re*fund`: a star is allowed only at the ends of a keyword, and not alone."
        ' Write each form as a separate keyword; for a literal star, write {keyword: "re*fund", match: word}.',
        "2 errors found.",
    ]


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    result = check(tmp_path, DOUBTFUL)
    assert result.exit_code == 0
    warning, summary = result.output.splitlines()
    assert warning.startswith(f"{tmp_path}/a.yaml:3:5: warning: the rule `r` has no `absent` test. Add")
    assert summary.startswith("No errors, 1 warning: 1 rule, 1 keyword, 0 tests in 1 file. Config ")


def test_a_fine_set_is_said_to_be_fine(tmp_path: Path) -> None:
    result = check(tmp_path, FINE)
    assert result.exit_code == 0
    assert result.output.startswith("No errors, 0 warnings: 1 rule, 1 keyword, 1 test in 1 file. Config ")


@pytest.mark.parametrize(
    ("content", "code", "errors", "warnings", "codes"),
    [
        (FINE, 0, 0, 0, []),
        (DOUBTFUL, 0, 0, 1, [("warning", "no-absent-test")]),
        (WRONG, 1, 2, 0, [("error", "unknown-key"), ("error", "star")]),
    ],
)
def test_json_has_the_same_facts(
    tmp_path: Path, content: str, code: int, errors: int, warnings: int, codes: list[tuple[str, str]]
) -> None:
    result = check(tmp_path, content, "--format", "json")
    report = json.loads(result.output)
    assert result.exit_code == code
    assert (report["errors"], report["warnings"]) == (errors, warnings)
    assert (report["config"] is None) == (errors > 0)
    assert [(problem["severity"], problem["code"]) for problem in report["problems"]] == codes
    keys = {"file", "line", "column", "severity", "code", "text", "advice"}
    assert all(set(problem) == keys for problem in report["problems"])


def test_github_makes_annotations_of_them(tmp_path: Path) -> None:
    first, _ = check(tmp_path, WRONG, "--format", "github").output.splitlines()
    place = f"file={tmp_path}/a.yaml,line=4,col=5,title=unknown-key"
    assert first == f"::error {place}::unknown key `tagg` in a rule. Did you mean `tag`?"
    (only,) = check(tmp_path, DOUBTFUL, "--format", "github").output.splitlines()
    assert only.startswith("::warning file=")


def test_what_github_would_misread_is_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "a,b:c"
    folder.mkdir()
    shown = check(folder, "version: 1\nrules:\n  - 50% off\n", "--format", "github").output
    assert "/a%2Cb%3Ac/a.yaml,line=3," in shown
    assert "`50%25 off`" in shown


def test_the_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FINE)
    result = CliRunner().invoke(main, ["check"], env={"TAGGER_CONFIG": str(tmp_path)})
    assert (result.exit_code, "1 rule," in result.output) == (0, True)


def test_the_placeholder_may_come_from_the_environment(tmp_path: Path) -> None:
    content = (
        'version: 1\nrules: [{id: r, tag: R, canned: ["Hi {{name}}, it is sent"], tests: [absent: a]}]\n'
    )
    assert "odd-placeholder" in check(tmp_path, content, "--format", "json").output
    env = {"TAGGER_CANNED_PLACEHOLDER": r"\{\{\w+\}\}"}
    assert "odd-placeholder" not in check(tmp_path, content, "--format", "json", **env).output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["no/such/folder"], "no/such/folder: cannot be read (No such file or directory)"),
        (["--format", "xml"], "'xml' is not one of"),
        (["--placeholder", "(", "."], "( is not a valid regular expression"),
    ],
)
def test_what_cannot_be_read_is_exit_code_2(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["check", *arguments])
    assert result.exit_code == 2
    assert says in result.output


def test_an_empty_folder_is_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert (result.exit_code, "contains no *.yaml files" in result.output) == (2, True)


def test_the_shipped_files_are_without_a_warning() -> None:
    config = Path(__file__).parents[3] / "config"
    assert "No errors, 0 warnings: " in CliRunner().invoke(main, ["check", str(config)]).output


def test_more_errors_than_anybody_fixes_at_once_are_cut(tmp_path: Path) -> None:
    result = check(tmp_path, "version: 1\nrules:\n" + "  - x\n" * 1_001)
    assert len(result.output.splitlines()) == 1_001
    assert result.output.endswith("\nAt least 1,000 errors found.\n")


@pytest.mark.parametrize(("content", "code"), [(FINE, 0), (DOUBTFUL, 1), (WRONG, 1)])
def test_strict_makes_warnings_fail(tmp_path: Path, content: str, code: int) -> None:
    assert check(tmp_path, content, "--strict").exit_code == code


def test_what_looks_meant_and_is_not_read_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "billing.yml.txt").write_text(FINE)
    result = check(tmp_path, FINE)
    warning, summary = result.output.splitlines()
    assert warning.startswith(
        f"{tmp_path}/billing.yml.txt:1:1: warning: this file's name does not end in .yaml"
    )
    assert warning.endswith("so it is not read. Rename it to billing.yaml.")
    assert summary.startswith("No errors, 1 warning: ")
    assert check(tmp_path, FINE, "--strict").exit_code == 1


def test_it_is_named_where_nothing_else_is_there(tmp_path: Path) -> None:
    (tmp_path / "Billing.YAML").write_text(FINE)
    result = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert result.exit_code == 2
    assert f"{tmp_path}/Billing.YAML: this file's name" in result.output


FIXABLE = "version: 1\nrules:\n  - id: r  # mine\n    tag: R\n    any:\n      – refund\n    tests: [absent: hello]\n"
FIXED = FIXABLE.replace("–", "-")


def test_a_fix_is_shown_and_not_written(tmp_path: Path) -> None:
    result = check(tmp_path, FIXABLE, "--fix")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"--- {tmp_path}/a.yaml",
        f"+++ {tmp_path}/a.yaml",
        "@@ -3,5 +3,5 @@",
        "   - id: r  # mine",
        "     tag: R",
        "     any:",
        "-      – refund",
        "+      - refund",
        "     tests: [absent: hello]",
        result.output.splitlines()[-2],
        "1 file would change. Write the fixes with --write.",
    ]
    assert result.output.splitlines()[-2].startswith("No errors, 0 warnings: ")
    assert (tmp_path / "a.yaml").read_text() == FIXABLE


def test_a_fix_is_written_and_then_there_is_nothing_to_fix(tmp_path: Path) -> None:
    result = check(tmp_path, FIXABLE, "--fix", "--write")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "1 file changed.")
    assert (tmp_path / "a.yaml").read_text() == FIXED
    again = check(tmp_path, FIXED, "--fix", "--write")
    assert (again.exit_code, again.output.splitlines()[-1]) == (0, "Nothing can be fixed with certainty.")


def test_what_is_left_after_a_fix_is_reported_and_is_exit_code_1(tmp_path: Path) -> None:
    result = check(tmp_path, FIXABLE + "    tagg: x\n", "--fix", "--write")
    assert result.exit_code == 1
    assert (
        f"{tmp_path}/a.yaml:8:5: unknown key `tagg` in a rule. Did you mean `tag`?\n1 error found.\n"
        in result.output
    )
    assert (tmp_path / "a.yaml").read_text() == FIXED + "    tagg: x\n"


def test_json_has_the_diffs(tmp_path: Path) -> None:
    report = json.loads(check(tmp_path, FIXABLE, "--fix", "--format", "json").output)
    assert (report["errors"], report["written"]) == (0, False)
    assert report["diffs"][f"{tmp_path}/a.yaml"].startswith(f"--- {tmp_path}/a.yaml\n+++ ")
    assert json.loads(check(tmp_path, FIXED, "--fix", "--format", "json").output)["diffs"] == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--write"], "--write needs --fix"), (["--fix", "--format", "github"], "--fix shows a diff")],
)
def test_options_that_do_not_fit_are_exit_code_2(tmp_path: Path, options: list[str], says: str) -> None:
    result = check(tmp_path, FIXED, *options)
    assert (result.exit_code, says in result.output) == (2, True)


def test_a_line_without_an_end_shows_in_the_diff_and_stays_without(tmp_path: Path) -> None:
    content = FIXABLE.replace("    tests: [absent: hello]\n", "").replace("– refund\n", "– refund")
    result = check(tmp_path, content, "--fix", "--write")
    assert result.output.count("\\ No newline at end of file") == 2
    assert (tmp_path / "a.yaml").read_text() == content.replace("–", "-")
