"""What stands in the folder of keyword files, is not read, and looks as if it should be."""

import os
from pathlib import Path

import pytest

from tagger.keyword_files import overlooked as module
from tagger.keyword_files.overlooked import overlooked


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("billing.YAML", "Rename it to billing.yaml."),
        ("billing.Yml", "Rename it to billing.yaml."),
        ("billing.yml.txt", "Rename it to billing.yaml."),
        ("billing.yaml.rtf", "Rename it to billing.yaml."),
        ("billing.yaml ", "Rename it to billing.yaml."),
        ("billing.yaml (1)", "Rename it to billing.yaml."),
        ("billing.yaml.html", "Rename it to billing.yaml."),
    ],
)
def test_a_file_that_looks_meant_is_named_with_its_right_name(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_text("x")
    (one,) = overlooked(tmp_path)
    assert (one.path, one.advice) == (f"{tmp_path}/{name}", advice)


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/R\xfcckgabe.YAML", os.O_CREAT))
    (one,) = overlooked(tmp_path)
    assert one.path == f"{tmp_path}/R\\xfcckgabe.YAML"
    assert one.advice == "Rename it to R\\xfcckgabe.yaml."


def test_a_folder_with_keyword_files_is_named(tmp_path: Path) -> None:
    for folder, name in (("more", "a.yaml"), ("notes", "a.txt"), (".git", "a.yaml"), ("..data", "a.yaml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("x")
    (one,) = overlooked(tmp_path)
    assert (one.path, one.advice) == (f"{tmp_path}/more", "Move the files up, next to the others.")


@pytest.mark.parametrize(
    "name",
    ["a.yaml", "a.yml", "README.md", "schema.json", "a.yaml.bak", "a.yaml~", "a.yaml.off", ".a.YAML", "yaml"],
)
def test_what_is_read_and_what_is_put_away_is_not_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert overlooked(tmp_path) == []


def test_a_path_that_is_a_file_or_nothing_has_no_entries(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x")
    assert overlooked(tmp_path / "a.yaml") == overlooked(tmp_path / "none") == []


def test_no_more_are_named_than_anybody_moves_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OVERLOOKED_MAX", 2)
    for number in range(5):
        (tmp_path / f"{number}.YAML").write_text("x")
    assert len(overlooked(tmp_path)) == 2
