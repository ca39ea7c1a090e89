"""`tagger backtest`: two keyword sets over a file of chats."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tagger.commands import backtest_report
from tests.docs.chats import CHANGED, RULES, chat

SECRET = "xylophone"  # a word of a chat that no output may show
SAID = [
    ("C1", f"please reimburse me, {SECRET}"),
    ("C2", "I was reimbursed"),
    ("C3", "let me send it back"),
    ("C4", f"where is my parcel, {SECRET}"),
    ("C5", "hello"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = [json.dumps(chat(name, (text,), [])) for name, text in SAID]
    (tmp_path / "chats.ndjson").write_text("\n".join(lines))
    for name, rules in (("old", RULES), ("new", CHANGED)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shop.yaml").write_text(rules)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def backtest(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backtest", *arguments, "--file", "chats.ndjson"])


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.usefixtures("folder")
def test_it_shows_which_tags_change_by_which_keywords_and_in_which_chats() -> None:
    result = backtest("new", "--against", "old")
    assert result.exit_code == 0
    assert "Refund        1       3       +2      0   60.0 %" in result.output
    assert "2 tags unchanged. Without a tag 3 (60.0 %) → 1 (20.0 %)." in result.output
    assert "by `send it back` (new in rule refund)" in result.output
    assert "+ C2 2026-11-23 10:00  customer  +6..15" in result.output


@pytest.mark.usefixtures("folder")
def test_a_lost_tag_is_shown_before_gained_ones() -> None:
    result = backtest("old", "--against", "new")
    assert "Refund        3       1        0     −2   20.0 %" in result.output
    assert "\nRefund −2: " in result.output


@pytest.mark.usefixtures("folder")
def test_the_same_set_changes_no_chat() -> None:
    result = backtest("new", "--against", "new")
    assert "No chat changes. Without a tag 1 (20.0 %) → 1 (20.0 %)." in result.output


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_words_of_chats_are_shown_only_where_they_are_asked_for(folder: Path, form: str) -> None:
    (folder / "none.yaml").write_text(
        RULES.replace("[reimburse]", "[nothing]").replace("[parcel]", "[nothing]")
    )
    arguments = ["old", "--against", "none.yaml", "--format", form]
    result = backtest(*arguments)
    assert (result.exit_code, SECRET in result.output) == (0, False)
    assert (SECRET in backtest(*arguments, "--content").output) == (form != "csv")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("share", "code"), [("250%", 0), ("100 %", 1), ("0%", 1)])
def test_a_change_beyond_what_is_allowed_exits_1(share: str, code: int) -> None:
    result = backtest("new", "--against", "old", "--max-change", share)
    assert (result.exit_code, "more than" in result.output) == (code, bool(code))


@pytest.mark.usefixtures("folder")
def test_a_share_that_is_none_is_refused() -> None:
    result = backtest("new", "--against", "old", "--max-change", "0.2")
    assert result.exit_code == 2
    assert "0.2 is not a percentage: write 20%" in result.stderr


@pytest.mark.usefixtures("folder")
def test_json_has_a_summary_then_each_tag_and_changed_chat() -> None:
    summary, *others = objects(backtest("new", "--against", "old", "--format", "json"))
    assert (summary["kind"], summary["chats"], summary["changed"]) == ("summary", 5, 2)
    assert (summary["untagged_before"], summary["untagged_after"]) == (3, 1)
    refund = next(one for one in others if one["kind"] == "tag" and one["tag"] == "Refund")
    assert [refund[name] for name in ("before", "after", "gained", "lost", "share")] == [1, 3, 2, 0, 0.6]
    assert {one["chat_id"] for one in others if one["kind"] == "chat"} == {"C2", "C3"}


@pytest.mark.usefixtures("folder")
def test_csv_has_a_row_a_tag() -> None:
    rows = list(csv.DictReader(backtest("new", "--against", "old", "--format", "csv").output.splitlines()))
    assert [row["tag"] for row in rows] == ["Delivery", "Refund", "Sale"]


@pytest.mark.usefixtures("folder")
def test_lines_that_are_no_chats_are_named_and_the_others_count() -> None:
    with Path("chats.ndjson").open("a") as file:
        file.write("\nno JSON\n")
    result = backtest("new", "--against", "old")
    assert result.exit_code == 2
    assert result.output.startswith("5 chats, from chats.ndjson.")
    assert "Not readable: 1." in result.output


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], check=True, capture_output=True, timeout=60
    )


def test_without_a_name_it_compares_with_head_and_a_revision_can_be_named(folder: Path) -> None:
    git(folder, "init", "--quiet")
    git(folder, "add", "old")
    git(folder, "commit", "--quiet", "-m", "first")
    (folder / "old" / "shop.yaml").write_text(CHANGED)
    (folder / "old" / "more.yaml").write_text("version: 1\nrules:\n  - {id: hi, tag: Hi, any: [hello]}\n")
    changed = backtest("old")
    assert "+2" in changed.output
    assert "Hi            0       1" in changed.output
    git(folder, "add", "old")
    git(folder, "commit", "--quiet", "-m", "second")
    assert "No chat changes." in backtest("old").output
    assert backtest("old", "--against", "HEAD~1").output == changed.output


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        (["--against", "nowhere"], "nowhere is neither a file, nor a Git revision that has new, nor a hash."),
        (["--against", "--output=x"], "--output=x is neither a file, nor a Git revision"),
        ([], "new is not in a Git repository. Give --against."),
    ],
)
@pytest.mark.usefixtures("folder")
def test_nothing_to_compare_with_is_said(
    against: list[str], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    result = backtest("new", *against)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_an_old_set_that_is_not_valid_is_named(folder: Path) -> None:
    (folder / "old" / "shop.yaml").write_text("rules: [")
    result = backtest("new", "--against", "old")
    assert result.exit_code == 1
    assert "old/shop.yaml:2:1: " in result.stderr


@pytest.mark.usefixtures("folder")
def test_a_comment_is_no_longer_than_github_takes_and_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("new", "--against", "old", "--format", "markdown")
    whole = backtest(*arguments).output
    monkeypatch.setattr(backtest_report, "COMMENT_CHARS_MAX", len(whole) - 20)
    cut = backtest(*arguments).output
    assert "lines left out: a comment holds no more" in cut or "line left out: a comment holds no more" in cut
    assert whole.startswith(cut[: cut.index("\n…")])
    monkeypatch.setattr(backtest_report, "COMMENT_CHARS_MAX", len(whole))
    assert backtest(*arguments).output == whole
