"""`make kafka`: a real Apache Kafka with the topics of both services, until Ctrl-C."""

import argparse
import signal
import sys
import threading
from typing import Final

from tests.kafka.broker import start
from tests.kafka.jars import KafkaMissingError, version
from tests.kafka.kafka import Kafka

# As docker-compose.yml creates them.
TOPICS: Final = {
    "livechat.webhooks": 12,
    "livechat.decisions": 3,
    "livechat.parked": 1,
    "livechat.keywords": 1,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make kafka", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1 (0: a free port)")
    port = parser.parse_args().port
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    print(f"Starting Apache Kafka {version()} ...", flush=True)
    try:
        broker = start(port)
    except (KafkaMissingError, OSError, RuntimeError) as wrong:
        print(f"{wrong}", file=sys.stderr)
        return 2
    with broker:
        for topic, partitions in TOPICS.items():
            Kafka(broker.bootstrap).create_topic(topic, partitions)
        print(f"It serves {', '.join(TOPICS)} and ends with Ctrl-C. In another terminal:")
        print(f"  export KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap}", flush=True)
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
