"""An embedded Kafka-protocol broker on the loopback: the mock cluster inside the confluent-kafka wheel.

It promises what the demo and the tests need: topics, produce, fetch, groups, commits with metadata, faults.
It keeps at most 5 MiB or 100,000 batches a partition, and all of it in memory only. A fetch that waits is
answered when its wait is over, not when data comes: a consumer is half its fetch.max.wait late.
It never stands for a real broker's durability, transactions, retention by time, admin calls or sign-on.
"""

import ctypes
import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import click

BROKER: Final = 1  # the mock cluster counts its brokers from 1, and we start one

_HANDLE, _TEXT, _INT32, _INT64 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64
# What we call, as rdkafka.h and rdkafka_mock.h declare it: name → (result, arguments).
# https://github.com/confluentinc/librdkafka/blob/master/src/rdkafka_mock.h calls itself experimental, so
# confluent-kafka is pinned and every name is looked up before the first is called.
SYMBOLS: Final[dict[str, tuple[Any, list[Any]]]] = {
    "rd_kafka_conf_new": (_HANDLE, []),
    "rd_kafka_conf_set": (ctypes.c_int, [_HANDLE, _TEXT, _TEXT, _TEXT, ctypes.c_size_t]),
    "rd_kafka_new": (_HANDLE, [ctypes.c_int, _HANDLE, _TEXT, ctypes.c_size_t]),
    "rd_kafka_destroy": (None, [_HANDLE]),
    "rd_kafka_err2str": (_TEXT, [ctypes.c_int]),
    "rd_kafka_handle_mock_cluster": (_HANDLE, [_HANDLE]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_HANDLE]),
    "rd_kafka_mock_topic_create": (ctypes.c_int, [_HANDLE, _TEXT, ctypes.c_int, ctypes.c_int]),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_HANDLE, _INT32]),
    "rd_kafka_mock_broker_set_down": (ctypes.c_int, [_HANDLE, _INT32]),
    "rd_kafka_mock_broker_set_up": (ctypes.c_int, [_HANDLE, _INT32]),
    "rd_kafka_mock_partition_set_leader": (ctypes.c_int, [_HANDLE, _TEXT, _INT32, _INT32]),
    "rd_kafka_mock_push_request_errors_array": (None, [_HANDLE, ctypes.c_int16, ctypes.c_size_t, _HANDLE]),
    "rd_kafka_mock_clear_request_errors": (None, [_HANDLE, ctypes.c_int16]),
    "rd_kafka_mock_partition_delete_records": (ctypes.c_int, [_HANDLE, _TEXT, _INT32, _INT64]),
}


class BrokerUnavailableError(Exception):
    """The embedded broker cannot run here; the message says why and what to do."""


def find_library() -> Path:
    """The librdkafka that the confluent-kafka wheel brought; BrokerUnavailableError where there is none."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise BrokerUnavailableError(
            "The embedded broker needs confluent-kafka: pip install 'livechat-tagger[demo]', or name a broker"
        )
    package = Path(spec.origin).parent
    # auditwheel (Linux) and delocate (macOS) put a wheel's own libraries here.
    found = [
        *package.with_suffix(".libs").glob("librdkafka-*.so*"),
        *package.glob(".dylibs/librdkafka*.dylib"),
    ]
    if not found:
        raise BrokerUnavailableError(
            "The installed confluent-kafka brings no librdkafka of its own. Install it from a wheel "
            "(pip install --only-binary confluent-kafka 'livechat-tagger[demo]'), or name a broker"
        )
    return found[0]


def load_library(path: Path) -> ctypes.CDLL:
    """librdkafka with all of `SYMBOLS` declared; BrokerUnavailableError where one is missing."""
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in SYMBOLS.items():
        function = getattr(library, name, None)
        if function is None:
            raise BrokerUnavailableError(
                f"{path.name} has no {name}: the mock cluster is an experimental interface. "
                "Install the version of confluent-kafka that livechat-tagger[demo] pins, or name a broker"
            )
        function.restype, function.argtypes = result, arguments
    return library


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Threads that are started in here get no signal.

    librdkafka sees to that for its own threads, but not for the mock cluster's: one signal, which the kernel
    hands to any thread that takes it while the main thread starts a process, ends the cluster for good, and
    `rd_kafka_destroy` then waits for ever or crashes on what is freed (librdkafka 2.16, rd_kafka_new).
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class EmbeddedBroker:
    """One broker, running in librdkafka's own threads from the constructor until `close`.

    `topics` is name → partitions. Data outlives `down` and `up`, but not `close`.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = load_library(find_library())
        error = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        for name, value in ((b"test.mock.num.brokers", b"1"), (b"log_level", b"0")):
            if self._library.rd_kafka_conf_set(settings, name, value, error, len(error)):
                raise BrokerUnavailableError(error.value.decode())
        with signals_blocked():
            self._client = self._library.rd_kafka_new(0, settings, error, len(error))  # 0: a producer
        if not self._client:
            raise BrokerUnavailableError(error.value.decode())
        self._cluster = self._library.rd_kafka_handle_mock_cluster(self._client)
        # Its default of 3 s would be waited at every first join.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for topic, partitions in topics.items():
            self.create_topic(topic, partitions)

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._client:
            self._library.rd_kafka_destroy(self._client)
            self._client = None

    def create_topic(self, name: str, partitions: int) -> None:
        """Clients cannot create topics here: the mock cluster knows no CreateTopics request."""
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1))

    def lead(self, topic: str, partition: int, there: bool) -> None:
        """Give a partition its leader, or none."""
        leader = BROKER if there else -1
        self._check(
            self._library.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, leader)
        )

    def down(self) -> None:
        """Cut all connections and accept none."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, BROKER))

    def up(self) -> None:
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, BROKER))

    def inject(self, api_key: int, *errors: int) -> None:
        """Answer the next requests of this kind with these codes, one each.

        Numbers as https://kafka.apache.org/protocol lists them: API key 0 Produce, 1 Fetch, 8 OffsetCommit, …
        """
        codes = (ctypes.c_int32 * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(errors), codes)

    def heal(self, api_key: int) -> None:
        """Forget the injected errors that were not answered yet."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Drop what lies below the offset, as retention would."""
        self._check(
            self._library.rd_kafka_mock_partition_delete_records(
                self._cluster, topic.encode(), partition, before_offset
            )
        )

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(
                f"the embedded broker answered: {self._library.rd_kafka_err2str(code).decode()}"
            )


class _TopicOption(click.ParamType[tuple[str, int]]):
    name = "NAME:PARTITIONS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        name, _, partitions = str(value).rpartition(":")
        if not name or not partitions.isdecimal() or int(partitions) < 1:
            self.fail(f"{value!r} is no NAME:PARTITIONS", param, ctx)
        return name, int(partitions)


def _set_at_end_of_stdin(ended: threading.Event) -> None:
    while sys.stdin.read(4096):
        pass
    ended.set()


@click.command()
@click.option(
    "--topic", "topics", type=_TopicOption(), multiple=True, required=True, help="May be given several times."
)
def main(topics: tuple[tuple[str, int], ...]) -> None:
    """Run the broker as a process of its own: print its address, serve until SIGTERM or the end of stdin."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with EmbeddedBroker(dict(topics)) as broker:
        click.echo(broker.bootstrap)
        # Whoever started us may die without a word; the pipe to it ends then, and so do we.
        threading.Thread(target=_set_at_end_of_stdin, args=(ended,), daemon=True).start()
        ended.wait()


if __name__ == "__main__":
    main()
