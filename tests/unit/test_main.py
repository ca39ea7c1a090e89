"""`tagger <command>`: finds the command and hands over."""

import os
import pty
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from tagger import commands
from tagger.__main__ import HELP, SUMMARIES, main
from tests.deadline import DEADLINE_S

# What the service needs and no offline command may wait for.
HEAVY = (
    "aiohttp",
    "aiokafka",
    "asyncio",
    "pydantic",
    "prometheus_client",
    "rich.console",
    "structlog",
    "watchfiles",
)

RULES = "version: 1\nrules:\n  - {id: r, tag: R, any: [refund], tests: [absent: hello]}\n"


def tagger(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The real command, as a process of its own."""
    command = [sys.executable, "-m", "tagger", *arguments]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


def test_help_lists_every_command_with_a_line_each_in_its_group() -> None:
    shown = tagger("--help")
    assert shown.returncode == 0
    titles = re.findall(r"^(\w[\w ]+):$", shown.stdout, re.MULTILINE)
    assert titles == ["Options", "Keyword files", "History", "Service", "Repair", "Setting up"]
    for name, summary in SUMMARIES.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", shown.stdout, re.MULTILINE)


def test_every_command_that_exists_is_listed() -> None:
    # A module cannot have the name of a keyword of Python: import_.
    files = {
        path.stem.removesuffix("_"): path.read_text("utf-8")
        for path in Path(commands.__path__[0]).glob("*.py")
    }
    named = re.compile(r'^@click\.(?:command|group)\("(\w+)"', re.MULTILINE)
    assert (
        {name for text in files.values() for name in named.findall(text)}
        == {*SUMMARIES, HELP}
        <= files.keys()
    )


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("chek", "There is no command chek. Did you mean check?"),
        ("explane", "Did you mean explain?"),
        ("xyzzy", "There is no command xyzzy. The commands are check, test, explain, import, schema,"),
    ],
)
def test_an_unknown_command_is_answered_with_the_one_that_was_meant(typed: str, says: str) -> None:
    result = CliRunner().invoke(main, [typed])
    assert result.exit_code == 2
    assert says in result.output


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version_is_the_distributions(option: str) -> None:
    assert CliRunner().invoke(main, [option]).output == f"tagger {version('livechat-tagger')}\n"


@pytest.mark.parametrize("names", [(), ("explain",), ("webhooks",), ("webhooks", "send"), ("help",)])
def test_help_shows_what_the_option_shows(names: tuple[str, ...]) -> None:
    asked = CliRunner().invoke(main, ["help", *names], prog_name="tagger")
    assert asked.exit_code == 0
    assert asked.output == CliRunner().invoke(main, [*names, "--help"], prog_name="tagger").output


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("explan",), "There is no command explan. Did you mean explain?"),
        (("webhooks", "sned"), "There is no command tagger webhooks sned."),
        (("check", "more"), "There is no command tagger check more."),
    ],
)
def test_help_of_what_does_not_exist_is_exit_code_2(names: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(main, ["help", *names], prog_name="tagger")
    assert (result.exit_code, says in result.output) == (2, True)


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_quiet_command_prints_findings_only(command: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(RULES)
    assert CliRunner().invoke(main, [command, "-q", str(path)]).output == ""
    path.write_text(RULES.replace("absent", "match"))
    told = CliRunner().invoke(main, ["test", "-q", str(path)])
    assert (told.exit_code, "did not fire" in told.output, "passed" in told.output) == (1, True, False)
    path.write_text(RULES.replace("tag:", "tagg:"))
    told = CliRunner().invoke(main, [command, "--quiet", str(path)])
    assert (told.exit_code, "Did you mean `tag`?" in told.output) == (1, True)


@pytest.mark.parametrize("arguments", [["--help"], ["check"], ["test"], ["explain", "a refund"], ["schema"]])
def test_no_offline_command_imports_what_only_the_service_needs(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    program = (
        "import sys\nfrom tagger.__main__ import main\n"
        f"try: main({arguments!r})\n"
        f"finally: print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    env = os.environ | {"TAGGER_CONFIG": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def on_a_terminal(arguments: list[str], env: dict[str, str]) -> bytes:
    """What a command prints when its output is a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "tagger", *arguments], env=env, stdout=theirs) as process:
        os.close(theirs)
        printed = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if not chunk:
                break
            printed += chunk
        process.wait(timeout=DEADLINE_S)
    os.close(ours)
    return printed


def test_colours_are_for_terminals_and_for_those_who_want_them(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    env = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    env |= {"TAGGER_CONFIG": str(tmp_path), "TERM": "xterm"}
    arguments = ["explain", "a refund"]
    assert b"\x1b[" in on_a_terminal(arguments, env)
    assert b"\x1b[" not in on_a_terminal(arguments, env | {"NO_COLOR": "1"})
    assert "\x1b[" not in tagger(*arguments, TAGGER_CONFIG=str(tmp_path)).stdout


def test_a_terminal_of_another_encoding_gets_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    done = tagger("explain", "a refund 退款", TAGGER_CONFIG=str(tmp_path), PYTHONIOENCODING="iso-8859-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  1 customer  a refund ??" in done.stdout
