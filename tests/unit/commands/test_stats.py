"""`tagger stats`: what rules and keywords did in a file of chats."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tests.docs.chats import RULES, chat

SECRET = "xylophone"  # a word of a chat that no output may show
SAID = [
    ("C1", f"please reimburse me, {SECRET}", ["Refund"]),
    ("C2", "where is my parcel", []),
    ("C3", "the parcel, again", ["VIP"]),
    ("C4", "hello", []),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = [json.dumps(chat(name, (text,), tags)) for name, text, tags in SAID]
    (tmp_path / "chats.ndjson").write_text("\n".join(lines))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.yaml").write_text(RULES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stats(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["stats", "--file", "chats.ndjson", *arguments])


def test_rules_that_never_matched_come_first() -> None:
    result = stats()
    assert result.exit_code == 0
    first, _, header, *rows = result.output.splitlines()
    assert first == "4 chats, from chats.ndjson, 1 (25.0 %) without a tag."
    assert header.split()[:3] == ["rule", "tag", "chats"]
    assert [row.split()[:3] for row in rows[:3]] == [
        ["summer-sale", "Sale", "0"],
        ["refund", "Refund", "1"],
        ["delivery", "Delivery", "2"],
    ]


def test_tags_are_compared_with_those_that_the_chats_have() -> None:
    *_, delivery, refund, vip, untagged = stats().output.splitlines()
    assert delivery.split() == ["Delivery", "2", "0", "0"]
    assert refund.split() == ["Refund", "1", "1", "1"]
    assert vip.split() == ["VIP", "0", "1", "0"]
    assert untagged == "As they are now, 2 chats (50.0 %) have no tag at all."


def test_keywords_beyond_those_listed_are_counted() -> None:
    shown = stats("--most", "1").output
    assert "\nsummer sale " in shown
    assert "\n… and 2 more keywords; list them with --most.\n" in shown
    assert "\nkeyword " not in stats("--most", "0").output


def test_csv_is_one_table_of_rules_and_keywords() -> None:
    rows = list(csv.DictReader(stats("--format", "csv").output.splitlines()))
    assert [(row["rule"], row["keyword"], row["chats"], row["last_match"]) for row in rows] == [
        ("summer-sale", "", "0", ""),
        ("summer-sale", "summer sale", "0", ""),
        ("refund", "", "1", "2026-11-23T10:00:00.000Z"),
        ("refund", "reimburse", "1", "2026-11-23T10:00:00.000Z"),
        ("delivery", "", "2", "2026-11-23T10:00:00.000Z"),
        ("delivery", "parcel", "2", "2026-11-23T10:00:00.000Z"),
    ]


def test_json_has_an_object_for_each_rule_keyword_and_tag() -> None:
    summary, *others = [json.loads(line) for line in stats("--format", "json").output.splitlines()]
    assert (summary["chats"], summary["untagged"]) == (4, 1)
    assert [one["kind"] for one in others] == ["rule", "keyword"] * 3 + ["tag"] * 3


def test_a_rule_on_trial_says_so(folder: Path) -> None:
    (folder / "config" / "shop.yaml").write_text(RULES.replace("[parcel]", "[parcel], dry_run: true"))
    result = stats()
    assert "delivery (on trial)" in result.output
    assert "3 (75.0 %) without a tag" in result.output


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_no_words_of_chats_are_shown(form: str) -> None:
    assert SECRET not in stats("--format", form).output


def test_a_line_that_is_no_chat_is_named_and_the_others_count() -> None:
    with Path("chats.ndjson").open("a") as file:
        file.write("\n[]\n{}\n")
    result = stats()
    assert result.exit_code == 2
    assert result.output.startswith("4 chats, from chats.ndjson, ")
    assert "Not readable: " in result.output
