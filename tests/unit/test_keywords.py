"""Keyword files on disk: what is loaded, what is refused, and when a change comes into force."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tagger.core.canned import DEFAULT_PLACEHOLDER
from tagger.keywords import Keywords, Unloadable
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
    keywords = Keywords.load(folder, DEFAULT_PLACEHOLDER)
    assert isinstance(keywords, Keywords)
    return keywords


@asynccontextmanager
async def watched(keywords: Keywords) -> AsyncIterator[list[bool]]:
    """The watch is running; what it reports: whether each change came into force."""
    reports: list[bool] = []
    watch = asyncio.create_task(keywords.watch(lambda _, took_over: reports.append(took_over)))
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
    refused = Keywords.load(folder_with(tmp_path, text), DEFAULT_PLACEHOLDER)
    assert isinstance(refused, Unloadable)
    for word in told:
        assert any(word in problem for problem in refused.problems)


async def test_a_saved_file_comes_into_force(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.judge.hash
    async with watched(keywords) as reports:
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.judge.hash != before)
        assert reports[-1] is True
        assert keywords.judge.rules[0].tag == "Billing"


async def test_a_broken_file_changes_nothing_and_says_why(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.judge
    async with watched(keywords) as reports:
        folder_with(tmp_path, MISSPELT)
        await until(lambda: bool(keywords.problems))
        assert keywords.judge is before
        assert reports == [False]
        folder_with(tmp_path, INVOICE)
        await until(lambda: keywords.judge is not before)
        assert keywords.problems == ()


async def test_an_atomic_rename_is_seen(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path / "config", REFUND))
    before = keywords.judge.hash
    async with watched(keywords):
        (tmp_path / "new").write_text(INVOICE)
        (tmp_path / "new").rename(tmp_path / "config" / "rules.yaml")
        await until(lambda: keywords.judge.hash != before)


async def test_a_swapped_config_map_is_seen(tmp_path: Path) -> None:
    """Kubernetes mounts `rules.yaml -> ..data/rules.yaml` and renames the link `..data`."""
    mount = tmp_path / "config"
    folder_with(mount / "..1", REFUND)
    folder_with(mount / "..2", INVOICE)
    (mount / "..data").symlink_to("..1")
    (mount / "rules.yaml").symlink_to("..data/rules.yaml")
    keywords = loaded(mount)
    before = keywords.judge.hash
    async with watched(keywords):
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")
        await until(lambda: keywords.judge.hash != before)
        assert keywords.judge.rules[0].tag == "Billing"


async def test_a_file_written_bit_by_bit_is_in_force_whole_or_not_at_all(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    tags = {keywords.judge.rules[0].tag}
    async with watched(keywords):
        for end in range(0, len(INVOICE), 7):
            (tmp_path / "rules.yaml").write_text(INVOICE[:end])
            keywords.reload_soon()
            await asyncio.sleep(0.01)
            tags.add(keywords.judge.rules[0].tag)
        (tmp_path / "rules.yaml").write_text(INVOICE)
        await until(
            lambda: len(keywords.judge.rules[0].tests) == 2 and keywords.judge.rules[0].tag == "Billing"
        )
    assert tags <= {"Refund", "Billing"}


async def test_being_told_to_look_is_enough(tmp_path: Path) -> None:
    keywords = loaded(folder_with(tmp_path, REFUND))
    before = keywords.judge.hash
    async with watched(keywords):
        folder_with(tmp_path, INVOICE)
        keywords.reload_soon()
        await until(lambda: keywords.judge.hash != before)


async def test_a_folder_that_vanishes_leaves_the_set_in_force(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "config", REFUND)
    keywords = loaded(folder)
    before = keywords.judge
    async with watched(keywords) as reports:
        folder.rename(tmp_path / "away")
        await until(lambda: reports == [False])
        assert keywords.judge is before
        (tmp_path / "away").rename(folder)
        await until(lambda: not keywords.problems)
