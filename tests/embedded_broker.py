"""The embedded broker as a process, which tests freeze and kill: `python -m tests.embedded_broker NAME:PARTITIONS …`.

It prints its address, and serves until SIGTERM or the end of its standard input.
"""

import signal
import sys
import threading

import click

from tagger.simulator.stage.broker import EmbeddedBroker


def main(topics: list[str]) -> None:
    ended = threading.Event()

    def wait_for_end_of_stdin() -> None:
        """The process that started this one may be killed; the pipe from it ends then."""
        while sys.stdin.read(4096):
            pass
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    partitions = {name: int(count) for name, _, count in (topic.rpartition(":") for topic in topics)}
    with EmbeddedBroker(partitions) as broker:
        click.echo(broker.bootstrap)
        threading.Thread(target=wait_for_end_of_stdin, daemon=True).start()
        ended.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
