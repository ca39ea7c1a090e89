"""The folder of keyword files, read from disk."""

from pathlib import Path

import pytest

from tagger import folder
from tagger.core.document import FILE_BYTES_MAX
from tagger.folder import read_files


def test_it_reads_every_yaml_file_in_order_under_the_path_given(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "README.md", ".hidden.yaml", "schema.json"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder").mkdir()
    assert read_files(tmp_path) == {f"{tmp_path}/a.yml": b"a.yml", f"{tmp_path}/b.yaml": b"b.yaml"}


def test_it_reads_one_file_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "draft.txt").write_bytes(b"x")
    assert read_files(tmp_path / "draft.txt") == {f"{tmp_path}/draft.txt": b"x"}


def test_it_follows_the_links_of_a_config_map(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "a.yaml").write_bytes(b"x")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert read_files(tmp_path) == {f"{tmp_path}/a.yaml": b"x"}


@pytest.mark.parametrize(
    ("name", "says"),
    [("missing", "cannot be read (No such file or directory)"), ("empty", "there is no *.yaml in it")],
)
def test_it_says_what_is_wrong_with_a_folder(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    read = read_files(tmp_path / name)
    assert isinstance(read, str)
    assert says in read
    assert "Name the folder" in read


def test_a_folder_that_is_called_like_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    assert "Is a directory" in str(read_files(tmp_path))


def test_of_a_file_that_is_too_large_one_byte_too_many_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 100)
    (content,) = read_files(tmp_path).values()  # type: ignore[union-attr]
    assert len(content) == FILE_BYTES_MAX + 1


def test_one_file_too_many_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "FILES_MAX", 2)
    for number in range(5):
        (tmp_path / f"{number}.yaml").write_text("x")
    assert len(read_files(tmp_path)) == 3
