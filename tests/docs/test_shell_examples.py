"""What people copy into bash or zsh arrives as it is written: no shell changes a text inside an example."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click
import pytest

from ingest.__main__ import main as ingest
from tagger.__main__ import SUMMARIES, main
from tests.deadline import DEADLINE_S

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    path for path in ROOT.rglob("*.md") if not path.relative_to(ROOT).parts[0].startswith(".venv")
]
OURS: Final = r"(?:tagger|ingest)"

# Inside double quotes, bash and zsh change these: history, variables, commands, escapes.
CHANGED: Final = re.compile(r"[!$`\\]")
QUOTED: Final = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.")


class Example(NamedTuple):
    where: str
    line: str


def in_pages() -> Iterator[Example]:
    """Lines of code with a command of ours, and commands inside sentences."""
    for path in PAGES:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            where = f"{path.relative_to(ROOT)}:{number}"
            if found := re.match(rf"(?:\$ | {{4,}})((?:printf .* \| )?{OURS} .*)", line):
                yield Example(where, found[1])
            else:
                yield from (Example(where, one) for one in re.findall(rf"`({OURS} [^`]+)`", line))


def in_help(name: str, command: click.Command) -> Iterator[Example]:
    """Examples in the help of a command and of those below it."""
    context = click.Context(command, info_name=name)
    for line in (command.help or "").splitlines():
        if found := re.match(rf"\s{{2,}}({OURS} .*)", line):
            yield Example(f"{name} --help", found[1])
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found_command = command.get_command(context, each)
            assert found_command is not None
            yield from in_help(f"{name} {each}", found_command)


EXAMPLES: Final = [*in_pages(), *in_help("tagger", main), *in_help("ingest", ingest)]


def unsafe(line: str) -> list[str]:
    """The double-quoted parts that a shell changes, and what stands unquoted and means something to it."""
    double = [part for part in QUOTED.findall(line) if part[0] == '"' and CHANGED.search(part)]
    bare = re.findall(r"[!$`*?]", QUOTED.sub("", line))
    return double + bare


def test_no_page_and_no_help_is_left_out() -> None:
    assert len(EXAMPLES) > 100
    assert {f"tagger {name} --help" for name in SUMMARIES} <= {where for where, _ in EXAMPLES} | {
        "tagger webhooks --help"
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one.where} {one.line[:40]}")
def test_an_example_means_the_same_in_every_shell(example: Example) -> None:
    assert unsafe(example.line) == []


@pytest.mark.parametrize(
    "line",
    [
        'tagger explain "late!"',
        'tagger explain "$10"',
        'tagger explain "`x`"',
        "tagger explain late!",
        'tagger "a\\n"',
    ],
)
def test_an_unsafe_example_would_be_found(line: str) -> None:
    assert unsafe(line)


@pytest.mark.parametrize(
    "text", ["I want a REFUND!", "$10 off, `now`!", '-20% isn"t "applied"', "!!", "a*b ~ #1 \\n"]
)
def test_single_quotes_keep_a_text_in_an_interactive_bash(text: str) -> None:
    """With history expansion, as at a prompt; scripts do without it."""
    script = (
        f"set -o history\nset -o histexpand\ntagger() {{ printf '%s' \"$2\"; }}\ntagger explain '{text}'\n"
    )
    done = subprocess.run(
        ["bash", "--norc"], input=script, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.stdout == text
