"""Every example in the manual of keyword files is true: rules, tables, commands with their output, limits."""

import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from click.testing import CliRunner

from tagger.__main__ import main
from tagger.core.matching.automaton import Matcher
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.matching.decide import Decider
from tagger.core.review.lint import lint
from tagger.core.review.rule_tests import outcomes, uncovered
from tagger.core.rules import decode, fields, keyword_field
from tagger.core.rules.parse import (
    BYTES_MAX,
    CANNED_MAX,
    FILES_MAX,
    KEYWORDS_MAX,
    RULE_KEYS,
    RULES_MAX,
    RuleSet,
    parse,
)

CONFIG: Final = Path(__file__).parents[2] / "config"
MANUAL: Final = (CONFIG / "README.md").read_text("utf-8")
WHEN: Final = date(2026, 11, 23)  # so that no example expires
HASH: Final = re.compile(r"\b[0-9a-f]{12}\b")  # changes with every word in the shipped files
CODE: Final = re.compile(r"`([^`]+)`")


class Block(NamedTuple):
    kind: str
    text: str
    line: int


def blocks() -> list[Block]:
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", MANUAL, re.MULTILINE | re.DOTALL)
    return [Block(one[1], one[2], MANUAL.count("\n", 0, one.start()) + 1) for one in found]


def named(block: Block) -> str:
    return f"line {block.line}"


EXAMPLES: Final = [block for block in blocks() if block.kind == "yaml"]
RIGHT: Final = [block for block in EXAMPLES if not block.text.startswith("# wrong")]


@pytest.mark.parametrize("block", RIGHT, ids=named)
def test_an_example_is_right_and_its_tests_prove_all_of_it(block: Block) -> None:
    read = parse({"example.yaml": block.text.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    assert [str(warning) for warning in lint(read, WHEN, DEFAULT_PLACEHOLDER)] == []
    decider = Decider.compile(read)
    for rule in read.rules:
        tested = outcomes(decider, rule)
        assert [str(outcome) for outcome in tested if not outcome.passed] == []
        assert [str(gap) for gap in uncovered(rule, tested)] == []


def cells() -> Iterator[tuple[str, str, bool]]:
    """(keyword as written, a text, whether it is found there), from the tables."""
    for row in re.findall(r"^\| (`.+`) \| (.+) \| (.+) \|$", MANUAL, re.MULTILINE):
        (keyword,) = CODE.findall(row[0])
        for column, is_found in ((row[1], True), (row[2], False)):
            texts = CODE.findall(column)
            assert texts, row
            yield from ((keyword, text, is_found) for text in texts)


def test_the_tables_have_not_gone_missing() -> None:
    assert len(list(cells())) > 60


@pytest.mark.parametrize(("keyword", "text", "is_found"), list(cells()))
def test_a_keyword_is_found_as_the_tables_say(keyword: str, text: str, is_found: bool) -> None:
    content = f"version: 1\nrules:\n  - id: a\n    tag: A\n    any:\n      - {keyword}\n"
    read = parse({"example.yaml": content.encode()})
    assert isinstance(read, RuleSet), [str(problem) for problem in read]
    assert bool(Matcher(read.rules[0].any).find(text)) == is_found


def transcript(folder: Path) -> Iterator[tuple[Block, str]]:
    """Follow the manual from top to bottom: each block of commands, and what they print in `folder`."""
    shutil.copytree(CONFIG, folder / "config")
    for block in blocks():
        if block.kind == "yaml":
            (folder / "example.yaml").write_text(block.text)
        elif block.kind == "diff":
            edit(folder / named_file(block), block.text)
        elif block.kind == "text":
            (folder / named_file(block)).write_text(block.text, "utf-8")
        elif block.kind == "console":
            yield block, run(block)


def named_file(block: Block) -> str:
    comment = re.fullmatch(r"<!-- (\S+) -->", MANUAL.splitlines()[block.line - 2])
    assert comment is not None, f"line {block.line}: a diff or a text has the name of its file above it"
    return comment[1]


def edit(path: Path, diff: str) -> None:
    """Put the new lines of a diff behind the line that stands above them."""
    before = "".join(line[1:] + "\n" for line in diff.splitlines() if line[0] == " ")
    after = "".join(line[1:] + "\n" for line in diff.splitlines())
    content = path.read_text("utf-8")
    assert content.count(before) == 1
    path.write_text(content.replace(before, after), "utf-8")


def run(block: Block) -> str:
    printed = ""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            said, _, typed = line.removeprefix("$ ").rpartition(" | ")
            _, *arguments = shlex.split(typed)
            given = shlex.split(said)[1].replace("\\n", "\n") if said else None  # of `printf '…\\n'`
            printed += f"{line}\n{CliRunner().invoke(main, arguments, input=given).output}"
    return printed


def test_every_command_prints_what_the_manual_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = list(transcript(tmp_path))
    assert len(shown) >= 8
    for block, printed in shown:
        assert HASH.sub("#", block.text) == HASH.sub("#", printed), f"README.md:{block.line}"


@pytest.mark.parametrize(
    ("what", "figures"),
    [
        ("keywords, in all files together", f"{KEYWORDS_MAX:,}"),
        ("rules; canned responses", f"{RULES_MAX:,} each"),
        ("rules; canned responses", f"{CANNED_MAX:,} each"),
        ("characters of a keyword", f"{keyword_field.KEYWORD_CHARS_MAX}"),
        ("characters of a canned response or of a text in a test", f"{fields.TEXT_CHARS_MAX:,}"),
        ("characters of a tag, of an id", f"{fields.TAG_CHARS_MAX}, {fields.ID_CHARS_MAX}"),
        (
            "files; bytes of one; bytes of all",
            f"{FILES_MAX:,}; {decode.FILE_BYTES_MAX >> 20} MiB; {BYTES_MAX >> 20} MiB",
        ),
    ],
)
def test_the_limits_are_those_in_force(what: str, figures: str) -> None:
    assert f"| {what} | {figures} |\n" in MANUAL


@pytest.mark.parametrize("key", RULE_KEYS)
def test_every_key_of_a_rule_is_in_an_example(key: str) -> None:
    assert any(re.search(rf"^ +(- )?{key}:", block.text, re.MULTILINE) for block in RIGHT)
