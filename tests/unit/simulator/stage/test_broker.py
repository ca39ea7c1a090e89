"""The embedded broker, asked through aiokafka: what the demo and the tests rely on is really there."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from tagger.simulator.stage import broker as module
from tagger.simulator.stage.broker import BrokerUnavailableError, EmbeddedBroker
from tests.deadline import DEADLINE_S

PRODUCE = 0  # API key, https://kafka.apache.org/protocol
NOT_ENOUGH_REPLICAS, MESSAGE_TOO_LARGE = 19, 10

# The main thread takes no signal, as while it starts a process, so the kernel hands it to any other that does.
SIGNALLED = """
import os, signal
from tagger.simulator.stage.broker import EmbeddedBroker
signal.signal(signal.SIGTERM, lambda *_: print("signalled"))
with EmbeddedBroker({"webhooks": 1}) as broker:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for number in range(20):
        os.kill(os.getpid(), signal.SIGTERM)
        broker.create_topic(f"topic-{number}", 1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
print("closed")
"""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"webhooks": 3}) as broker:
        yield broker


@asynccontextmanager
async def producer(broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=2000
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consumer(broker: EmbeddedBroker, **options: object) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **options,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_topics_have_the_partitions_they_were_given(broker: EmbeddedBroker) -> None:
    broker.create_topic("decisions", 2)
    async with producer(broker) as client:
        assert await client.partitions_for("webhooks") == {0, 1, 2}
        assert await client.partitions_for("decisions") == {0, 1}


async def test_a_commit_with_metadata_outlives_its_group_member(broker: EmbeddedBroker) -> None:
    partition, committed = TopicPartition("webhooks", 0), OffsetAndMetadata(1, "x" * 200)
    assigned = asyncio.Event()

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
        async def on_partitions_revoked(self, revoked: object) -> None: ...

        async def on_partitions_assigned(self, _: object) -> None:
            assigned.set()

    async with consumer(broker, group_id="readers") as client:
        client.subscribe(["webhooks"], listener=Listener())
        await asyncio.wait_for(assigned.wait(), DEADLINE_S)
        await client.commit({partition: committed})
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    offsets = await admin.list_consumer_group_offsets("readers", partitions=[partition])
    await admin.close()
    assert offsets[partition] == committed


async def test_down_refuses_connections_and_up_still_has_the_data(broker: EmbeddedBroker) -> None:
    async with producer(broker) as client:
        await client.send_and_wait("webhooks", b"before", partition=0)
        broker.down()
        lost = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, request_timeout_ms=1000)
        with pytest.raises(KafkaError):
            await lost.start()
        await lost.stop()
        broker.up()
        after = await asyncio.wait_for(client.send_and_wait("webhooks", b"after", partition=0), DEADLINE_S)
        assert after.offset == 1


async def test_injected_errors_reach_the_client_once_each(broker: EmbeddedBroker) -> None:
    async with producer(broker) as client:
        broker.inject(PRODUCE, NOT_ENOUGH_REPLICAS, MESSAGE_TOO_LARGE)  # the first is retried by the client
        with pytest.raises(KafkaError):
            await client.send_and_wait("webhooks", b"refused", partition=0)
        broker.inject(PRODUCE, MESSAGE_TOO_LARGE)
        broker.heal(PRODUCE)
    async with producer(broker) as client:
        await client.send_and_wait("webhooks", b"stored", partition=0)


async def test_deleted_records_move_the_beginning_of_the_log(broker: EmbeddedBroker) -> None:
    partition = TopicPartition("webhooks", 1)
    async with producer(broker) as client:
        for number in range(4):
            await client.send_and_wait("webhooks", b"%d" % number, partition=1)
    broker.delete_records("webhooks", 1, 3)
    async with consumer(broker) as client:
        assert (await client.beginning_offsets([partition]))[partition] == 3
        assert (await client.end_offsets([partition]))[partition] == 4


def test_a_call_that_the_broker_refuses_raises(broker: EmbeddedBroker) -> None:
    with pytest.raises(RuntimeError):
        broker.create_topic("webhooks", 3)  # it exists


def test_a_library_without_the_mock_cluster_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.SYMBOLS, "rd_kafka_mock_no_such_call", (None, []))
    with pytest.raises(BrokerUnavailableError, match=r"rd_kafka_mock_no_such_call.*experimental"):
        EmbeddedBroker({})


def test_a_wheel_without_a_library_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "confluent_kafka").mkdir()
    (tmp_path / "confluent_kafka" / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.delitem(sys.modules, "confluent_kafka", raising=False)
    with pytest.raises(BrokerUnavailableError, match="--only-binary"):
        module.find_library()


def test_as_a_process_it_prints_its_address_and_ends_with_its_stdin() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.embedded_broker", "webhooks:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline().startswith("127.0.0.1:")
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


def test_a_signal_to_the_process_does_not_reach_the_broker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, "signalled\nclosed\n"), done.stderr
