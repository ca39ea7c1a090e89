"""Ctrl-C, a real SIGINT to a real process, ends each command with what it has so far, and it says so."""

import asyncio
import json
import re
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S
from tests.integration.history.past import Past, Play
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of
from tests.webhooks import get_chat, message

CHATS: Final = 90
RULES: Final = """version: 1
rules:
  - {id: refund, tag: Refund, any: [refund]}
"""


@dataclass
class Scene:
    """A past on topics and in a file."""

    past: Past
    env: dict[str, str]
    folder: Path

    def interrupted(self, bar: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        names = {"OLD": "config", "NEW": "new", "CHATS": "chats.ndjson"}
        given = [str(self.folder / names[each]) if each in names else each for each in arguments]
        command = [sys.executable, "-m", "tests.integration.history.interrupted", bar, *given]
        return subprocess.run(
            command,
            env=environment_for(self.env),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )


@pytest.fixture(scope="module")
def scene(kafka_embedded: AnyKafka, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    unique, folder = uuid.uuid4().hex[:12], tmp_path_factory.mktemp("interrupt")
    names = names_of(unique)
    for topic in names.topics:
        kafka_embedded.create_topic(topic, 3)
    for name, keyword in (("config", "refund"), ("new", "parcel")):
        (folder / name).mkdir()
        (folder / name / "rules.yaml").write_text(RULES.replace("[refund]", f"[{keyword}]"))
    past = asyncio.run(Play(kafka_embedded, unique, 7, time.time_ns() // 1_000_000).run(CHATS))
    with (folder / "chats.ndjson").open("w") as file:
        for number in range(400):
            said = [message(f"T{number}_1", f"my {'refund' if number % 2 else 'invoice'}, please")]
            tags = [("A", "B", "C")[number % 3]]
            file.write(json.dumps(get_chat(f"T{number}", chat=f"C{number}", events=said, tags=tags)) + "\n")
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": names.webhooks,
        "KAFKA_DECISIONS_TOPIC": names.decisions,
        "KAFKA_KEYWORDS_TOPIC": names.keywords,
        "TAGGER_CONFIG": str(folder / "config"),
    }
    return Scene(past, env, folder)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are written into the current folder."""
    monkeypatch.chdir(tmp_path)


OLD: Final = ("--against", "OLD")
ROWS: Final = [
    ("reading decisions:0", ("stats",)),
    ("reading decisions:0", ("stats", "--format", "csv")),
    ("reading decisions:0", ("decisions", "list", "--most", "1000")),
    # Some chats are told only at the end of their partition.
    ("reading chats:50", ("backtest", "NEW", *OLD)),
    ("reading chats:50", ("backtest", "NEW", *OLD, "--file", "CHATS", "--format", "json")),
    ("reading chats:50", ("stats", "--file", "CHATS")),
    ("reading chats:50", ("suggest", "--all", "--file", "CHATS")),
    ("reading chats:50", ("retag",)),
    ("reading chats:50", ("retag", "--file", "CHATS", "--format", "json")),
]


@pytest.mark.parametrize(("bar", "arguments"), ROWS, ids=[" ".join(arguments) for _, arguments in ROWS])
def test_what_was_read_until_then_is_told(scene: Scene, bar: str, arguments: tuple[str, ...]) -> None:
    done = scene.interrupted(bar, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Stopped before the end" in (done.stdout + done.stderr)
    assert "Traceback" not in done.stderr
    whole = 400 if "CHATS" in arguments else len(scene.past.threads)
    if counts := re.findall(r"cover (\d+) chats?|^(\d+) chats? ", done.stdout + done.stderr, re.MULTILINE):
        assert max(int(one or other) for one, other in counts) < whole


def test_suggestions_that_are_made_are_shown(scene: Scene) -> None:
    done = scene.interrupted("comparing:0", "suggest", "--all", "--weak", "--file", "CHATS")
    assert done.returncode == 0, done.stderr
    assert "Stopped before the end: these are 1 of 3 tags." in done.stderr
    assert done.stdout.count("that people tagged") == 1


@pytest.mark.parametrize(
    "command",
    [
        "suggest --all",
        "retag",
        "retag --undo refund",
        "retag --rename Refund=Money",
        "retag --file CHATS",
    ],
)
def test_without_a_chat_there_is_nothing_to_suggest_or_to_retag(scene: Scene, command: str) -> None:
    """Of half the decisions it is not known which tags people set, so no plan is made from them."""
    done = scene.interrupted("reading decisions:0", *command.split())
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.endswith("Interrupted before a chat was read.\n")
    assert not list(Path().iterdir())
