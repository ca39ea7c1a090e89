"""A running Apache Kafka as the tests use it, whoever started it: topics, and Kafka's own commands.

Promises that a topic can be used when `create_topic` returns. Never starts or stops a broker.
"""

import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    ElectionType,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.deadline import DEADLINE_S
from tests.kafka.jars import TOOLS, jars, java

ADMIN_S_MAX: Final = DEADLINE_S  # an answer takes 20 ms
TOOL_S_MAX: Final = DEADLINE_S  # a command takes 1 to 2 s
# Small and quick to start; a command's own warnings are not what a test wants to read.
JVM: Final = (
    "-Xmx128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
)
COMMANDS: Final = {
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
}


class AnyKafka(Protocol):
    """What a test can ask of either broker. `bootstrap` is "host:port"."""

    @property
    def bootstrap(self) -> str: ...
    def create_topic(self, name: str, partitions: int) -> None: ...

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None: ...


def command_of(tool: str) -> list[str]:
    """How one of Kafka's own commands (a name of COMMANDS) is called here.

    Raises: KafkaMissingError where Java or Maven is missing.
    """
    return [java(), *JVM, "-cp", f"{jars(TOOLS)}/*", COMMANDS[tool]]


@dataclass(frozen=True)
class Kafka:
    """A broker by its address, "host:port"."""

    bootstrap: str

    def create_topic(
        self, name: str, partitions: int, replicas: int = 1, config: Mapping[str, str] | None = None
    ) -> None:
        """Create a topic; returns when it can be used.

        Raises: confluent_kafka.KafkaException where it exists, TimeoutError.
        """
        admin, topic = self._admin(), NewTopic(name, partitions, replicas, config=dict(config or {}))
        deadline = time.monotonic() + ADMIN_S_MAX
        while True:
            try:
                admin.create_topics([topic])[name].result(ADMIN_S_MAX)
                break
            except (
                KafkaException
            ) as error:  # a broker without CPU for seconds is taken for dead, and for alive again
                if (
                    error.args[0].code() != KafkaError.INVALID_REPLICATION_FACTOR
                    or time.monotonic() > deadline
                ):
                    raise
                time.sleep(0.2)
        while len(admin.list_topics(name, ADMIN_S_MAX).topics[name].partitions) < partitions:
            if time.monotonic() > deadline:
                raise TimeoutError(f"topic {name} was created and is not there after {ADMIN_S_MAX} s")
            time.sleep(0.01)

    def configure_topic(self, name: str, setting: str, value: str) -> None:
        """Change one setting of a topic."""
        entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
        admin, topic = self._admin(), ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
        admin.incremental_alter_configs([topic])[topic].result(ADMIN_S_MAX)

    def add_partitions(self, name: str, partitions: int) -> None:
        """Raise a topic's partitions to this number."""
        admin = self._admin()
        admin.create_partitions([NewPartitions(name, partitions)])[name].result(ADMIN_S_MAX)

    def leaders(self, name: str) -> dict[int, int]:
        """By partition, the node that leads it; -1 where none does."""
        found = self._admin().list_topics(name, ADMIN_S_MAX).topics[name].partitions
        return {number: partition.leader for number, partition in found.items()}

    def in_sync(self, names: Collection[str]) -> int:
        """How many replicas the worst partition of these topics has that keep up."""
        found = self._admin().list_topics(timeout=ADMIN_S_MAX).topics
        return min(len(partition.isrs) for name in names for partition in found[name].partitions.values())

    def leading(self, names: Collection[str]) -> set[int]:
        """The nodes that lead any partition of these topics; -1 is one of them where nobody leads."""
        found = self._admin().list_topics(timeout=ADMIN_S_MAX).topics
        return {partition.leader for name in names for partition in found[name].partitions.values()}

    def starts(self, name: str) -> dict[int, int]:
        """By partition, the offset of the oldest record that is left."""
        return self._offsets(name, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def ends(self, name: str) -> dict[int, int]:
        """By partition, the offset of the next record."""
        return self._offsets(name, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def move_offsets(self, group: str, name: str, spec: OffsetSpec) -> None:
        """Move a group's offsets, as `kafka-consumer-groups --reset-offsets` does, in less time.

        Raises: confluent_kafka.KafkaException where the group has members.
        """
        ends = self.ends(name)  # where a partition has nothing that is as late
        found = {number: to if to >= 0 else ends[number] for number, to in self._offsets(name, spec).items()}
        places = [TopicPartition(name, number, to) for number, to in found.items()]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        admin = self._admin()
        moved = admin.alter_consumer_group_offsets(asked, request_timeout=ADMIN_S_MAX)
        for place in moved[group].result(ADMIN_S_MAX).topic_partitions:
            if place.error is not None:
                raise KafkaException(place.error)

    def delete_group(self, group: str) -> None:
        """Raises: confluent_kafka.KafkaException where it has members."""
        admin = self._admin()
        admin.delete_consumer_groups([group], request_timeout=ADMIN_S_MAX)[group].result(ADMIN_S_MAX)

    def elect_preferred(self, name: str) -> None:
        """Let each partition be led by the first of its replicas; those that already are stay as they are."""
        admin = self._admin()
        places = [TopicPartition(name, number) for number in self.leaders(name)]
        admin.elect_leaders(ElectionType.PREFERRED, places).result(ADMIN_S_MAX)

    def delete_topic(self, name: str) -> None:
        admin = self._admin()  # it has to outlive the call, or there is no answer
        admin.delete_topics([name])[name].result(ADMIN_S_MAX)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Remove what is below the offset, as retention does."""
        admin, before = self._admin(), TopicPartition(topic, partition, before_offset)
        admin.delete_records([before])[before].result(ADMIN_S_MAX)

    def run(self, tool: str, *arguments: str) -> str:
        """Run one of Kafka's own commands (a name of COMMANDS); returns what it printed.

        Raises: RuntimeError with the output where it fails; KafkaMissingError where Java or Maven is missing.
        """
        # This one alone gives up by itself, after 5 s, which pass before Java has started on a busy machine.
        patience = ("--timeout", str(int(TOOL_S_MAX * 1000))) if tool == "kafka-consumer-groups" else ()
        command = [*command_of(tool), "--bootstrap-server", self.bootstrap, *arguments, *patience]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S_MAX, check=False)
        # Some failures come with exit code 0 and nothing but a line that begins so.
        if done.returncode or done.stdout.lstrip().startswith("Error"):
            raise RuntimeError(f"{tool} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _offsets(self, name: str, spec: OffsetSpec) -> dict[int, int]:
        admin, places = self._admin(), [TopicPartition(name, number) for number in self.leaders(name)]
        found = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ADMIN_S_MAX)
        return {place.partition: answer.result(ADMIN_S_MAX).offset for place, answer in found.items()}

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
