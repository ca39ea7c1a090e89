"""The folder of keyword files, read from disk."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tagger.core.rules.decode import FILE_BYTES_MAX
from tagger.keyword_files import read as folder
from tagger.keyword_files.read import read_files


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
    [("missing", "cannot be read (No such file or directory)"), ("empty", "contains no *.yaml files")],
)
def test_it_says_what_is_wrong_with_a_folder(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    read = read_files(tmp_path / name)
    assert isinstance(read, str)
    assert says in read
    assert "Name the folder" in read


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


def test_no_more_is_read_than_all_files_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "BYTES_MAX", 25)
    for number in range(5):
        (tmp_path / f"{number}.yaml").write_text("x" * 10)
    read = read_files(tmp_path)
    assert isinstance(read, dict)
    assert [len(content) for content in read.values()] == [10, 10, 6]  # one byte too many


def test_a_folder_with_no_end_is_not_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "ENTRIES_MAX", 3)
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text("x")
    assert "has more than 3 entries" in str(read_files(tmp_path))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def circle(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def locked(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root may read everything")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.mkdir, "is a folder"),
        (pipe, "is a pipe"),
        (socket_at, "cannot be read (No such device or address)"),
        (dangling, "cannot be read (No such file or directory)"),
        (circle, "cannot be read (Too many levels of symbolic links)"),
        (device, "is a device"),
        (locked, "cannot be read (Permission denied)"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_it_is(
    tmp_path: Path, make: Callable[[Path], None], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/good.yaml").write_text("x")
    for name in ("a.yaml", "b.yml"):
        make(Path("config", name))
    read = read_files(Path("config"))
    assert isinstance(read, str)
    assert [line.partition(": ")[0] for line in read.splitlines()] == ["config/a.yaml", "config/b.yml"]
    assert says in read


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/R\xfcckgabe.yaml", os.O_CREAT))
    read = read_files(tmp_path)
    assert isinstance(read, str)
    assert f"{tmp_path}/R\\xfcckgabe.yaml: has a name that cannot be read" in read
    assert read.encode()


def test_one_that_is_no_keyword_file_is_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"x")
    os.close(os.open(os.fsencode(tmp_path) + b"/R\xfcckgabe.txt", os.O_CREAT))
    pipe(tmp_path / "notes")
    assert read_files(tmp_path) == {f"{tmp_path}/a.yaml": b"x"}
