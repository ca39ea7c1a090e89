"""A ledger in a folder: one process has it, questions are answered beside what is taken, and nothing is half done."""

import asyncio
import errno
import fcntl
import sqlite3
import stat
from pathlib import Path

import pytest

from tagger.history import kept_ledger
from tagger.history.kept_ledger import FILE, AskingTooLongError, KeptLedger
from tagger.history.ledger_file import LedgerError
from tagger.history.ledger_view import LedgerView
from tagger.history.wanted import Wanted
from tests.unit.history.test_ledger import TOPIC, decided


async def fill(kept: KeptLedger, *threads: str) -> None:
    await kept.write(lambda ledger: ledger.take(TOPIC, 0, [decided(thread) for thread in threads], 9))


@pytest.mark.parametrize("has_folder", [True, False])
async def test_it_answers_what_was_taken(has_folder: bool, tmp_path: Path) -> None:
    kept = KeptLedger(tmp_path / "data" if has_folder else None, TOPIC)
    await fill(kept, "A", "B")
    answers = await asyncio.gather(*(kept.ask(lambda view: view.count(Wanted())) for _ in range(20)))
    assert answers == [2] * 20
    await kept.close()


async def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    kept = KeptLedger(tmp_path / "data", TOPIC)
    await fill(kept, "A")
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    await kept.close()


async def test_a_second_process_is_refused_until_the_first_one_ends(tmp_path: Path) -> None:
    first = KeptLedger(tmp_path, TOPIC)
    with pytest.raises(LedgerError, match="another `tagger web` uses it"):
        KeptLedger(tmp_path, TOPIC)
    await first.close()
    await KeptLedger(tmp_path, TOPIC).close()


async def test_a_folder_that_cannot_be_locked_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(LedgerError, match="cannot be locked: No locks available"):
        KeptLedger(tmp_path, TOPIC)


async def test_the_ledger_of_another_topic_is_refused(tmp_path: Path) -> None:
    kept = KeptLedger(tmp_path, TOPIC)
    await fill(kept, "A")
    await kept.close()
    for _ in range(2):  # and refusing leaves no lock behind
        with pytest.raises(LedgerError, match="it is the ledger of topic"):
            KeptLedger(tmp_path, "another")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("text", "file is not a database. Delete it"),
        ("foreign", "it is another program's database"),
        ("folder", "may write to"),
    ],
)
async def test_what_is_no_ledger_is_refused_and_left_as_it_is(what: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / FILE
    if what == "text":
        path.write_bytes(b"version: 1\n" * 1_000)
    elif what == "foreign":
        theirs = sqlite3.connect(path)
        theirs.executescript(
            "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1); PRAGMA user_version = 2"
        )
        theirs.close()
    else:
        (tmp_path / "file").write_text("")
    before = path.read_bytes() if path.exists() else b""
    with pytest.raises(LedgerError, match=told):
        KeptLedger(tmp_path if what != "folder" else tmp_path / "file", TOPIC)
    assert (path.read_bytes() if path.exists() else b"") == before


async def test_a_question_without_an_end_is_ended_and_the_next_one_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_ledger, "ASK_S_MAX", 0.2)

    def endless(view: LedgerView) -> object:
        counting = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        return view._db.execute(counting).fetchone()

    kept = KeptLedger(tmp_path, TOPIC)
    await fill(kept, "A")
    for _ in range(kept_ledger.READERS + 1):
        with pytest.raises(AskingTooLongError):
            await kept.ask(endless)
    monkeypatch.setattr(kept_ledger, "ASK_S_MAX", 60.0)
    assert await kept.ask(lambda view: view.count(Wanted())) == 1
    await kept.close()


async def test_the_event_loop_goes_on_while_the_ledger_works(tmp_path: Path) -> None:
    kept = KeptLedger(tmp_path, TOPIC)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(view: LedgerView) -> int:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
        return view.count(Wanted())

    asked = asyncio.create_task(kept.ask(slow))
    await fill(kept, "A")  # written while it is asked
    gate.set()
    assert await asked in {0, 1}
    await kept.close()


async def test_closing_leaves_all_of_what_was_taken_or_nothing(tmp_path: Path) -> None:
    kept = KeptLedger(tmp_path, TOPIC)
    values = [decided(f"T{number}", offset=number) for number in range(500)]
    taking = asyncio.create_task(kept.write(lambda ledger: ledger.take(TOPIC, 0, values, 500)))
    await asyncio.sleep(0)
    await kept.close()
    await asyncio.wait([taking])
    again = KeptLedger(tmp_path, TOPIC)
    count = await again.ask(lambda view: view.count(Wanted()))
    positions = await again.ask(lambda view: view.positions(TOPIC))
    assert (count, positions) in [(0, {}), (500, {0: 500})]
    await again.close()
