"""The credentials file: what it may hold, who may read it, and how it is followed and written."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from tagger.livechat.authorization import credentials_file
from tagger.livechat.authorization.credentials_file import FILE_BYTES_MAX, CredentialsFile, read
from tests.unit.livechat.server import Time

PAT = {"account_id": "a", "pat": "secret-pat"}
ACCESS = {"access_token": "secret-access"}
APP = {"client_id": "c", "client_secret": "secret-client", "refresh_token": "secret-refresh"}
WEB_APP = {"client_id": "c", "refresh_token": "secret-refresh"}


def content(**organizations: object) -> bytes:
    return orjson.dumps({"version": 1, "organizations": organizations})


def written(path: Path, what: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(what)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("entry", [PAT, ACCESS, APP, WEB_APP])
def test_every_kind_of_credential_is_read(entry: dict[str, str]) -> None:
    assert read(content(org=entry)) == {"org": entry}


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        (b"", "is not JSON"),
        (b'{"version": 1, "organizations": {"o": {"pat": "secret-pat"', "is not JSON"),
        (b"[]", "version"),
        (b"{}", "version"),
        (b'{"version": 2, "organizations": {}}', "version"),
        (b'{"version": 1, "organizations": []}', "version"),
        (content(org="secret-pat"), "entry 1"),
        (content(org=ACCESS, other={}), "entry 2"),
        (content(org={"pat": "secret-pat"}), "entry 1"),
        (content(org={"account_id": "a", "pat": ""}), "entry 1"),
        (content(org={"account_id": 7, "pat": "secret-pat"}), "entry 1"),
        (content(org=PAT | {"typo": "secret-pat"}), "entry 1"),
        (b" " * (FILE_BYTES_MAX + 1), "larger"),
    ],
)
def test_what_is_wrong_is_said_without_a_value(what: bytes, problem: str) -> None:
    found = read(what)
    assert isinstance(found, str)
    assert problem in found
    assert "secret" not in found


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, time: Time, mode: int) -> None:
    file = CredentialsFile(written(tmp_path / "c.json", content(org=PAT), mode), time.clock)
    assert file.entries() == {}
    assert file.problem is not None
    assert "chmod 600" in file.problem


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_accepted(tmp_path: Path, time: Time, mode: int) -> None:
    file = CredentialsFile(written(tmp_path / "c.json", content(org=PAT), mode), time.clock)
    assert file.entries() == {"org": PAT}
    assert file.problem is None


def test_a_change_is_seen_after_a_second_and_a_broken_one_leaves_the_former_in_force(
    tmp_path: Path, time: Time
) -> None:
    path = written(tmp_path / "c.json", content(org=PAT))
    file = CredentialsFile(path, time.clock)
    file.entries()
    written(path, content(org=ACCESS))
    assert file.entries() == {"org": PAT}
    time.now += 1
    assert file.entries() == {"org": ACCESS}
    written(path, b'{"version": 1, "organi')
    time.now += 1
    assert file.entries() == {"org": ACCESS}
    assert file.problem is not None
    written(path, content(org=APP))
    time.now += 1
    assert file.entries() == {"org": APP}
    assert file.problem is None


def test_a_file_that_vanished_leaves_the_former_in_force(tmp_path: Path, time: Time) -> None:
    path = written(tmp_path / "c.json", content(org=PAT))
    file = CredentialsFile(path, time.clock)
    file.entries()
    path.unlink()
    time.now += 1
    assert file.entries() == {"org": PAT}
    assert file.problem is not None


def test_storing_keeps_the_others_and_makes_the_file_private(tmp_path: Path, time: Time) -> None:
    path = tmp_path / "c.json"
    previous = os.umask(0)
    try:
        CredentialsFile(path, time.clock).store("one", PAT)
        CredentialsFile(path, time.clock).store("two", APP)
    finally:
        os.umask(previous)
    assert CredentialsFile(path, time.clock).entries() == {"one": PAT, "two": APP}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["c.json"]


def test_storing_does_not_overwrite_what_it_could_not_read(tmp_path: Path, time: Time) -> None:
    path = written(tmp_path / "c.json", b"{broken")
    with pytest.raises(OSError, match="is not JSON"):
        CredentialsFile(path, time.clock).store("one", PAT)
    assert path.read_bytes() == b"{broken"


def test_a_store_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "c.json", content(org=PAT))

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        CredentialsFile(path, time.clock).store("two", APP)
    assert path.read_bytes() == content(org=PAT)
    assert [found.name for found in tmp_path.iterdir()] == ["c.json"]


def test_the_file_shows_nothing_it_holds(tmp_path: Path, time: Time) -> None:
    file = CredentialsFile(written(tmp_path / "c.json", content(org=PAT)), time.clock)
    file.entries()
    assert "secret" not in repr(file)


def test_a_login_under_way_with_a_refresh_is_not_undone(tmp_path: Path, time: Time) -> None:
    """LiveChat rotates the old token while somebody stores a new one: the login wins."""
    path = written(tmp_path / "c.json", content(org=APP, other=PAT))
    service, login = CredentialsFile(path, time.clock), CredentialsFile(path, time.clock)
    service.entries()
    stored = APP | {"client_id": "c2", "refresh_token": "of-the-login"}
    login.store("org", stored)
    service.rotate("org", "secret-refresh", "rotated")
    assert CredentialsFile(path, time.clock).entries() == {"org": stored, "other": PAT}


def test_a_rotated_token_keeps_what_else_the_entry_has_by_now(tmp_path: Path, time: Time) -> None:
    path = written(tmp_path / "c.json", content(org=APP))
    service = CredentialsFile(path, time.clock)
    service.entries()
    CredentialsFile(path, time.clock).store("org", APP | {"client_secret": "fixed"})
    service.rotate("org", "secret-refresh", "rotated")
    kept = CredentialsFile(path, time.clock).entries()["org"]
    assert kept == APP | {"client_secret": "fixed", "refresh_token": "rotated"}


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path, time: Time) -> None:
    path = written(tmp_path / "c.json", content())

    def store(number: int) -> None:
        CredentialsFile(path, time.clock).store(f"org{number}", PAT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store, range(40)))
    assert set(CredentialsFile(path, time.clock).entries()) == {f"org{n}" for n in range(40)}


def test_a_symbolic_link_stays_one_and_its_target_keeps_its_mode(tmp_path: Path, time: Time) -> None:
    (tmp_path / "secrets").mkdir()
    target = written(tmp_path / "secrets" / "real.json", content(one=PAT), mode=0o400)
    link = tmp_path / "c.json"
    link.symlink_to(target)
    CredentialsFile(link, time.clock).store("two", APP)
    assert link.is_symlink()
    assert CredentialsFile(target, time.clock).entries() == {"one": PAT, "two": APP}
    assert target.stat().st_mode & 0o777 == 0o400


def test_a_writer_that_hangs_is_not_waited_for_indefinitely(
    tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "c.json", content(org=PAT))
    monkeypatch.setattr(credentials_file, "LOCK_S_MAX", 0.0)
    hanging = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(hanging, fcntl.LOCK_EX)
    with pytest.raises(TimeoutError, match="another process"):
        CredentialsFile(path, time.clock).store("two", APP)
    os.close(hanging)
    assert path.read_bytes() == content(org=PAT)
