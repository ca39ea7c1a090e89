"""Three brokers of one Kafka on the loopback, each broker and controller in one process.

Every topic has three replicas and wants two of them in sync: with one broker away it goes on, with two away it
stores nothing. Takes some 10 s to start on two idle cores, and 700 MB.
"""

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from tests.kafka.broker import Broker, new_cluster_id
from tests.kafka.kafka import Kafka

BROKERS: Final = 3
# Said after what a single broker says; a property that is named twice is the last one.
PROPERTIES: Final = """
node.id={node}
controller.quorum.bootstrap.servers=
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
# Three that share a busy machine answer late, and elect for ever where nobody waits for them; the defaults are 1 s and 2 s.
controller.quorum.election.timeout.ms=5000
controller.quorum.fetch.timeout.ms=5000
controller.quorum.request.timeout.ms=5000
"""


class Member(Broker):
    """One of the three. It starts when all are told of each other."""

    def __init__(self) -> None:
        super().__init__()
        self._cluster_id = ""

    def join(self, node: int, voters: str, cluster_id: str) -> None:
        self._cluster_id = cluster_id
        self.configure(PROPERTIES.format(node=node, voters=voters))

    def _format(self, *how: str) -> None:
        super()._format(*(how or ("-t", self._cluster_id)))


class Cluster:
    """`brokers` can be killed, frozen and started again one by one; node ids are 1, 2, 3 in their order."""

    def __init__(self) -> None:
        members = [Member() for _ in range(BROKERS)]
        self.brokers: list[Broker] = [*members]
        voters = ",".join(f"{n}@127.0.0.1:{b.controller_port}" for n, b in enumerate(members, 1))
        cluster_id = new_cluster_id()
        for node, broker in enumerate(members, 1):
            broker.join(node, voters, cluster_id)

    @property
    def bootstrap(self) -> str:
        """The addresses of all three."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self, brokers: Iterable[Broker] = ()) -> None:
        """Start some or all; returns when each serves. A controller alone waits for a second one."""
        with ThreadPoolExecutor(BROKERS) as threads:
            list(threads.map(lambda broker: broker.start_again(), list(brokers) or self.brokers))

    def create_topic(self, name: str, partitions: int) -> None:
        Kafka(self.bootstrap).create_topic(name, partitions, replicas=BROKERS)

    def leaders(self, topic: str) -> dict[int, Broker]:
        """By partition, the broker that leads it; without partitions that have no leader."""
        found = Kafka(self.bootstrap).leaders(topic)
        return {partition: self.brokers[node - 1] for partition, node in found.items() if node > 0}

    def led_without(self, broker: Broker, topics: Collection[str]) -> bool:
        """Whether others lead each partition of these topics."""
        node = self.brokers.index(broker) + 1
        return not Kafka(self.bootstrap).leading(topics) & {node, -1}

    def stop(self) -> None:
        for broker in self.brokers:
            broker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start() -> Cluster:
    """Start a cluster; returns when it serves.

    Raises: KafkaMissingError where Java or Maven is missing; RuntimeError where Kafka does not start.
    """
    cluster = Cluster()
    try:
        cluster.start()
    except BaseException:
        cluster.stop()
        raise
    return cluster
