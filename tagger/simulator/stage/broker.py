"""An embedded Kafka-protocol broker on the loopback: the mock cluster inside the confluent-kafka wheel.

It has what the demo and the tests need: topics, produce, fetch, groups, commits with metadata, faults. It keeps at
most 5 MiB or 100,000 batches a partition, in memory only. It answers a waiting fetch when its wait is over, not
when data arrives, so a consumer is half its fetch.max.wait late. It does not model a real broker's durability,
transactions, retention by time, admin calls or authentication.
"""

import ctypes
import importlib.util
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

BROKER: Final = 1  # the mock cluster counts its brokers from 1, and we start one

_HANDLE, _TEXT, _INT32, _INT64 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64
# The functions we call, as rdkafka.h and rdkafka_mock.h declare them: name → (result, arguments).
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
    """The librdkafka in the confluent-kafka wheel. BrokerUnavailableError if it is not installed."""
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise BrokerUnavailableError(
            "The embedded broker needs confluent-kafka. Install 'livechat-tagger[demo]', or use --kafka"
        )
    package = Path(spec.origin).parent
    # auditwheel (Linux) and delocate (macOS) put a wheel's libraries here.
    found = [
        *package.with_suffix(".libs").glob("librdkafka-*.so*"),
        *package.glob(".dylibs/librdkafka*.dylib"),
    ]
    if not found:
        raise BrokerUnavailableError(
            "The installed confluent-kafka does not include librdkafka. Install it from a wheel "
            "(pip install --only-binary confluent-kafka 'livechat-tagger[demo]'), or use --kafka"
        )
    return found[0]


def _load_library(path: Path) -> ctypes.CDLL:
    """librdkafka with all of `SYMBOLS` declared. BrokerUnavailableError if one is missing."""
    library = ctypes.CDLL(str(path))
    for name, (result, arguments) in SYMBOLS.items():
        function = getattr(library, name, None)
        if function is None:
            raise BrokerUnavailableError(
                f"{path.name} has no {name}, which is an experimental interface. "
                "Install the version of confluent-kafka that livechat-tagger[demo] pins, or use --kafka"
            )
        function.restype, function.argtypes = result, arguments
    return library


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Threads started in this block receive no signals.

    librdkafka ensures that for its own threads, but not for the mock cluster's. While the main thread starts a
    process, the kernel delivers a signal to any thread that accepts it. One signal ends the cluster, and
    `rd_kafka_destroy` then hangs or crashes on freed memory (librdkafka 2.16, rd_kafka_new).
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class EmbeddedBroker:
    """One broker, in librdkafka's threads, from the constructor to `close`.

    `topics` is name → partitions. Data survives `down` and `up`, but not `close`.
    """

    def __init__(self, topics: Mapping[str, int]) -> None:
        self._library = _load_library(find_library())
        error = ctypes.create_string_buffer(512)
        settings = self._library.rd_kafka_conf_new()
        for name, value in ((b"test.mock.num.brokers", b"1"), (b"log_level", b"0")):
            if self._library.rd_kafka_conf_set(settings, name, value, error, len(error)):
                raise BrokerUnavailableError(error.value.decode())
        with _signals_blocked():
            self._client = self._library.rd_kafka_new(0, settings, error, len(error))  # 0: a producer
        if not self._client:
            raise BrokerUnavailableError(error.value.decode())
        self._cluster = self._library.rd_kafka_handle_mock_cluster(self._client)
        # The default would make the first member of every group wait for 3 s.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        for topic, partitions in topics.items():
            self.create_topic(topic, partitions)

    def __enter__(self) -> "EmbeddedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it; all data is lost."""
        if self._client:
            self._library.rd_kafka_destroy(self._client)
            self._client = None

    def create_topic(self, name: str, partitions: int) -> None:
        """The only way to create a topic: the mock cluster does not know CreateTopics requests."""
        self._check(self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1))

    def lead(self, topic: str, partition: int, there: bool) -> None:
        """Give a partition its leader, or take it away."""
        set_leader, leader = self._library.rd_kafka_mock_partition_set_leader, BROKER if there else -1
        self._check(set_leader(self._cluster, topic.encode(), partition, leader))

    def down(self) -> None:
        """Cut all connections, and accept none."""
        self._check(self._library.rd_kafka_mock_broker_set_down(self._cluster, BROKER))

    def up(self) -> None:
        """Accept connections again."""
        self._check(self._library.rd_kafka_mock_broker_set_up(self._cluster, BROKER))

    def inject(self, api_key: int, *errors: int) -> None:
        """Answer the next requests of this kind with these codes, one each.

        Both are numbers of https://kafka.apache.org/protocol: API key 0 Produce, 1 Fetch, 8 OffsetCommit, …
        """
        codes = (ctypes.c_int32 * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, api_key, len(errors), codes)

    def heal(self, api_key: int) -> None:
        """Remove the injected errors that are left."""
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, api_key)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records below the offset, as retention does."""
        delete = self._library.rd_kafka_mock_partition_delete_records
        self._check(delete(self._cluster, topic.encode(), partition, before_offset))

    def _check(self, code: int) -> None:
        if code:
            raise RuntimeError(f"embedded broker: {self._library.rd_kafka_err2str(code).decode()}")
