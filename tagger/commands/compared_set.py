"""The keyword set to compare with: a folder, a set that was in force, or a revision in Git."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ingest.runtime.exit import stop
from ingest.runtime.settings import load as load_settings
from tagger.commands.keyword_options import load
from tagger.commands.on_kafka import on_kafka
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import BYTES_MAX, FILES_MAX, parse
from tagger.history.keyword_sets import sets_of
from tagger.kafka.keywords_topic import stored_sets
from tagger.keyword_files.read import SUFFIXES
from tagger.settings import TopicSettings

GIT_S_MAX: Final = 60.0  # for one call; a repository on a slow network drive takes seconds
_HASH: Final = re.compile("[0-9a-f]{12}")
_WAYS: Final = "Name a folder of keyword files, the hash of a set that was in force, or a Git revision."


def compared_set(against: str | None, path: Path, *, has_kafka: bool) -> RuleSet:
    """Return the set named by `--against`; ends with 2 if there is none.

    Without a name it is the set in force where Kafka is known (`has_kafka`), and HEAD in Git otherwise.
    """
    if against is None and has_kafka:
        return _in_force()
    if against is not None and Path(against).exists():
        return load(Path(against))
    revision = "HEAD" if against is None else against
    files = _of_revision(revision, path)
    if files is not None:
        return _parsed(files, f"{path} at {revision}")
    if against is None:
        stop(f"There is nothing to compare with: {path} is not in a Git repository. Give --against. {_WAYS}")
    if _HASH.fullmatch(against):
        return _of_hash(against)
    stop(f"{against} is neither a file, nor a Git revision that has {path}, nor a hash. {_WAYS}")


def _in_force() -> RuleSet:
    settings = load_settings(TopicSettings)
    topic = settings.kafka_keywords_topic
    for files in on_kafka(settings, stored_sets(settings.client_options(), topic)):
        return _parsed(files, f"the newest set on {topic}")
    stop(f"There is no keyword set on {topic} yet: `tagger run` stores it there. Give --against. {_WAYS}")


def _of_hash(name: str) -> RuleSet:
    settings = load_settings(TopicSettings)
    found = on_kafka(settings, sets_of(settings.client_options(), settings.kafka_keywords_topic, [name]))[
        name
    ]
    if isinstance(found, str):
        stop(f"The set {name} cannot be had: {found}.")
    return found


def _parsed(files: dict[str, bytes], name: str) -> RuleSet:
    rules = parse(files)
    if isinstance(rules, RuleSet):
        return rules
    stop(f"{name} is not valid: {rules[0]} ({len(rules)} in all). {_WAYS}")


def _of_revision(revision: str, path: Path) -> dict[str, bytes] | None:
    """The keyword files of a revision; None if there is no Git, no such revision, or no such folder in it."""
    folder = path if path.is_dir() else path.parent
    checked = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if checked is None:
        return None
    commit = checked.decode().strip()
    wanted = [path.name] if path != folder else list(_names(folder, commit))
    files, size = dict[str, bytes](), 0
    for name in wanted[: FILES_MAX + 1]:
        content = _git(folder, "cat-file", "blob", f"{commit}:./{name}")
        if content is None:
            return None
        files[str(folder / name)] = content
        size += len(content)
        if size > BYTES_MAX:
            break  # `parse` says so
    return files or None


def _names(folder: Path, commit: str) -> Iterator[str]:
    listed = _git(folder, "ls-tree", "--name-only", "-z", commit, "./") or b""
    for name in sorted(listed.decode("utf-8", "replace").split("\0")):
        if name.endswith(SUFFIXES) and not name.startswith("."):
            yield name


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What Git prints; None where it fails or is not installed."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_S_MAX, check=False)  # noqa: S603 - no shell; a revision cannot be an option
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
