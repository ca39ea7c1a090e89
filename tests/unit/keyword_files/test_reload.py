"""Keyword files on disk: what is loaded, what is refused, and when a change comes into force."""

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.keyword_files import reload as keywords_module
from tagger.keyword_files.read import read_files
from tagger.keyword_files.reload import Keywords
from tests.deadline import until

REFUND = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund]
    tests:
      - match: "a refund, please"
      - absent: "hello"
"""
INVOICE = REFUND.replace("refund", "invoice").replace("Refund", "Billing")
FAILS_ITS_TEST = REFUND.replace("a refund, please", "money back")
MISSPELT = REFUND.replace("any:", "anny:").replace("tag:", "tagg:")


def folder_with(path: Path, text: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "rules.yaml").write_text(text)
    return path


def loaded(folder: Path) -> Keywords:
    keywords = Keywords(folder, DEFAULT_PLACEHOLDER)
    assert keywords.origin == "files"
    return keywords


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no event tells of a change, it is found by looking again: every 5 s in life."""
    monkeypatch.setattr(keywords_module, "LOOK_EVERY_MS", 100)


@asynccontextmanager
async def watched(keywords: Keywords) -> AsyncIterator[list[bool]]:
    """The watch is running; what it reports: whether each change came into force."""
    reports: list[bool] = []
    watch = asyncio.create_task(keywords.watch(lambda: reports.append(not keywords.problems)))
    await asyncio.sleep(0.2)  # until it looks
    try:
        yield reports
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MISSPELT, ["anny", "tagg"]),  # all problems, not the first
        (FAILS_ITS_TEST, ["refund should fire"]),
        ("rules: [", ["rules.yaml"]),
    ],
)
def test_a_bad_set_is_refused_with_everything_that_is_wrong(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    refused = Keywords(folder_with(tmp_path, text), DEFAULT_PLACEHOLDER)
    assert refused.origin == "nowhere"
    for word in told:
        assert any(word in problem for problem in refused.problems)


async def test_a_saved_file_comes_into_force(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider.hash
    async with watched(keywords) as reports:
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.decider.hash != before)
        assert reports[-1] is True
        assert keywords.decider.rules[0].tag == "Billing"


async def test_a_broken_file_changes_nothing_and_says_why(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider
    async with watched(keywords) as reports:
        folder_with(tmp_path, MISSPELT)
        await until(lambda: bool(keywords.problems))
        assert keywords.decider is before
        assert reports == [False]
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.decider is not before)
        assert keywords.problems == ()


async def test_an_atomic_rename_is_seen(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path / "config", REFUND))
    before = keywords.decider.hash
    async with watched(keywords):
        (tmp_path / "new").write_text(INVOICE)
        (tmp_path / "new").rename(tmp_path / "config" / "rules.yaml")
        await until(lambda: keywords.decider.hash != before)


async def test_a_swapped_config_map_is_seen(tmp_path: Path) -> None:
    """Kubernetes mounts `rules.yaml -> ..data/rules.yaml` and renames the link `..data`."""
    mount = tmp_path / "config"
    folder_with(mount / "..1", REFUND)
    folder_with(mount / "..2", INVOICE)
    (mount / "..data").symlink_to("..1")
    (mount / "rules.yaml").symlink_to("..data/rules.yaml")
    keywords = loaded(mount)
    before = keywords.decider.hash
    async with watched(keywords):
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")
        await until(lambda: keywords.decider.hash != before)
        assert keywords.decider.rules[0].tag == "Billing"


async def test_a_file_written_bit_by_bit_is_in_force_whole_or_not_at_all(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    tags = {keywords.decider.rules[0].tag}
    async with watched(keywords):
        for end in range(0, len(INVOICE), 7):
            (tmp_path / "rules.yaml").write_text(INVOICE[:end])
            keywords.reload_soon()
            await asyncio.sleep(0.01)
            tags.add(keywords.decider.rules[0].tag)
        (tmp_path / "rules.yaml").write_text(INVOICE)
        await until(
            lambda: len(keywords.decider.rules[0].tests) == 2 and keywords.decider.rules[0].tag == "Billing"
        )
    assert tags <= {"Refund", "Billing"}


async def test_being_told_to_look_is_enough(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider.hash
    async with watched(keywords):
        folder_with(tmp_path, INVOICE)
        keywords.reload_soon()
        await until(lambda: keywords.decider.hash != before)


async def test_a_folder_that_vanishes_leaves_the_set_in_force(tmp_path: Path, looks_often: None) -> None:
    folder = folder_with(tmp_path / "config", REFUND)
    keywords = loaded(folder)
    before = keywords.decider
    async with watched(keywords) as reports:
        folder.rename(tmp_path / "away")
        await until(lambda: reports == [False])
        assert keywords.decider is before
        (tmp_path / "away").rename(folder)
        await until(lambda: not keywords.problems)


def full_of_pipes(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")


def with_a_dangling_link(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("nowhere")


def with_a_folder(folder: Path) -> None:
    (folder / "more.yaml").mkdir()


def with_a_name_in_latin_1(folder: Path) -> None:
    os.close(os.open(os.fsencode(folder) + b"/R\xfcckgabe.yaml", os.O_CREAT))


def odd_name(folder: Path) -> str:
    (name,) = {path.name for path in folder.iterdir()} - {"rules.yaml"}
    return name


@pytest.mark.parametrize(
    "spoil", [full_of_pipes, with_a_dangling_link, with_a_folder, with_a_name_in_latin_1]
)
async def test_an_odd_file_is_refused_by_name_and_looking_goes_on(
    tmp_path: Path, spoil: Callable[[Path], None], looks_often: None
) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider
    async with watched(keywords):
        spoil(tmp_path)
        odd = odd_name(tmp_path)
        await until(lambda: bool(keywords.problems))
        assert os.fsencode(odd).decode("utf-8", "backslashreplace") in keywords.problems[0]
        assert keywords.decider is before
        (tmp_path / odd).rmdir() if (tmp_path / odd).is_dir() else (tmp_path / odd).unlink()
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.decider is not before)


async def test_a_name_that_is_not_utf8_beside_the_files_ends_no_watch(
    tmp_path: Path, looks_often: None
) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider
    async with watched(keywords):
        os.close(os.open(os.fsencode(tmp_path) + b"/R\xfcckgabe.txt", os.O_CREAT))
        await asyncio.sleep(0.5)  # until its event came
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.decider is not before)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EMFILE, "Too many open files"),
        ExceptionGroup("unhandled", [RuntimeError()]),
        None,
    ],
)
async def test_a_watch_that_fails_or_ends_is_made_up_for_by_polling(
    tmp_path: Path, error: Exception | None, looks_often: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def broken(*_: object, **__: object) -> AsyncIterator[None]:
        nonlocal asked
        asked += 1
        if error is not None:
            raise error
        return
        yield

    monkeypatch.setattr(keywords_module, "awatch", broken)
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.decider
    async with watched(keywords):
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.decider is not before)
        await until(lambda: asked >= 3)


