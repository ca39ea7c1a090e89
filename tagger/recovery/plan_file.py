"""A plan for `tagger retag` on disk: written whole or not at all, checked whole before any of it is applied.

The plan stays as it is when it is applied: what was done is known from the topic of decisions, which is also there
on another machine. A lock on the open file keeps two processes of one machine from applying it at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from tagger.core.records.retag_plan import (
    CHATS_MAX,
    LINE_BYTES_MAX,
    Head,
    change_line,
    head_line,
    read_change,
    read_head,
)
from tagger.core.review.retag import Change

NAMES_MAX: Final = 1_000  # plans of one day and one set of keyword files, in one folder
MISTAKES_MAX: Final = 100  # named; a person mends these first


class PlanError(Exception):
    """The plan cannot be written or applied; the text says why and what to do."""


class PlanChangedError(Exception):
    """The file was changed while it was applied, and some of it is done; the text says what to do."""


class Writer:
    """Writes the lines of a plan beside its final name."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.chats = 0
        self.left_out = 0  # beyond what one plan may hold

    def add(self, change: Change) -> None:
        """Write the line of a chat."""
        if self.chats >= CHATS_MAX:
            self.left_out += 1
            return
        self.chats += 1
        self._file.write(change_line(change))


@contextmanager
def written(folder: Path, head: Head) -> Iterator[tuple[Path, Writer]]:
    """Yield the path that the plan gets at the end of the block, if it has any chat. Raises PlanError."""
    path = _free(folder, head)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            file.write(head_line(head))
            writer = Writer(file)
            yield path, writer
        if writer.chats:
            part.rename(path)
    except OSError as error:
        raise PlanError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _free(folder: Path, head: Head) -> Path:
    day = datetime.fromtimestamp(head.made_at_ms / 1_000, UTC).strftime("%Y%m%d")
    for number in range(1, NAMES_MAX + 1):
        path = folder / f"retag-{head.config}-{day}{'' if number == 1 else f'-{number}'}.ndjson"
        if not path.exists():
            return path
    raise PlanError(f"There are {NAMES_MAX:,} plans in {folder.resolve()}: delete those that were applied.")


class Plan(NamedTuple):
    """A plan without mistakes, open and locked."""

    head: Head
    chats: int
    file: BinaryIO
    first: int  # where the line of the first chat begins

    def changes(self) -> Iterator[Change]:
        """Yield the chats, in the order of the file. Raises PlanChangedError: the lock only keeps our own away."""
        self.file.seek(self.first)
        while line := self.file.readline(LINE_BYTES_MAX + 1):
            if line.strip():
                change = read_change(line)
                if isinstance(change, str):
                    raise PlanChangedError(
                        f"{self.file.name} was changed while it was applied: a line now {change}. "
                        "What is done stays done; apply the plan again for the rest."
                    )
                yield change


@contextmanager
def checked(path: Path) -> Iterator[Plan]:
    """Yield a plan. Raises PlanError with every mistake and its line, or if it is being applied elsewhere."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlanError(f"{path} is being applied by another process. Wait for it, or end it.") from None
        except OSError as error:
            raise PlanError(f"{path} cannot be locked: {error.strerror}. Copy it to a local disk.") from None
        yield _checked(path, file)


def _checked(path: Path, file: BinaryIO) -> Plan:
    head = read_head(file.readline(LINE_BYTES_MAX + 1))
    if isinstance(head, str):
        raise PlanError(f"{path}:1: {head}")
    first, number = file.tell(), 1
    mistakes, more = list[str](), 0
    seen: dict[int, int] = {}  # hash of a thread → its line
    while line := file.readline(LINE_BYTES_MAX + 1):
        number += 1
        if not line.strip():
            continue
        change = read_change(line)
        found = change if isinstance(change, str) else None
        if isinstance(change, Change):
            before = seen.setdefault(hash(change.thread), number)
            if before != number:
                found = f"names the same chat as line {before}"
            elif len(seen) > CHATS_MAX:
                raise PlanError(f"{path} has more than {CHATS_MAX:,} chats: split it.")
        if found is not None and len(mistakes) < MISTAKES_MAX:
            mistakes.append(f"{path}:{number}: {found}")
        elif found is not None:
            more += 1
    if mistakes:
        left = f"\n{more:,} more mistakes are not shown." if more else ""
        raise PlanError("\n".join(mistakes) + left)
    return Plan(head, len(seen), file, first)
