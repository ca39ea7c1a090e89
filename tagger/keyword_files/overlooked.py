"""What stands in the folder of keyword files, is not read, and looks as if it should be."""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from tagger.keyword_files.read import ENTRIES_MAX, SUFFIXES, shown_path

OVERLOOKED_MAX: Final = 20  # entries that are named; whoever moves so many looks again
SUBFOLDER_ENTRIES_MAX: Final = 1_000  # of a subfolder, searched for keyword files

_OTHER_NAME: Final = re.compile(r"\.ya?ml(?:\.(?:txt|rtf|html?|docx?|download)| ?\(\d+\))?\s*", re.IGNORECASE)


class Overlooked(NamedTuple):
    """An entry of the folder."""

    path: str  # as a terminal can show it
    what: str  # "file's name does not end in .yaml"
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: this {self.what}, so it is not read. {self.advice}"


def overlooked(folder: Path) -> list[Overlooked]:
    """The entries that look meant, in order; none where the path is a file. Raises nothing."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                islice(filter(None, map(_looked_at, islice(entries, ENTRIES_MAX))), OVERLOOKED_MAX)
            )
    except OSError:
        return []
    return found


def _looked_at(entry: "os.DirEntry[str]") -> Overlooked | None:
    if entry.name.startswith(".") or entry.name.endswith(SUFFIXES):
        return None
    try:
        is_folder = entry.is_dir()
        holds = is_folder and any(islice(_keyword_files(entry.path), 1))
    except OSError:
        return None
    if holds:
        what = "is a folder with keyword files, and folders inside the folder are not looked into"
        return Overlooked(shown_path(entry.path), what, "Move the files up, next to the others.")
    name = _OTHER_NAME.search(entry.name)
    if is_folder or name is None or name.end() < len(entry.name):
        return None
    what = "file's name does not end in .yaml or .yml in small letters"
    return Overlooked(
        shown_path(entry.path), what, f"Rename it to {shown_path(entry.name[: name.start()])}.yaml."
    )


def _keyword_files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in islice(entries, SUBFOLDER_ENTRIES_MAX):
            if entry.name.endswith(SUFFIXES) and not entry.name.startswith("."):
                yield entry.name
