"""The brokers that other tests stand on do what is asked of them, and aiokafka works with this Kafka."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from tests.deadline import DEADLINE_S, wait_until
from tests.kafka.broker import Broker
from tests.kafka.kafka import AnyKafka, Kafka

ROOT = Path(__file__).parents[2]
RECORDS = 20


async def produce(bootstrap: str, topic: str, count: int = RECORDS, compression: str | None = None) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, compression_type=compression
    ) as producer:
        for number in range(count):
            await producer.send_and_wait(topic, b"%d" % number, key=b"%d" % number)


def member(bootstrap: str, topic: str, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=6_000,  # the least that a real broker lets in by default
        heartbeat_interval_ms=500,
    )


async def consume(consumer: AIOKafkaConsumer, count: int) -> set[bytes]:
    seen: set[bytes] = set()
    async with asyncio.timeout(DEADLINE_S):
        while len(seen) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                seen |= {record.value for record in records}
    return seen


@pytest.mark.parametrize("compression", [None, "gzip", "lz4", "snappy", "zstd"])
async def test_what_aiokafka_produces_it_reads_back(
    kafka: AnyKafka, unique: str, compression: str | None
) -> None:
    kafka.create_topic(unique, 3)
    await produce(kafka.bootstrap, unique, compression=compression)
    async with member(kafka.bootstrap, unique, f"group-{unique}") as consumer:
        assert await consume(consumer, RECORDS) == {b"%d" % number for number in range(RECORDS)}


async def test_a_commit_keeps_its_metadata(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    group, partition = f"group-{unique}", TopicPartition(unique, 0)
    await produce(kafka.bootstrap, unique)
    async with member(kafka.bootstrap, unique, group) as consumer:
        await consume(consumer, RECORDS)
        await consumer.commit({partition: OffsetAndMetadata(7, "lt1;r=3")})
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=[partition])
    finally:
        await admin.close()
    assert found[partition] == OffsetAndMetadata(7, "lt1;r=3")


async def test_partitions_are_shared_among_members_and_come_back(kafka_real: Kafka, unique: str) -> None:
    kafka_real.create_topic(unique, 4)
    first, second = (member(kafka_real.bootstrap, unique, f"group-{unique}") for _ in range(2))
    async with first:
        async with asyncio.timeout(DEADLINE_S), second:
            while (len(first.assignment()), len(second.assignment())) != (2, 2):
                await asyncio.gather(first.getmany(timeout_ms=100), second.getmany(timeout_ms=100))
        async with asyncio.timeout(DEADLINE_S):
            while len(first.assignment()) != 4:
                await first.getmany(timeout_ms=100)


async def test_deleted_records_are_gone(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await produce(kafka.bootstrap, unique)
    kafka.delete_records(unique, 0, 15)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        partition = TopicPartition(unique, 0)
        assert await consumer.beginning_offsets([partition]) == {partition: 15}


@pytest.mark.embedded_gap("librdkafka's mock cluster knows no time index")
async def test_offsets_are_found_by_time(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    await produce(kafka.bootstrap, unique)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as consumer:
        partition = TopicPartition(unique, 0)
        found = await consumer.offsets_for_times({partition: 0})
        assert found[partition] is not None
        assert found[partition].offset == 0


async def test_kafkas_own_commands_show_and_reset_a_groups_offsets(kafka_real: Kafka, unique: str) -> None:
    kafka_real.create_topic(unique, 1)
    group = f"group-{unique}"
    await produce(kafka_real.bootstrap, unique)
    reset = ("--group", group, "--topic", unique, "--reset-offsets", "--to-offset", "5", "--execute")
    kafka_real.run("kafka-consumer-groups", *reset)
    shown = kafka_real.run("kafka-consumer-groups", "--group", group, "--describe").split()
    assert shown[-9:][:6] == [
        group,
        unique,
        "0",
        "5",
        "20",
        "15",
    ]  # group, topic, partition, offset, end, lag


def test_a_command_of_kafka_that_fails_says_so(kafka_real: Kafka, unique: str) -> None:
    with pytest.raises(RuntimeError, match=f"Topic '{unique}' does not exist"):
        kafka_real.run("kafka-topics", "--describe", "--topic", unique)


async def test_a_killed_broker_comes_back_with_its_records(kafka_own: Broker, unique: str) -> None:
    bootstrap = kafka_own.bootstrap
    Kafka(bootstrap).create_topic(unique, 1)
    await produce(bootstrap, unique)
    await asyncio.to_thread(kafka_own.kill)
    await asyncio.to_thread(kafka_own.start_again)
    assert kafka_own.bootstrap == bootstrap
    async with member(bootstrap, unique, f"group-{unique}") as consumer:
        assert len(await consume(consumer, RECORDS)) == RECORDS
    await asyncio.to_thread(kafka_own.shut_down)
    await asyncio.to_thread(kafka_own.start_again)
    await produce(bootstrap, unique)


STARTS_AND_IS_KILLED = """
import os, signal
from tests.kafka.broker import start
print(start().bootstrap, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_broker_ends_with_the_process_that_started_it(kafka_real: Kafka) -> None:
    """`kafka_real` is asked for so that this test runs where a broker can be started, or else is counted."""
    command = [sys.executable, "-c", STARTS_AND_IS_KILLED]
    starter = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    host, _, port = starter.stdout.strip().partition(":")
    wait_until(lambda: not _listens(host, int(port)))


def _listens(host: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((host, port)) == 0
