"""The programs that are compared, as processes, and the CPU time they take."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from tests.bench.ingest.servers import Server
from tests.bench.tagger.chats import ORGANIZATIONS

ROOT: Final = Path(__file__).parents[3]
# `make` creates it: Quix Streams pins another version of confluent-kafka than the demo.
QUIX_PYTHON: Final = ROOT / ".venv/quix/bin/python"


class Place(NamedTuple):
    """Where a program works."""

    bootstrap: str
    topic: str  # of the webhooks
    url: str  # of LiveChat's API
    config: Path  # folder with the keyword file
    credentials: Path  # a credentials file

    @property
    def decisions(self) -> str:
        """The topic of the decisions."""
        return f"{self.topic}-decisions"

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics but the webhooks'."""
        return self.decisions, f"{self.topic}-parked", f"{self.topic}-keywords"


def _module(name: str, python: str = sys.executable) -> Callable[[Place], list[str]]:
    return lambda place: [
        *(
            python,
            "-m",
            f"tests.bench.tagger.{name}",
            place.bootstrap,
            place.topic,
            place.decisions,
            place.url,
        ),
        *([] if name == "bare" else [str(place.config / "keywords.yaml")]),
    ]


PROGRAMS: Final[Mapping[str, Callable[[Place], list[str]]]] = {
    "bare": _module("bare"),
    "thinking": _module("thinking"),
    "tagger": lambda _: [sys.executable, "-m", "tagger", "run"],
    "quix": _module("with_quix", str(QUIX_PYTHON)),
    "sqlite": _module("with_sqlite"),
}


def write_credentials(file: Path) -> None:
    """A token for each organization."""
    entries = {name: {"account_id": "a", "pat": f"pat-{name}"} for name in ORGANIZATIONS}
    file.write_bytes(orjson.dumps({"version": 1, "organizations": entries}))
    file.chmod(0o600)


def environment(place: Place) -> dict[str, str]:
    """The settings of `tagger run`; the other programs are told on the command line."""
    decisions, parked, keywords = place.topics
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LIVECHAT_", "TAGGER_"))
    }
    return kept | {
        "KAFKA_BOOTSTRAP_SERVERS": place.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": place.topic,
        "KAFKA_DECISIONS_TOPIC": decisions,
        "KAFKA_PARKED_TOPIC": parked,
        "KAFKA_KEYWORDS_TOPIC": keywords,
        "KAFKA_GROUP_ID": f"{place.topic}-tagger",
        "LIVECHAT_API_URL": place.url,
        "LIVECHAT_CREDENTIALS_FILE": str(place.credentials),
        "TAGGER_CONFIG": str(place.config),
        "TAGGER_ADMIN_PORT": "0",
        "LOG_FORMAT": "json",
    }


@contextmanager
def running(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[Server]:
    """The process, which ends with this one; its log goes to a file, as a service's does."""
    with log.open("wb") as lines:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=dict(variables),
            cwd=ROOT,
            stdout=lines,
            stderr=lines,
            process_group=0,
        )
    server = Server(process, 0)
    try:
        yield server
    finally:
        server.end()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The process stands still meanwhile."""
    os.killpg(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(server.process.pid, signal.SIGCONT)
