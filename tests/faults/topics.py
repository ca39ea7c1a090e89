"""What is on the topics, read by librdkafka, which is not the services' own client."""

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.deadline import DEADLINE_S

ASK_S: Final = 60.0  # an answer takes 20 ms; a broker that stands still never gives one, and another is asked
AGAIN_S: Final = 0.2
SHORTER_S: Final = 5.0  # a log that ends before what was read is believed to be another one after so long
POLL_S: Final = 0.1
POLL_RECORDS_MAX: Final = 2_000

Place = tuple[str, int]  # topic, partition
T = TypeVar("T")


class Topics:
    """Reads some topics from their start, on and on. Blocking, and not thread-safe.

    Promises every record that was there at one of its looks. A topic may get more partitions, and may be deleted and
    recreated.
    """

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        client: dict[str, str | int | float | bool] = {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "socket.timeout.ms": int(ASK_S * 1000),
            "topic.metadata.refresh.interval.ms": 1000,
        }
        options: dict[str, str | int | float | bool] = {
            "group.id": "truth",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        self._topics = topics
        self._reader = Consumer(client | options)
        self._admin = AdminClient(client)
        self._next: dict[Place, int] = {}

    def close(self) -> None:
        self._reader.close()

    def read_on(self) -> tuple[list[Message], dict[Place, int]]:
        """All records from where it stands to the present ends, and these ends.

        Raises: TimeoutError where Kafka is away for DEADLINE_S.
        """
        ends = self._find_ends()
        found: list[Message] = []
        deadline = time.monotonic() + DEADLINE_S
        while any(self._next[place] < end for place, end in ends.items()):
            for message in self._reader.consume(POLL_RECORDS_MAX, POLL_S):
                if message.error() is None and (place := place_of(message)) in ends:
                    found.append(message)
                    self._next[place] = offset_of(message) + 1
            if time.monotonic() > deadline:
                behind = {place: end for place, end in ends.items() if self._next[place] < end}
                raise TimeoutError(f"could not be read: {behind}")
        return found, ends

    def _find_ends(self) -> dict[Place, int]:
        """And go to where each partition is to be read on: it may be new, recreated, or have lost its beginning.

        A broker that was killed gives too low an end for a moment after its start, before it knows its replicas.
        """
        shorter_until = time.monotonic() + SHORTER_S
        while True:
            starts, ends = _asked(self._ask_ends)
            if all(self._next.get(place, 0) <= end for place, end in ends.items()):
                break
            if time.monotonic() > shorter_until:
                break
            time.sleep(AGAIN_S)
        wanted = {}
        for place, end in ends.items():
            stands = self._next.get(place, 0)
            wanted[place] = starts[place] if stands > end else max(stands, starts[place])
        if wanted != self._next:
            self._next = wanted
            self._reader.assign([TopicPartition(*place, offset) for place, offset in wanted.items()])
        return ends

    def _ask_ends(self) -> tuple[dict[Place, int], dict[Place, int]]:
        """Where each partition begins and ends now."""
        places = self._places(self._topics)
        earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
        return self._offsets(places, earliest), self._offsets(places, latest)

    def _places(self, topics: Sequence[str]) -> list[Place]:
        found = self._admin.list_topics(timeout=ASK_S).topics
        return [(topic, number) for topic in topics if topic in found for number in found[topic].partitions]

    def _offsets(self, places: Sequence[Place], spec: OffsetSpec) -> dict[Place, int]:
        asked = self._admin.list_offsets(
            {TopicPartition(*place): spec for place in places}, request_timeout=ASK_S
        )
        return {(tp.topic, tp.partition): answer.result(ASK_S).offset for tp, answer in asked.items()}


def place_of(message: Message) -> Place:
    """Where a record is."""
    topic, partition = message.topic(), message.partition()
    assert topic is not None and partition is not None, "only a message with an error has none"  # noqa: PT018
    return topic, partition


def offset_of(message: Message) -> int:
    """Which one it is there."""
    offset = message.offset()
    assert offset is not None, "only a message with an error has none"
    return offset


def _asked(ask: Callable[[], T]) -> T:
    """Its answer, once Kafka gives one."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            return ask()
        except (KafkaException, UnicodeDecodeError) as error:  # it takes more than the metadata for text
            if time.monotonic() > deadline:
                raise TimeoutError(str(error)) from error
            time.sleep(AGAIN_S)
