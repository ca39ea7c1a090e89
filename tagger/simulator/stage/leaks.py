"""Searches the logs of our services for secrets of the simulator. Reports the place, never the secret."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class LeakError(Exception):
    """A log contains a secret; the message says which log and what kind of secret."""


def leaks(text: bytes, secrets: Mapping[str, Iterable[str]]) -> list[str]:
    """The kinds of secrets that a text contains; `secrets` is kind → values. Pure."""
    return [kind for kind, values in secrets.items() if any(value.encode() in text for value in values)]


def check_logs(folder: Path, secrets: Mapping[str, Iterable[str]]) -> None:
    """Raises LeakError if a log in the folder contains one."""
    for log in sorted(folder.glob("*.log")):
        found = leaks(log.read_bytes(), secrets)
        if found:
            raise LeakError(f"{log.name} contains: {', '.join(found)}")
