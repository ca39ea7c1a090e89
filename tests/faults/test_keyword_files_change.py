"""What happens: keyword files are swapped as Kubernetes does it, written byte by byte, and broken, while chats end.
What must hold: T C L N M Q; a broken set never comes into force, and one that is right comes into force without a restart.
Measured: by the hash that the tagger says is in force, and by the simulated LiveChat's tags.
"""

import shutil
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tagger.simulator.play.visitors import RULES
from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import World
from tests.integration.watch import figures, labelled

OTHER: Final = """
  - id: never-said-{number}
    tag: Refund
    any: ["nobody says this {number}"]
"""
BROKEN: Final = "version: 1\nrules:\n  - id: broken\n    tagg: Refund\n"


class Mount:
    """A folder as Kubernetes mounts a ConfigMap: `rules.yaml -> ..data/rules.yaml`, and `..data` is renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._number = folder, 0
        folder.mkdir()
        self.swap("")
        for file in RULES.glob("*.yaml"):
            (folder / file.name).symlink_to(f"..data/{file.name}")

    def swap(self, more: str, broken: str | None = None) -> None:
        """The rules that all chats go by, and some more; or one broken file among them."""
        self._number += 1
        new = self.folder / f"..{self._number}"
        shutil.copytree(RULES, new, ignore=shutil.ignore_patterns("__pycache__"))
        english = new / "english.yaml"
        english.write_text(english.read_text("utf-8") + more if broken is None else broken, "utf-8")
        link = self.folder / "..data_tmp"
        link.symlink_to(new.name)
        link.replace(self.folder / "..data")
        if self._number > 1:
            shutil.rmtree(self.folder / f"..{self._number - 1}")


async def in_force(w: World) -> str:
    return await labelled(w.taggers[0], "tagger_keywords_info", "hash")


async def another(w: World, than: str) -> bool:
    return await in_force(w) != than


async def refused(w: World) -> bool:
    return (await figures(w.taggers[0]))["tagger_keywords_reload_success"] == 0


@pytest.mark.parametrize(
    "times", [pytest.param(5, id="5"), pytest.param(100, id="100", marks=pytest.mark.long)]
)
async def test_each_set_that_is_right_comes_into_force_and_no_broken_one(
    world: MakeWorld, tmp_path: Path, times: int
) -> None:
    mount = Mount(tmp_path / "keywords")
    async with world(settings={"TAGGER_CONFIG": str(mount.folder)}) as w:
        async with w.chats():
            for number in range(times):
                before = await in_force(w)
                mount.swap(OTHER.format(number=number))
                await until(partial(another, w, before))
                w.proof.did("the files were swapped")
                if number % 5 == 0:
                    before = await in_force(w)
                    mount.swap("", broken=BROKEN)
                    await until(partial(refused, w))
                    assert await in_force(w) == before
                    w.proof.did("they were broken")
        await w.everything_holds()


@pytest.mark.long
async def test_a_file_that_is_written_byte_by_byte_is_old_or_new_and_never_half(
    world: MakeWorld, tmp_path: Path
) -> None:
    folder = tmp_path / "keywords"
    shutil.copytree(RULES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    async with world(settings={"TAGGER_CONFIG": str(folder)}) as w:
        old = await in_force(w)
        text = OTHER.format(number=1).encode()
        async with w.chats():
            with (folder / "english.yaml").open("ab", buffering=0) as file:
                for place in range(len(text)):
                    file.write(text[place : place + 1])
                    await w.ended(0 if place % 10 else 1)
            await until(partial(another, w, old))
        await w.everything_holds()
        w.proof.did("a byte was written", len(text))
