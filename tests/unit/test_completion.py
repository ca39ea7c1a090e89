"""The shells complete what people type, with the lines that README tells them to add."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tagger.__main__ import HELP, SUMMARIES
from tests.deadline import DEADLINE_S

README: Final = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
SHELLS: Final = ("bash", "zsh", "fish")
OURS: Final = Path(sys.executable).parent


def ran(*command: str, **env: str) -> str:
    path = {"PATH": f"{OURS}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, env=os.environ | path | env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_readme_names_the_line_and_it_prints_a_script(shell: str) -> None:
    assert f"_TAGGER_COMPLETE={shell}_source tagger" in README
    assert f"_TAGGER_COMPLETE={shell}_complete" in ran("tagger", _TAGGER_COMPLETE=f"{shell}_source")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", {*SUMMARIES, HELP}),
        ("ex", {"explain"}),
        ("explain --t", {"--thread"}),
        ("explain --by ", {"customer", "agent"}),
        ("webhooks re", {"register"}),
    ],
)
def test_each_shell_is_offered_what_fits(shell: str, typed: str, offered: set[str]) -> None:
    words = f"tagger {typed}"
    last = words.rpartition(" ")[2]
    place = last if shell == "fish" else str(len(words.split(" ")) - 1)
    printed = ran("tagger", _TAGGER_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=place)
    found = (
        printed.split("\n")[1::3]
        if shell == "zsh"
        else re.findall(r"^plain,([^\t\n]+)", printed, re.MULTILINE)
    )
    assert set(found) == offered


def test_bash_completes_with_the_line_of_readme() -> None:
    assert shutil.which("bash")
    line = 'eval "$(_TAGGER_COMPLETE=bash_source tagger)"'
    assert f"`{line}`" in README
    script = (
        f"{line}; COMP_WORDS=(tagger expl); COMP_CWORD=1; _tagger_completion tagger; echo ${{COMPREPLY[@]}}"
    )
    assert ran("bash", "--norc", "-c", script).strip() == "explain"
