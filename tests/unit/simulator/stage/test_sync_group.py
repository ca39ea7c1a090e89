"""Two members of one group on the embedded broker."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator

from tagger.simulator.stage.broker import EmbeddedBroker
from tests import sync_group
from tests.deadline import DEADLINE_S


async def join(broker: EmbeddedBroker, stack: AsyncExitStack) -> AIOKafkaConsumer:
    member = AIOKafkaConsumer(
        "webhooks",
        bootstrap_servers=broker.bootstrap,
        group_id="readers",
        session_timeout_ms=1500,
        heartbeat_interval_ms=100,
    )
    await member.start()
    stack.push_async_callback(member.stop)
    return member


async def test_two_members_share_the_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GroupCoordinator, "_perform_assignment", sync_group._perform_assignment_late)
    with EmbeddedBroker({"webhooks": 6}) as broker:
        async with AsyncExitStack() as stack:
            members = [await join(broker, stack)]
            members.append(await join(broker, stack))
            async with asyncio.timeout(DEADLINE_S):
                while sorted(len(member.assignment()) for member in members) != [3, 3]:
                    await asyncio.gather(*(member.getmany(timeout_ms=50) for member in members))
