"""What `tagger run` costs a chat, beside a bare program with its input and output, and what others would write.

    python -m tests.bench.tagger [--chats 6000] [--rounds 5] [--programs bare,thinking,tagger,quix,sqlite]

A real Apache Kafka with 6 partitions, chats of 21 records of 40 organizations, 1,000 keywords, and a LiveChat that
answers at once; two of three chats get a tag. In every round each program is started, settles some chats, stands still
while all records are written, and then settles them. Its CPU time comes from the operating system, without its start.
Ratios are medians of those of each round, in which other work on the machine hits all programs alike.

`bare` reads, parses, sets tags and writes decisions, and thinks nothing; `thinking` is that with the tagger's pure core,
and with nothing of what makes the service safe; `quix` is Quix Streams with its state store,
`sqlite` the job as one writes it in an afternoon.
"""

import os
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from ingest.topic import record_key
from tagger.simulator.livechat.port import reserved_port
from tests.bench.ingest.servers import Server
from tests.bench.tagger import report
from tests.bench.tagger.chats import KEYWORDS, RECORDS, Talk, is_tagged, order, webhook, write_rules
from tests.bench.tagger.programs import (
    PROGRAMS,
    QUIX_PYTHON,
    Place,
    environment,
    frozen,
    running,
    write_credentials,
)
from tests.bench.tagger.report import Row
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.options import given

PARTITIONS: Final = 6
WARM_UP_CHATS: Final = 120  # their ids end before those that are measured begin
SETTLED_S_MAX: Final = 300.0
LOOK_S: Final = 0.02
ANSWER_S_MAX: Final = 20  # of Kafka to a question
DECISIONS_PARTITIONS: Final = 3
# Of the chats, one in so many is enough of a program that takes some milliseconds for each.
FEWER: Final = {"quix": 8, "sqlite": 8}


class Outcome:
    """What a program has done so far, seen from outside: calls to LiveChat and decisions on the topic."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._calls_before = self._calls()
        self._consumer = Consumer({"bootstrap.servers": place.bootstrap, "group.id": "bench"})

    def _calls(self) -> int:
        with urllib.request.urlopen(self._place.url.replace("/v3.6", "/count")) as answer:
            return int(answer.read())

    @property
    def calls(self) -> int:
        """Tags set."""
        return self._calls() - self._calls_before

    @property
    def decisions(self) -> int:
        """Records of decisions."""
        places = [TopicPartition(self._place.decisions, number) for number in range(DECISIONS_PARTITIONS)]
        return sum(self._consumer.get_watermark_offsets(place, ANSWER_S_MAX)[1] for place in places)

    def wait_for(self, chats: Sequence[int], server: Server, log: Path) -> None:
        """Return when these chats (all so far) are settled."""
        end = time.monotonic() + SETTLED_S_MAX
        calls = sum(map(is_tagged, chats))
        while self.calls < calls or self.decisions < len(chats):
            if server.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"it set {self.calls} tags of {calls}: {log.read_text()[-2000:]}")
            time.sleep(LOOK_S)


def write(place: Place, talk: Talk, chats: Sequence[int]) -> None:
    """All records of the chats, as `ingest` would write them."""
    producer = Producer(
        {
            "bootstrap.servers": place.bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": RECORDS * len(chats) + 1,
            "queue.buffering.max.kbytes": 1 << 20,
        }
    )
    for chat, number in order(chats):
        one = webhook(talk, chat, number)
        producer.produce(place.topic, one.body, key=record_key(one.organization, one.chat_id))
    producer.flush()


def measure(name: str, number: int, place: Place, talk: Talk, chats: int, log: Path) -> Row:
    """One program in one round."""
    kafka = Kafka(place.bootstrap)
    kafka.create_topic(place.topic, PARTITIONS)
    decisions, *others = place.topics
    kafka.create_topic(decisions, DECISIONS_PARTITIONS)
    for topic in others:
        kafka.create_topic(topic, 1)
    outcome = Outcome(place)
    first, measured = range(WARM_UP_CHATS), range(WARM_UP_CHATS, WARM_UP_CHATS + chats)
    write(place, talk, first)
    with running(PROGRAMS[name](place), environment(place), log) as server:
        outcome.wait_for(first, server, log)
        with frozen(server):
            write(place, talk, measured)
            before, began = server.cpu_s(), time.monotonic()
        outcome.wait_for([*first, *measured], server, log)
        wall_s, cpu_s = time.monotonic() - began, server.cpu_s() - before
    calls = outcome.calls - sum(map(is_tagged, first))
    for topic in (place.topic, *place.topics):
        kafka.delete_topic(topic)
    return Row(number, name, chats, cpu_s / chats * 1e6, chats / wall_s, calls)


def run(names: Sequence[str], chats: int, rounds: int, talk: Talk) -> list[Row]:
    rows: list[Row] = []
    with start() as broker, TemporaryDirectory(prefix="bench-") as made, reserved_port() as port:
        folder = Path(made)
        (folder / "config").mkdir()
        write_rules(folder / "config", talk.keywords)
        write_credentials(folder / "credentials.json")
        livechat = [sys.executable, "-m", "tests.bench.tagger.livechat", str(port)]
        with running(livechat, os.environ, folder / "livechat.log") as server:
            Server(server.process, port).wait_until_it_listens()
            for number in range(rounds):
                first = number % len(names)  # nobody always comes behind the same neighbour
                for name in [*names[first:], *names[:first]]:
                    place = Place(
                        broker.bootstrap,
                        f"round-{number}-{name}",
                        f"http://127.0.0.1:{port}/v3.6",
                        folder / "config",
                        folder / "credentials.json",
                    )
                    row = measure(
                        name, number, place, talk, chats // FEWER.get(name, 1), folder / f"{name}.log"
                    )
                    rows.append(row)
                    print(report.line(row), flush=True)
    return rows


def main(
    programs: str = ",".join(PROGRAMS),
    chats: int = 6_000,
    rounds: int = 5,
    keywords: int = KEYWORDS,
    no_write: bool = False,
) -> None:
    if shutil.which("setpriv") is None:
        sys.exit("setpriv is needed: apt-get install util-linux")
    names = [name for name in PROGRAMS if name in programs.split(",")]
    if "quix" in names and not QUIX_PYTHON.exists():
        names.remove("quix")
        print("quix is left out: `make .venv/quix/ready` makes its environment")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rows = run(names, chats, rounds, Talk(keywords))
    if not no_write:
        report.write(rows)
    if "bare" in names:
        print(report.table(rows))


if __name__ == "__main__":
    main(**given(main))
