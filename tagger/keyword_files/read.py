"""The folder of keyword files, read from disk. Whether they are valid is for `core.rules` to say.

Nothing in a folder ends or holds up the reader: what cannot be read is named, with what it is.
How much is read is bounded before it is read.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tagger.core.rules.decode import FILE_BYTES_MAX
from tagger.core.rules.parse import BYTES_MAX, FILES_MAX

SUFFIXES: Final = (".yaml", ".yml")
ENTRIES_MAX: Final = 100_000  # of a folder, of any kind: listing more takes seconds
UNREADABLE_MAX: Final = 20  # files named at once; after fixing them, people run it again

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_AWAY: Final = "Replace it with a keyword file, or remove it."


class _Unreadable(Exception):  # noqa: N818 - not an error: what is wrong, for the person who put the file there
    """A sentence that says what cannot be read, why, and what to do."""


def read_files(path: Path) -> dict[str, bytes] | str:
    """The bytes of every keyword file in a folder, or of the one file named.

    Names are those that people see, with the path as they gave it. One file, and one byte, more than the
    limits is read, so that the check of the limits sees the excess.

    return  the files by name, in order; or what is wrong, a sentence a line, each with what to do
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        paths = [str(path / name) for name in _names(path)] if is_folder else [str(path)]
    except OSError as error:
        return (
            f"{shown_path(path)}: cannot be read ({error.strerror}). Name the folder of your keyword files."
        )
    except _Unreadable as wrong:
        return str(wrong)
    files, left, wrongs = dict[str, bytes](), BYTES_MAX + 1, list[str]()
    for each in paths:
        try:
            files[each] = _content(each, min(left, FILE_BYTES_MAX + 1))
            left -= len(files[each])
        except _Unreadable as wrong:
            wrongs.append(str(wrong))
        if not left or len(wrongs) == UNREADABLE_MAX:
            break
    if wrongs:
        return "\n".join(wrongs)
    return files or f"{shown_path(path)}: contains no *.yaml files. Name the folder of your keyword files."


def _names(folder: Path) -> list[str]:
    """The names of the keyword files in a folder, in order; one more than the limit at most."""
    names: list[str] = []
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count == ENTRIES_MAX:
                advice = "Name a folder that holds your keyword files and little else."
                raise _Unreadable(f"{shown_path(folder)}: has more than {ENTRIES_MAX:,} entries. {advice}")
            if entry.name.endswith(SUFFIXES) and not entry.name.startswith("."):
                names.append(entry.name)
    return sorted(names)[: FILES_MAX + 1]


def _content(path: str, bytes_max: int) -> bytes:
    """The beginning of a regular file. Anything else is refused, not waited for: a pipe would block forever."""
    if not path.isprintable():
        advice = "Give it a name in UTF-8, without control characters."
        raise _Unreadable(f"{shown_path(path)}: has a name that cannot be read. {advice}")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
            if kind != stat.S_IFREG:
                raise _Unreadable(f"{path}: is {_KINDS.get(kind, 'not a file')}. {_AWAY}")
            return b"".join(_read(descriptor, bytes_max))
        finally:
            os.close(descriptor)
    except OSError as error:
        advice = "Let the user of this process read it." if isinstance(error, PermissionError) else _AWAY
        raise _Unreadable(f"{path}: cannot be read ({error.strerror}). {advice}") from None


def _read(descriptor: int, bytes_max: int) -> Iterator[bytes]:
    while bytes_max and (part := os.read(descriptor, min(bytes_max, 1 << 20))):
        bytes_max -= len(part)
        yield part


def shown_path(path: Path | str) -> str:
    """A path that is safe in a terminal and a log: what is not UTF-8, or moves the cursor, is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
