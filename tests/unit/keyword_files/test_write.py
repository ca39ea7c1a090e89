"""A keyword file is replaced as a whole, or not at all."""

import stat
from pathlib import Path

import pytest

from tagger.keyword_files.write import replace


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_it_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    before = path.stat().st_ino
    assert replace(str(path), b"old", b"new") is None
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert path.stat().st_ino != before  # whoever has it open goes on reading the old one
    assert names(tmp_path) == ["a.yaml"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.yaml").write_bytes(b"old")
    (tmp_path / "a.yaml").symlink_to("data/a.yaml")
    assert replace(str(tmp_path / "a.yaml"), b"old", b"new") is None
    assert (tmp_path / "a.yaml").is_symlink()
    assert (tmp_path / "data" / "a.yaml").read_bytes() == b"new"


def test_one_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"newer")
    assert (
        replace(str(path), b"old", b"new")
        == f"{path}: changed meanwhile, and was not written. Run the command again."
    )
    assert (path.read_bytes(), names(tmp_path)) == (b"newer", ["a.yaml"])


@pytest.mark.parametrize("name", ["gone.yaml", "gone/a.yaml"])
def test_one_that_is_gone_is_said_to_be(tmp_path: Path, name: str) -> None:
    assert "cannot be written (No such file or directory)" in (
        replace(str(tmp_path / name), b"", b"new") or ""
    )
    assert names(tmp_path) == []