async def test_a_look_that_hangs_is_a_problem_and_is_begun_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    go_on, looks = threading.Event(), []

    def hanging(folder: Path) -> dict[str, bytes] | str:
        looks.append(folder)
        assert go_on.wait(60)
        return read_files(folder)

    monkeypatch.setattr(keywords_module, "read_files", hanging)
    monkeypatch.setattr(keywords_module, "LOOK_DEADLINE_S", 0.05)
    async with watched(keywords):
        await until(lambda: bool(keywords.problems))
        assert "reading takes more than" in keywords.problems[0]
        keywords.reload_soon()
        await asyncio.sleep(0.3)
        assert len(looks) == 1
        go_on.set()
        keywords.reload_soon()
        await until(lambda: not keywords.problems)


async def test_a_fault_in_reading_rules_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object) -> None:
        raise RecursionError

    keywords = loaded(folder_with(tmp_path, REFUND))
    async with watched(keywords) as reports:
        monkeypatch.setattr(keywords_module, "build", faulty)
        folder_with(tmp_path, INVOICE)
        await until(lambda: reports == [False])
        assert "RecursionError" in keywords.problems[0]


async def test_a_service_begins_without_a_set_and_takes_the_first_good_one(tmp_path: Path) -> None:
    keywords = Keywords(folder_with(tmp_path, MISSPELT), DEFAULT_PLACEHOLDER)
    assert (keywords.origin, keywords.decider.rules) == ("nowhere", ())
    assert keywords.problems
    changed = asyncio.create_task(keywords.changed())
    async with watched(keywords):
        folder_with(tmp_path, INVOICE)
        await until(changed.done)
    assert (keywords.origin, keywords.problems) == ("files", ())
    assert list(keywords.files.values()) == [INVOICE.encode()]


async def test_a_stored_set_serves_until_the_files_are_right(tmp_path: Path) -> None:
    """The newest that can be in force; what is wrong with the files stays known."""
    keywords = Keywords(folder_with(tmp_path, MISSPELT), DEFAULT_PLACEHOLDER)
    stored = [{"rules.yaml": text.encode()} for text in (FAILS_ITS_TEST, REFUND, INVOICE)]
    assert await keywords.take_stored(stored)
    assert (keywords.origin, keywords.decider.rules[0].tag) == ("topic", "Refund")
    assert keywords.problems
    async with watched(keywords):
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.origin == "files")
    assert not await keywords.take_stored(stored)
    assert keywords.decider.rules[0].tag == "Billing"


async def test_without_a_stored_set_nothing_is_in_force(tmp_path: Path) -> None:
    keywords = Keywords(folder_with(tmp_path, MISSPELT), DEFAULT_PLACEHOLDER)
    assert not await keywords.take_stored([{"rules.yaml": MISSPELT.encode()}])
    assert keywords.origin == "nowhere"


async def test_what_looks_meant_and_is_not_read_is_told_when_it_comes_and_goes(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before, told = keywords.decider, list[list[str]]()
    watch = asyncio.create_task(
        keywords.watch(
            lambda: None, lambda: told.append([Path(one.path).name for one in keywords.overlooked])
        )
    )
    (tmp_path / "more.YAML").write_text(INVOICE)
    await until(lambda: told == [["more.YAML"]])
    (tmp_path / "more.YAML").unlink()
    await until(lambda: told == [["more.YAML"], []])
    watch.cancel()
    await asyncio.wait([watch])
    assert keywords.decider is before


def test_what_looks_meant_is_known_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "more.yaml.txt").touch()
    assert len(loaded(folder_with(tmp_path, REFUND)).overlooked) == 1
