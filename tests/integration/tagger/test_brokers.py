"""A broker that is frozen costs the consumer seconds, and only joining a group may take longer."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.client import ConnectionGroup
from aiokafka.errors import NodeNotReadyError, RequestTimedOutError, UnknownMemberIdError
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest

from tagger.kafka import brokers
from tagger.simulator.stage.service import environment_for
from tests.deadline import until
from tests.freeze import freeze
from tests.kafka.kafka import Kafka

LOADING = {14, 15, 16}  # Kafka: the coordinator loads, is not available, is elsewhere
WAIT_S = 60.0  # far above the deadlines here, far below aiokafka's 70 s


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "ANSWER_S", 1.0)
    monkeypatch.setattr(brokers, "CONNECT_S", 1.0)


@pytest.fixture
async def broker() -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "tests.embedded_broker", "t:1")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment_for({}))
    yield process
    process.kill()
    await process.communicate()


@pytest.fixture
async def consumer(broker: asyncio.subprocess.Process) -> AsyncIterator[Any]:
    assert broker.stdout is not None
    bootstrap = (await broker.stdout.readline()).decode().strip()
    consumer = brokers.consumer_of({"bootstrap_servers": bootstrap}, group_id=None)
    await consumer.start()
    yield consumer
    broker.send_signal(signal.SIGCONT)
    await consumer.stop()


async def test_answers_and_connections_of_a_frozen_broker_have_a_deadline(
    consumer: Any, broker: asyncio.subprocess.Process
) -> None:
    client = consumer._client
    (node,) = [known.nodeId for known in client.cluster.brokers()]
    for group in ConnectionGroup:
        assert await client.ready(node, group=group)
    freeze(broker.pid)
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(RequestTimedOutError):
            await client.send(node, MetadataRequest([]))
        with pytest.raises(RequestTimedOutError):
            await client.send(node, HeartbeatRequest("g", 1, "m"), group=ConnectionGroup.COORDINATION)
        for group in ConnectionGroup:  # both connections were closed, and no new one can be had
            with pytest.raises((NodeNotReadyError, RequestTimedOutError)):
                await client.send(node, MetadataRequest([]), group=group)


async def test_joining_a_group_may_take_as_long_as_a_rebalance(consumer: Any) -> None:
    client = consumer._client
    (node,) = [known.nodeId for known in client.cluster.brokers()]
    connection = await client._get_conn(node, group=ConnectionGroup.COORDINATION)
    assert connection._request_timeout == brokers.JOIN_S
    connection = await client._get_conn(node)
    assert connection._request_timeout == brokers.ANSWER_S


async def test_a_member_whose_name_another_took_while_it_joined_is_told_to_join_anew(
    kafka_real: Kafka, unique: str
) -> None:
    consumer = brokers.consumer_of({"bootstrap_servers": kafka_real.bootstrap}, group_id=None)
    await consumer.start()
    client, coordination = consumer._client, ConnectionGroup.COORDINATION
    (node,) = [known.nodeId for known in client.cluster.brokers()]

    async def joined(member: str) -> Any:
        """The answer, asked for again while the coordinator loads."""
        request = JoinGroupRequest(unique, 6_000, 6_000, member, "one", "consumer", [("range", b"")])
        answers: list[Any] = []

        async def comes() -> bool:
            await client.send(
                node, FindCoordinatorRequest(unique, 0)
            )  # makes a new Kafka create the coordinator
            answers.append(await client.send(node, request, group=coordination))
            return answers[-1].error_code not in LOADING

        await until(comes)
        return answers[-1]

    try:
        first = await joined(JoinGroupRequest.UNKNOWN_MEMBER_ID)
        second = await joined(JoinGroupRequest.UNKNOWN_MEMBER_ID)
        assert (first.error_code, second.error_code) == (0, 0)
        sync = SyncGroupRequest(unique, first.generation_id, first.member_id, "one", [])
        answer = await client.send(node, sync, group=coordination)
        assert answer.error_code == UnknownMemberIdError.errno
        assert (await joined(first.member_id)).error_code == UnknownMemberIdError.errno
    finally:
        await consumer.stop()
