"""What `ingest` costs a webhook, beside a bare aiohttp handler and what others would write.

    python -m tests.bench.ingest [--seconds 4] [--rounds 5]

A real Apache Kafka, wrk with 256 keep-alive connections, webhooks of 899 bytes. In every round each server is
started, warmed up, flooded, and then sent half of what it took. The server has one core to itself; wrk and
Kafka share the other. Other work on the machine moves wall time: trust CPU time and the ratios, which are
medians of the ratios of each round.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from tests.bench.ingest import load, report
from tests.bench.ingest.report import Row
from tests.bench.ingest.servers import SERVERS, running
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.options import given

PARTITIONS: Final = 12  # as `ingest` suggests
WARM_UP_S: Final = 1
ANSWER_S_MAX: Final = 20  # of Kafka to a question
NEEDED: Final = {"wrk": "wrk", "taskset": "util-linux", "setpriv": "util-linux"}  # command → Debian package


def records(bootstrap: str, topic: str) -> int:
    """How many the topic holds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        return sum(consumer.get_watermark_offsets(place, ANSWER_S_MAX)[1] for place in places)
    finally:
        consumer.close()


def measure(name: str, number: int, bootstrap: str, seconds: int, lua: Path, core: int) -> Row:
    """One server in one round."""
    topic = f"round-{number}-{name.replace(' ', '-')}"
    Kafka(bootstrap).create_topic(topic, PARTITIONS)
    with running(name, bootstrap, topic, core) as server:
        load.flood(server.port, WARM_UP_S, lua)
        before = server.cpu_s()
        told = load.flood(server.port, seconds, lua)
        cpu_us = (server.cpu_s() - before) / told.requests * 1e6
        rate = told.requests_per_s / 2
        half_p50_ms, half_p99_ms, refused = load.paced(server.port, rate, seconds)
    stored = records(bootstrap, topic)
    answered = told.requests - told.non_2xx + int(rate * seconds) - refused
    if name != "bare aiohttp" and stored < answered:
        raise RuntimeError(f"{name} answered 200 to at least {answered} webhooks, Kafka has {stored}")
    return Row(
        number,
        name,
        told.requests_per_s,
        told.p50_ms,
        told.p99_ms,
        cpu_us,
        told.non_2xx + refused,
        told.socket_errors,
        rate,
        half_p50_ms,
        half_p99_ms,
    )


def run(seconds: int, rounds: int) -> list[Row]:
    server_core, other_core, *_ = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {other_core})  # Kafka and wrk inherit it
    rows: list[Row] = []
    with start() as broker, TemporaryDirectory(prefix="wrk-") as folder:
        lua = load.script(Path(folder))
        names = list(SERVERS)
        for number in range(rounds):
            first = number % len(names)  # nobody always comes behind the same neighbour
            for name in names[first:] + names[:first]:
                row = measure(name, number, broker.bootstrap, seconds, lua, server_core)
                rows.append(row)
                print(report.line(row), flush=True)
    return rows


def main(seconds: int = 4, rounds: int = 5) -> None:
    for command, package in NEEDED.items():
        if shutil.which(command) is None:
            sys.exit(f"{command} is needed: apt-get install {package}")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("Two cores are needed: one for the server, one for Kafka and wrk.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    rows = run(seconds, rounds)
    report.write(rows)
    print(report.table(rows))


if __name__ == "__main__":
    main(**given(main))
