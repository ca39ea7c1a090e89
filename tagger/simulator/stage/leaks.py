"""Whether a secret that the simulator knows stands in what our services wrote. Names the place, never the secret."""

from collections.abc import Iterable, Mapping
from pathlib import Path


class LeakError(Exception):
    """A log holds a secret; the message says which log and what kind of secret."""


def leaks(text: bytes, secrets: Mapping[str, Iterable[str]]) -> list[str]:
    """The kinds of secrets that stand in a text; `secrets` by their kind. Pure."""
    return [kind for kind, values in secrets.items() if any(value.encode() in text for value in values)]


def check_logs(folder: Path, secrets: Mapping[str, Iterable[str]]) -> None:
    """LeakError where one of them stands in a log of the folder."""
    for log in sorted(folder.glob("*.log")):
        found = leaks(log.read_bytes(), secrets)
        if found:
            raise LeakError(f"{log.name} holds: {', '.join(found)}")
