"""The file with the credentials of several organizations: read, followed and written.

    {"version": 1,
     "organizations": {
       "<organization_id>": {"account_id": "…", "pat": "…"},
       "<organization_id>": {"access_token": "…"},
       "<organization_id>": {"client_id": "…", "client_secret": "…", "refresh_token": "…"}}}

Only its owner may read it (mode 0600), or it is refused. It is replaced by a rename, so nobody ever reads half
of it; a symbolic link stays one. Writers lock its folder and read it again, so none undoes what another has just
stored. A change that cannot be used leaves the previous content in force.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import orjson

LOOK_EVERY_S: Final = 1.0  # between checks for a change: cheap, and no rotation waits longer
FILE_BYTES_MAX: Final = 16 << 20  # 10,000 organizations need about 3 MB
LOCK_S_MAX: Final = 5.0  # to wait for another writer, which writes a few kilobytes
LOCK_LOOK_S: Final = 0.05

Entry = Mapping[str, str]
# The fields of each kind of credential; `client_secret` is missing for apps that have none.
KINDS: Final = ({"account_id", "pat"}, {"access_token"}, {"client_id", "refresh_token"})
FIELDS: Final = frozenset({"client_secret"}.union(*KINDS))


class CredentialsFile:
    """The entries of one file, by organization."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path, self._clock = path, clock
        self.problem: str | None = None  # why the newest content is not in force
        self._entries: dict[str, Entry] = {}
        self._look_at, self._seen = -float("inf"), (0, 0, 0)

    def entries(self) -> Mapping[str, Entry]:
        """All entries in force; checks the file at most once a second."""
        if (now := self._clock()) >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            self._look()
        return self._entries

    def store(self, organization: str, entry: Entry) -> None:
        """Add or replace one organization's entry. Blocks while another process writes.

        OSError if the file cannot be written, or if its content cannot be used and would be lost.
        """
        _change(self.path, lambda entries: {**entries, organization: dict(entry)})
        self._look_at = -float("inf")

    def rotate(self, organization: str, old: str, new: str) -> None:
        """Replace one refresh token, unless the entry has another by now: then somebody logged in again.

        Blocks while another process writes; may be called in a thread. OSError as for `store`.
        """

        def rotated(entries: Mapping[str, Entry]) -> Mapping[str, Entry] | None:
            entry = entries.get(organization, {})
            if entry.get("refresh_token") != old:
                return None
            return {**entries, organization: {**entry, "refresh_token": new}}

        _change(self.path, rotated)

    def _look(self) -> None:
        try:
            found = self.path.stat()
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
            if seen == self._seen:
                return
            entries = _read(self.path, found)
        except OSError as error:
            self.problem = f"{self.path}: cannot be read ({type(error).__name__})"
            return
        if isinstance(entries, str):
            self.problem = f"{self.path}: {entries}"
            return
        self._entries, self._seen, self.problem = entries, seen, None


def _read(path: Path, found: os.stat_result) -> dict[str, Entry] | str:
    """The entries on disk, or what is wrong. OSError if they cannot be read."""
    if stat.S_IMODE(found.st_mode) & 0o077:
        return f"others may read it; run: chmod 600 {path}"
    with path.open("rb") as file:
        return read(file.read(FILE_BYTES_MAX + 1))


def _change(path: Path, change: Callable[[Mapping[str, Entry]], Mapping[str, Entry] | None]) -> None:
    """Replace the entries on disk with what `change` makes of them; None leaves them as they are."""
    target = Path(os.path.realpath(path))
    with _locked(target.parent):
        found = target.stat() if target.exists() else None
        entries = _read(target, found) if found is not None else {}
        if isinstance(entries, str):
            raise OSError(f"{path}: {entries}")
        changed = change(entries)
        if changed is not None:
            _write(target, changed, found)


def _write(target: Path, entries: Mapping[str, Entry], former: os.stat_result | None) -> None:
    content = orjson.dumps({"version": 1, "organizations": entries}, option=orjson.OPT_INDENT_2)
    new = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if former is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(former.st_mode))
                with suppress(PermissionError):  # root may log in, and the service's user has to read it
                    os.fchown(file.fileno(), former.st_uid, former.st_gid)
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock against our other writers. TimeoutError after LOCK_S_MAX."""
    descriptor, until = os.open(folder, os.O_RDONLY), time.monotonic() + LOCK_S_MAX
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise TimeoutError("another process has been writing the file for too long") from None
                time.sleep(LOCK_LOOK_S)
        yield
    finally:
        os.close(descriptor)  # and with it the lock


def read(content: bytes) -> dict[str, Entry] | str:
    """The entries of a file's content, or what is wrong with it, without any of its values. Pure."""
    if len(content) > FILE_BYTES_MAX:
        return f"larger than {FILE_BYTES_MAX} bytes"
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return "is not JSON"  # the exception is dropped: it holds the whole document
    organizations = document.get("organizations") if isinstance(document, dict) else None
    if not isinstance(organizations, dict) or document.get("version") != 1:
        return 'needs "version": 1 and "organizations": {…}'
    for number, (name, entry) in enumerate(organizations.items(), 1):
        if not name or not _usable(entry):
            return f"entry {number} must have account_id + pat, or access_token, or client_id + refresh_token"
    return organizations


def _usable(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and all(isinstance(value, str) and value for value in entry.values())
        and set(entry) <= FIELDS
        and any(kind <= set(entry) for kind in KINDS)
    )
