"""An example as its README says: its lines, typed one after the other beside a demo that plays.

Whatever does not end by itself runs on in a "terminal of its own" until the block ends.
"""

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S, wait_until

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "examples"
# What a README starts in a terminal of its own, by a word of its line.
RUN_ON: Final = ("tagger demo", "fake_list.py", "contacts.py", "waiting.py")
KAFKA_IS: Final = re.compile(r"^  Kafka +(\S+) +(\S+) (\S+) (\S+) (\S+)$", re.MULTILINE)
TOPICS: Final = (
    "KAFKA_WEBHOOKS_TOPIC",
    "KAFKA_DECISIONS_TOPIC",
    "KAFKA_PARKED_TOPIC",
    "KAFKA_KEYWORDS_TOPIC",
)


def section(example: str, title: str) -> list[str]:
    """The lines that a section of an example's README has one type."""
    text = (EXAMPLES / example / "README.md").read_text("utf-8")
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^    (\S.*)$", found, re.MULTILINE)


class Terminal:
    """Types lines in a folder that is like a fresh clone: `examples/`, and `.venv/`."""

    def __init__(self, folder: Path, kafka: str | None) -> None:
        """`kafka`: a broker to use instead of the demo's own."""
        self.folder, self._kafka = folder, kafka
        self.settings: dict[str, str] = {}
        self._ends = ExitStack()
        self._ports: dict[str, str] = {}  # of the README → really
        (folder / "examples").symlink_to(EXAMPLES)
        (folder / ".venv").symlink_to(sys.prefix)

    def port(self, of_the_readme: str) -> str:
        """The port that stands for one of the README: a test beside this one has its own."""
        if of_the_readme not in self._ports:
            self._ports[of_the_readme] = str(self._ends.enter_context(reserved_port()))
        return self._ports[of_the_readme]

    def type(self, line: str) -> str:
        """Do what a line says; what it printed, if it has ended."""
        line = re.sub(r"\b80\d\d\b", lambda found: self.port(found[0]), line)
        if line.startswith("make "):
            return ""  # whoever runs this has done it
        if line.startswith("export "):
            name, _, value = shlex.split(line.removeprefix("export "))[0].partition("=")
            if name != "KAFKA_BOOTSTRAP_SERVERS":  # the demo has said where
                self.settings[name] = value
            return ""
        if any(each in line for each in RUN_ON):
            self._start(line)
            return ""
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def _start(self, line: str) -> None:
        demo = "tagger demo" in line
        words = shlex.split(line) + (["--kafka", self._kafka] if demo and self._kafka else [])
        log = self.log(words)
        output = self._ends.enter_context(log.open("ab"))
        process = subprocess.Popen(
            words, cwd=self.folder, env=self._environment(), stdout=output, stderr=subprocess.STDOUT
        )
        self._ends.callback(_end, process)
        if demo:
            wait_until(lambda: bool(KAFKA_IS.search(log.read_text("utf-8"))))
            found = KAFKA_IS.search(log.read_text("utf-8"))
            assert found
            self.settings["KAFKA_BOOTSTRAP_SERVERS"] = found[1]
            self.settings.update(zip(TOPICS, found.groups()[1:], strict=True))

    def log(self, words: list[str]) -> Path:
        """Where what runs on prints to."""
        name = next(Path(word).stem for word in words if word.endswith(".py") or word == "demo")
        return self.folder / f"{name}.log"

    def _environment(self) -> dict[str, str]:
        return environment_for({}) | {"PYTHONPATH": ""} | self.settings

    def close(self) -> None:
        """Ctrl-C in each terminal, the last one first."""
        self._ends.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(DEADLINE_S)
    finally:
        process.kill()
        process.wait()


@contextmanager
def a_terminal(folder: Path, kafka: str | None = None) -> Iterator[Terminal]:
    """Terminals that are closed at the end."""
    assert not list(folder.iterdir()), "a fresh clone has nothing of another's"
    terminal = Terminal(folder, kafka)
    try:
        yield terminal
    finally:
        terminal.close()
