"""The spool: in order, synced, owner-only, emptied; and what becomes of full disks and broken files."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.metrics import Metrics
from ingest.pending import Outcome, Waiting
from ingest.spool import Row, Spool, SpoolError
from ingest.topic import Record

CANARY = b"what a customer wrote"
ALL = (10_000, 1 << 30)


def record(number: int, value: bytes = CANARY) -> Record:
    return Record(
        b"o:C", b"%d %b" % (number, value), (("action", b"incoming_event"), ("received_at_ms", b"\xff1"))
    )


def numbers(rows: list[Row]) -> list[int]:
    return [int(row.record.value.split()[0]) for row in rows]


async def keep(spool: Spool, *which: int, value: bytes = CANARY) -> list[Outcome]:
    loop = asyncio.get_running_loop()
    waiting = [Waiting(record(number, value), loop.create_future(), loop.time()) for number in which]
    for one in waiting:
        spool.append(one)
    return [await one.future for one in waiting]


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def failures(metrics: Metrics) -> dict[str, float]:
    return {
        sample.labels["reason"]: sample.value
        for metric in metrics.spool_failures.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


Open = Callable[..., Spool]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def open_spool(folder: Path) -> Iterator[Open]:
    spools: list[Spool] = []

    def open_it(bytes_max: int = 1 << 30, metrics: Metrics | None = None) -> Spool:
        spools.append(Spool(folder, bytes_max, metrics or Metrics()))
        return spools[-1]

    yield open_it
    for spool in spools:
        asyncio.run(spool.close())


async def test_records_come_out_as_they_went_in_and_in_that_order(folder: Path) -> None:
    spool = Spool(folder, 1 << 30, Metrics())
    assert await keep(spool, *range(2_000)) == ["spool"] * 2_000
    rows = await spool.read(*ALL)
    assert numbers(rows) == list(range(2_000))
    assert rows[7].record == record(7)
    assert (spool.count, spool.last_id, spool.arriving) == (2_000, rows[-1].id, False)
    await spool.close()


async def test_a_round_has_a_size_in_records_and_in_bytes_but_is_never_empty(folder: Path) -> None:
    spool = Spool(folder, 1 << 30, Metrics())
    await keep(spool, *range(10), value=b"x" * 1_000)
    assert numbers(await spool.read(3, 1 << 30)) == [0, 1, 2]
    assert numbers(await spool.read(10, 2_500)) == [0, 1]
    assert numbers(await spool.read(10, 1)) == [0]
    await spool.close()


async def test_what_is_removed_is_gone_and_what_is_refused_is_set_aside(folder: Path) -> None:
    spool = Spool(folder, 1 << 30, Metrics())
    await keep(spool, *range(5))
    ids = [row.id for row in await spool.read(*ALL)]
    assert await spool.remove([ids[0], ids[3]], refused=[ids[1]])
    assert (numbers(await spool.read(*ALL)), spool.count) == ([2, 4], 2)
    await spool.close()
    with sqlite3.connect(folder / "spool.sqlite3") as file:
        assert file.execute("SELECT value FROM refused").fetchall() == [(record(1).value,)]
    file.close()


async def test_after_a_restart_everything_is_there_and_new_records_come_behind(folder: Path) -> None:
    for start in (0, 5):
        spool = Spool(folder, 1 << 30, Metrics())
        assert spool.count == start
        await keep(spool, *range(start, start + 5))
        await spool.close()
    spool = Spool(folder, 1 << 30, Metrics())
    assert numbers(await spool.read(*ALL)) == list(range(10))
    await spool.close()


async def test_a_drained_spool_holds_no_trace_and_no_space(folder: Path) -> None:
    spool = Spool(folder, 1 << 30, Metrics())
    await keep(spool, *range(3_000))
    assert any(CANARY in content for content in files(folder).values())
    await spool.remove([row.id for row in await spool.read(*ALL)])
    await spool.shrink()
    assert [name for name, content in files(folder).items() if CANARY in content] == []
    assert sum(map(len, files(folder).values())) < 50_000
    await spool.close()


async def test_only_the_owner_can_read_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        spool = Spool(folder, 1 << 30, Metrics())
        await keep(spool, 1)
    finally:
        os.umask(before)
    assert modes(folder) == {
        "lock": 0o600,
        "spool.sqlite3": 0o600,
        "spool.sqlite3-wal": 0o600,
        "spool": 0o700,
    }
    await spool.close()


def test_a_folder_serves_one_process_and_the_second_gets_an_error(open_spool: Open, folder: Path) -> None:
    open_spool()
    with pytest.raises(SpoolError, match="another process"):
        open_spool()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="Not a directory"):
        Spool(tmp_path / "file" / "spool", 1 << 30, Metrics())


async def test_beyond_its_size_nothing_is_stored_and_what_was_is_kept(folder: Path) -> None:
    metrics = Metrics()
    spool = Spool(folder, 1 << 20, metrics)
    outcomes = [outcome for n in range(30) for outcome in await keep(spool, n, value=b"x" * 50_000)]
    stored = [n for n, outcome in enumerate(outcomes) if outcome == "spool"]
    assert 10 < len(stored) < 21
    assert stored == list(range(len(stored)))
    assert failures(metrics)["full"] == 30 - len(stored)
    rows = await spool.read(*ALL)
    assert numbers(rows) == stored
    assert await spool.remove([row.id for row in rows])
    assert await keep(spool, 99) == ["spool"]
    await spool.close()


def test_a_full_disk_stores_nothing_and_heals(folder: Path) -> None:
    """A limit on the size of files replaces the disk: the write fails as it does with ENOSPC."""
    script = """
        import asyncio, resource, signal, sys
        from pathlib import Path
        from ingest.metrics import Metrics
        from ingest.spool import Spool
        from tests.unit.ingest.test_spool import keep, numbers, ALL

        async def main():
            spool = Spool(Path(sys.argv[1]), 1 << 30, Metrics())
            first = await keep(spool, 1)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, -1))
            full = await keep(spool, 2, value=b"x" * 200_000)
            resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
            again = await keep(spool, 3)
            print(first + full + again, numbers(await spool.read(*ALL)))
            await spool.close()

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "['spool', 'not_stored', 'spool'] [1, 3]"


