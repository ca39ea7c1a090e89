"""The folder of keyword files, read from disk. Judges nothing: that is for `core.rules`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from tagger.core.document import FILE_BYTES_MAX
from tagger.core.rules import FILES_MAX

SUFFIXES: Final = frozenset({".yaml", ".yml"})


def read_files(path: Path) -> dict[str, bytes] | str:
    """The bytes of every keyword file in a folder, or of the one file named.

    Names are those that people see, with the path as they gave it. One file, and one byte, more than the
    limits is read, so that who judges them sees the excess.

    return  the files by name, in order; or what is wrong, in a sentence that says what to do
    """
    try:
        paths = sorted(islice(_keyword_files(path), FILES_MAX + 1)) if path.is_dir() else [path]
        files = {str(each): _content(each) for each in paths}
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}). Name the folder of your keyword files."
    return files or f"{path}: there is no *.yaml in it. Name the folder of your keyword files."


def _keyword_files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.iterdir() if each.suffix in SUFFIXES and not each.name.startswith("."))


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)
