"""`tagger suggest`: keywords from chats that people tagged, and topics of those without a tag."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tagger.commands import suggest as module
from tests.docs.chats import chat

LATE = [(f"my {word} is so late", ["Delay"]) for word in ("parcel", "lamp") for _ in range(12)]
BACK = [("reimburse me", ["Refund"])] * 6
CRASH: list[tuple[str, list[str]]] = [("app crashed", [])] * 8
OTHERS = [(f"hello {word}", ["Other"]) for word in ("chair", "desk", "shop") for _ in range(20)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [
        json.dumps(chat(f"C{at}", (text,), tags))
        for at, (text, tags) in enumerate([*LATE, *BACK, *CRASH, *OTHERS])
    ]
    path = tmp_path / "chats.ndjson"
    path.write_text("\n".join(lines) + "\n\n")
    return path


def suggest(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["suggest", "--file", str(file), *arguments])


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_tag_is_shown_with_counts_on_both_sides_and_rules_to_paste(file: Path) -> None:
    result = suggest(file, "Delay")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "Of 24 chats that people tagged Delay and no rule did:",
        "phrase   of them   of 74 others",
        "so            24              0",
        "",
        "To use them, paste below `rules:` in a keyword file, and choose what fits:",
        "  - id: delay-suggested",
        "    tag: Delay",
        "    any:",
        "      - so",
        "    tests:",
        "      - match: so",
    ]


def test_weak_phrases_are_silent_unless_asked_for_and_then_say_why(file: Path) -> None:
    why = "fewer than 20 chats have the tag"
    assert suggest(file, "Refund").output == (
        f"Of 6 chats that people tagged Refund and no rule did: only weak phrases, because {why}. Show them with --weak.\n"
    )
    assert f"\nWeak: {why}.\n" in suggest(file, "Refund", "--weak").output
    assert suggest(file, "Refund", "--format", "json").output == ""
    assert [one["weak"] for one in objects(suggest(file, "Refund", "--weak", "--format", "json"))] == [why]


def test_json_is_one_object_a_proposal_with_the_agreed_keys(file: Path) -> None:
    assert objects(suggest(file, "Delay", "--format", "json")) == [
        {"tag": "Delay", "phrases": ["so"], "all": [], "with_tag": 24, "without_tag": 0, "of_with": 24, "of_without": 74,
         "weak": None}
    ]  # fmt: skip


def test_a_pair_is_groups_of_all(tmp_path: Path) -> None:
    path = tmp_path / "chats"
    texts = [*[("late parcel", ["T"])] * 20, *[("late", []), ("parcel", [])] * 10, *[("hello", [])] * 200]
    path.write_text(
        "\n".join(json.dumps(chat(f"C{at}", (text,), tags)) for at, (text, tags) in enumerate(texts))
    )
    (pair,) = objects(suggest(path, "T", "--format", "json"))
    assert (pair["phrases"], pair["all"]) in [(["late parcel"], []), ([], [["late"], ["parcel"]])]
    path.write_text(path.read_text().replace("late parcel", "late, parcel"))
    (pair,) = objects(suggest(path, "T", "--format", "json"))
    assert (pair["phrases"], pair["all"]) == ([], [["late"], ["parcel"]])


def test_all_tags_that_people_set_come_by_size(file: Path) -> None:
    rows = list(csv.DictReader(suggest(file, "--all", "--weak", "--format", "csv").output.splitlines()))
    assert list(dict.fromkeys(row["tag"] for row in rows)) == ["Other", "Delay", "Refund"]
    assert rows[-1]["with_tag"] == "6"


def test_topics_of_chats_without_a_tag(file: Path) -> None:
    shown = suggest(file, "--untagged").output
    assert shown.startswith("Of 8 chats without a tag:\ntopic   of them   of 90 with a tag\n")
    assert objects(suggest(file, "--untagged", "--format", "json")) == [
        {"topic": "app", "phrases": ["app"], "untagged": 8, "tagged": 0}
    ]
    assert (
        suggest(file, "--untagged", "--format", "csv").output
        == "topic,phrases,untagged,tagged\napp,app,8,0\n"
    )


def test_markdown_has_a_table_and_the_rules_in_a_block(file: Path) -> None:
    shown = suggest(file, "Delay", "--format", "markdown").output
    assert "\n| phrase | of them | of 74 others |\n" in shown
    assert "\n```yaml\n- id: delay-suggested\n" in shown


def test_a_tag_that_no_chat_has_is_an_error_and_the_others_are_shown(file: Path) -> None:
    result = suggest(file, "delay", "Delay", "--format", "json")
    assert result.exit_code == 2
    assert (
        result.stderr
        == "No chat has the tag delay from a person. The case of a tag counts. Did you mean Delay?\n"
    )
    assert len(objects(result)) == 1


def test_lines_that_are_no_chats_are_named_and_the_others_are_read(file: Path) -> None:
    file.write_text("\nno JSON\n{}\n" * 15 + file.read_text())
    result = suggest(file, "Delay", "--format", "json")
    assert result.exit_code == 2
    assert "Not readable: 30.\n" in result.stderr
    assert f"{file}:3: not a chat: it has no `id`" in result.stderr
    assert len(objects(result)) == 1


@pytest.mark.parametrize("arguments", [[], ["Delay", "--all"], ["--all", "--untagged"]])
def test_one_thing_is_asked_for(file: Path, arguments: list[str]) -> None:
    result = suggest(file, *arguments)
    assert result.exit_code == 2
    assert "Give one of TAG, --all and --untagged." in result.stderr


def test_a_file_without_chats_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    result = suggest(tmp_path / "empty", "--all")
    assert (result.exit_code, result.stderr) == (2, f"{tmp_path / 'empty'}: contains no chats.\n")


def test_beyond_its_limit_it_says_that_it_compared_only_the_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagger.core.review.suggest.index.CHATS_MAX", 30)
    result = suggest(file, "Delay", "--format", "json")
    assert result.exit_code == 0
    assert "Only the first 30 chats are compared, and 68 left out: " in result.stderr
    assert objects(result)[0]["of_without"] == 6


def test_ctrl_c_while_it_compares_ends_it_with_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Iterator[object]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(module, "drafts", interrupted)
    result = suggest(file, "Delay")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Interrupted after 98 chats. Nothing was suggested.\n"