JUNK = b"no database at all " * 5_000


@pytest.mark.parametrize(
    "break_it",
    [
        lambda data: JUNK,
        lambda data: data[:100] + os.urandom(4_000) + data[4_100:],
        lambda data: data[:4_096] + b"\xff" * 8_192 + data[12_288:],
        lambda data: data[: len(data) // 2],
    ],
    ids=["junk", "first page", "later pages", "cut off"],
)
async def test_a_file_that_cannot_be_read_is_moved_aside_and_counted(
    folder: Path, break_it: Callable[[bytes], bytes]
) -> None:
    spool = Spool(folder, 1 << 30, Metrics())
    await keep(spool, *range(500))
    await spool.close()
    file = folder / "spool.sqlite3"
    broken = break_it(file.read_bytes())
    file.write_bytes(broken)
    metrics = Metrics()
    spool = Spool(folder, 1 << 30, metrics)
    assert [content for name, content in files(folder).items() if ".corrupt-" in name] == [broken]
    assert failures(metrics) == {"corrupt": 1}
    assert spool.count == 0
    assert await keep(spool, 1) == ["spool"]
    assert numbers(await spool.read(*ALL)) == [1]
    await spool.close()


async def test_a_file_that_breaks_while_it_is_used_gives_no_false_answer(folder: Path) -> None:
    metrics = Metrics()
    spool = Spool(folder, 1 << 30, metrics)
    await keep(spool, *range(2_000), value=b"x" * 5_000)  # more than SQLite holds in memory
    file = folder / "spool.sqlite3"
    data = file.read_bytes()
    file.write_bytes(data[:4_096] + os.urandom(len(data) - 4_096))
    (folder / "spool.sqlite3-wal").write_bytes(b"")
    kept = []
    for number in range(5_000, 5_020):
        if await keep(spool, number) == ["spool"]:
            kept.append(number)
        await spool.read(*ALL)
    assert set(kept) >= set(range(5_010, 5_020))
    assert await keep(spool, 6_000) == ["spool"]
    assert 6_000 in numbers(await spool.read(*ALL))
    assert failures(metrics)["corrupt"] >= 1
    assert [name for name in files(folder) if ".corrupt-" in name]
    await spool.close()


async def test_age_and_size_are_metrics(folder: Path) -> None:
    metrics = Metrics()
    spool = Spool(folder, 1 << 30, metrics)

    def now() -> tuple[float, bool, bool]:
        value = metrics.registry.get_sample_value
        return (
            value("ingest_spool_records") or 0,
            (value("ingest_spool_bytes") or 0) > 100_000,
            (value("ingest_spool_oldest_timestamp_seconds") or 0) > 1.7e9,
        )

    assert now() == (0, False, False)
    await keep(spool, *range(2_000))
    assert now() == (2_000, True, True)
    await spool.remove([row.id for row in await spool.read(*ALL)])
    await spool.shrink()
    assert now() == (0, False, False)
    await spool.close()


CHILD = """
    import asyncio, sys
    from pathlib import Path
    from ingest.metrics import Metrics
    from ingest.spool import Spool
    from tests.unit.ingest.test_spool import keep, numbers, ALL

    async def spooling(spool):
        for n in range(10**9):
            await keep(spool, *range(n * 7, n * 7 + 7))
            print(n * 7 + 6, flush=True)

    async def draining(spool):
        await keep(spool, *range(20_000))
        while rows := await spool.read(20, 1 << 30):
            print(numbers(rows)[-1], flush=True)  # handed over
            await spool.remove([row.id for row in rows])

    spool = Spool(Path(sys.argv[2]), 1 << 30, Metrics())
    asyncio.run({"spooling": spooling, "draining": draining}[sys.argv[1]](spool))
"""


def kill_after_lines(what: str, folder: Path, lines: int) -> int:
    """Run the child, end it by SIGKILL once it has said so much; the last number that it said."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), what, str(folder)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout if line.endswith("\n")]
    return said[-1]


@pytest.mark.parametrize("lines", [1, 40, 300])
async def test_kill_9_while_spooling_loses_nothing_that_was_called_stored(folder: Path, lines: int) -> None:
    last = kill_after_lines("spooling", folder, lines)
    spool = Spool(folder, 1 << 30, Metrics())
    found = numbers(await spool.read(10**6, 1 << 30))
    assert found == list(range(len(found)))
    assert len(found) > last
    await spool.close()


@pytest.mark.parametrize("lines", [1, 10, 100])
async def test_kill_9_while_draining_loses_nothing_that_was_not_handed_over(folder: Path, lines: int) -> None:
    last = kill_after_lines("draining", folder, lines)
    spool = Spool(folder, 1 << 30, Metrics())
    found = numbers(await spool.read(10**6, 1 << 30))
    assert found == list(range(found[0], 20_000))
    assert found[0] <= last + 1
    await spool.close()
