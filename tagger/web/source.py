"""Where something stands in a keyword file, as the page names it: without the folder. Pure."""

from typing import NamedTuple

from tagger.core.rules.problems import Place


class Source(NamedTuple):
    """A line of a file."""

    file: str
    line: int


def source_of(place: Place | None) -> Source | None:
    """Where a place is; None: nowhere any more."""
    return Source(file_name(place.file), place.line) if place else None


def file_name(path: str) -> str:
    """A file's name without its folder."""
    return path.rpartition("/")[2]
