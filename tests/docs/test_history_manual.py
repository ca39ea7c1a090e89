"""Every command in the manual of history that reads a file prints what the page shows; its rules can be used."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest
import yaml
from click.testing import CliRunner

from tagger.__main__ import main
from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import run_tests
from tagger.core.rules.parse import RuleSet, parse
from tests.docs import chats

PAGE: Final = Path(__file__).parents[2] / "config" / "history.md"
BLOCKS: Final = [
    block
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if "--file" in block
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chats.write(tmp_path / "chats.ndjson")
    chats.write_rules(tmp_path)
    monkeypatch.chdir(tmp_path)


# How long ago something was depends on the day.
AGE: Final = re.compile(r" +\d+ days?\b")


def printed(block: str) -> str:
    lines = [line for line in block.splitlines() if line.startswith("$ ")]
    runs = ((line, CliRunner().invoke(main, shlex.split(line)[2:])) for line in lines)
    return "".join(f"{line}\n{result.output}" for line, result in runs)


def test_the_examples_have_not_gone_missing() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_every_command_prints_what_the_page_shows(block: str) -> None:
    assert AGE.sub(" AGO", block) == AGE.sub(" AGO", printed(block))


@pytest.mark.parametrize("block", [block for block in BLOCKS if "- id:" in block])
def test_the_rules_that_the_page_shows_can_be_pasted(block: str) -> None:
    (rules,) = re.findall(r"^  - id: .*(?:\n   .*)*(?:\n  - id: .*(?:\n   .*)*)*", block, re.MULTILINE)
    assert all(rule["tests"] for rule in yaml.safe_load(rules))
    read = parse({"example.yaml": f"version: 1\nrules:\n{rules}\n".encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    assert run_tests(Decider.compile(read)) == []
