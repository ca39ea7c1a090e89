"""`ingest`, `tagger run` and a LiveChat as processes on one Kafka, and what they did in a run."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

import orjson

from tagger.simulator.livechat.port import reserved_port
from tests.bench.ingest.servers import SECRET, Server
from tests.bench.tagger.chats import Talk, is_tagged, write_rules
from tests.bench.tagger.programs import Place, environment, frozen, running, write_credentials
from tests.kafka.kafka import Kafka

PARTITIONS: Final = 6
SETTLED_S_MAX: Final = 60.0
LOOK_S: Final = 0.05


class Run(NamedTuple):
    """What one load came to. Times from when a webhook was due, in ms; CPU µs a webhook."""

    what: str
    rate: float  # webhooks/s
    webhooks: int
    refused: int
    answer_p50_ms: float
    answer_p99_ms: float
    tag_p50_ms: float  # from the end of the chat to the call that sets the tag
    tag_p99_ms: float
    ingest_us: float
    tagger_us: float


class Stage:
    """The processes, running."""

    def __init__(self, ingest: Server, tagger: Server, url: str, port: int, traces: Path) -> None:
        self.ingest, self.tagger, self._url, self._port, self._traces = ingest, tagger, url, port, traces
        self._loads = 0

    def load(self, rate: float, seconds: float, what: str = "live") -> tuple[Run, dict[str, Any]]:
        """Send chats, and wait until all are tagged. `backlog`: the tagger stands still meanwhile."""
        before = self.ingest.cpu_s(), self.tagger.cpu_s()
        if what == "backlog":
            with frozen(self.tagger):
                sent = self._send(rate, seconds)
        else:
            sent = self._send(rate, seconds)
        tagged = self._tagged({chat_id for chat_id in sent["ends"] if is_tagged(int(chat_id[-7:]))})
        count = sent["webhooks"]
        ingest_us = (self.ingest.cpu_s() - before[0]) / count * 1e6
        tagger_us = (self.tagger.cpu_s() - before[1]) / count * 1e6
        late_ms = [(at - sent["ends"][chat_id][0]) * 1e3 for chat_id, at in tagged.items()]
        percentiles = quantiles(late_ms, n=100)
        run = Run(
            what,
            rate,
            count,
            sent["refused"],
            sent["p50_ms"],
            sent["p99_ms"],
            percentiles[49],
            percentiles[98],
            ingest_us,
            tagger_us,
        )
        return run, {"ends": sent["ends"], "tagged": tagged}

    def _send(self, rate: float, seconds: float) -> dict[str, Any]:
        self._loads += 1
        arguments = map(str, (self._port, rate, seconds, f"{self._loads}R"))
        command = [sys.executable, "-m", "tests.bench.pipeline.load", *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60 + 10 * seconds)
        sent: dict[str, Any] = orjson.loads(done.stdout)
        return sent

    def _tagged(self, chats: set[str]) -> dict[str, float]:
        """By chat, when its first tag was set; once all are. RuntimeError if that takes too long."""
        tagged: dict[str, float] = {}
        end = time.monotonic() + SETTLED_S_MAX
        while not chats <= tagged.keys():
            if time.monotonic() > end:
                raise RuntimeError(f"{len(chats - tagged.keys())} of {len(chats)} chats have no tag")
            time.sleep(LOOK_S)
            with urllib.request.urlopen(f"{self._url}/calls") as answer:
                for line in answer.read().decode().splitlines():
                    chat_id, at_ns = line.split()
                    tagged.setdefault(chat_id, int(at_ns) / 1e9)
        return {chat_id: tagged[chat_id] for chat_id in chats}

    def stages(self, run: dict[str, Any]) -> list[tuple[str, float, float]]:
        """Where the time of a traced run went: step, median and 90th percentile in ms."""
        at: dict[str, dict[str, float]] = {"due": {}, "answered": {}, "tagged": run["tagged"]}
        for chat_id, (due, took) in run["ends"].items():
            at["due"][chat_id], at["answered"][chat_id] = due, due + took
        for line in self._traces.read_text().splitlines():
            point, chat_id, moment = line.split()
            at.setdefault(point, {}).setdefault(chat_id, float(moment))
        told = []
        for name, start, end in STEPS:
            took_ms = [
                (at[end][chat] - at[start][chat]) * 1e3
                for chat in run["tagged"]
                if chat in at[start] and chat in at[end]
            ]
            told.append((name, median(took_ms), quantiles(took_ms, n=10)[8]))
        return told


# From one point of `traced` (or of the sender, or LiveChat) to another.
STEPS: Final = (
    ("webhook to record: HTTP, checks", "due", "stamped"),
    ("record to 200: linger of 2 ms, Kafka's acknowledgement", "stamped", "answered"),
    ("record to fold: linger, Kafka, fetch, poll", "stamped", "folded"),
    ("fold to job: hand out, task", "folded", "started"),
    ("job to call: decide, queue, pace", "started", "called"),
    ("call to LiveChat", "called", "tagged"),
    ("call to settled: answer, decision acknowledged", "called", "settled"),
    ("webhook to tag, all of it", "due", "tagged"),
)


@contextmanager
def on_stage(bootstrap: str, name: str, folder: Path, *, traced: bool = False) -> Iterator[Stage]:
    """Everything on topics of its own, warmed up."""
    kafka = Kafka(bootstrap)
    config, credentials = folder / f"{name}-config", folder / f"{name}-credentials.json"
    config.mkdir()
    write_rules(config, Talk().keywords)
    write_credentials(credentials)
    with ExitStack() as opened:
        livechat_port, ingest_port = (opened.enter_context(reserved_port()) for _ in range(2))
        url = f"http://127.0.0.1:{livechat_port}"
        place = Place(bootstrap, name, f"{url}/v3.6", config, credentials)
        for topic in (place.topic, *place.topics):
            kafka.create_topic(topic, PARTITIONS if topic == place.topic else 1)
        log = folder / f"{name}.log"
        python = [sys.executable, "-m"]
        livechat = opened.enter_context(
            running([*python, "tests.bench.tagger.livechat", str(livechat_port)], os.environ, log)
        )
        variables = environment(place) | {
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(ingest_port),
            "INGEST_ADMIN_PORT": "0",
        }
        ingest = opened.enter_context(running([*python, "ingest"], variables, folder / f"{name}-ingest.log"))
        traces = folder / f"{name}.traces"
        command = ["tests.bench.pipeline.traced", str(traces)] if traced else ["tagger", "run"]
        tagger = opened.enter_context(running([*python, *command], variables, folder / f"{name}-tagger.log"))
        for server, port in ((livechat, livechat_port), (ingest, ingest_port)):
            Server(server.process, port).wait_until_it_listens()
        stage = Stage(ingest, tagger, url, ingest_port, traces)
        stage.load(400, 4, "warm-up")
        yield stage
