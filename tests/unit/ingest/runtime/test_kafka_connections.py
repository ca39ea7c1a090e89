"""However an aiokafka client ends, the garbage collector is left no connection of it; one that breaks ends nothing else.

The far side is a broker that stops answering. It is asked who is still connected while whatever could free a
connection is kept alive, so that the collector cannot help.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from ingest.runtime.kafka_connections import Client, end
from tests.deadline import until
from tests.kafka.kafka import AnyKafka
from tests.kafka.mute import (
    ALL,
    API_VERSIONS,
    FIND_COORDINATOR,
    METADATA,
    SASL_HANDSHAKE,
    MuteBroker,
    mute_broker,
)

LONG_MS = 3_600_000
SASL = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "somebody",
    "sasl_plain_password": "secret",
}


@pytest.fixture
async def broker() -> AsyncIterator[MuteBroker]:
    async with mute_broker() as broker:
        yield broker


def options(broker: MuteBroker) -> dict[str, Any]:
    return {"bootstrap_servers": broker.bootstrap, "request_timeout_ms": LONG_MS}


async def cancelled(task: "asyncio.Task[Any]") -> BaseException:
    """Cancel it; the error, which holds all that the task held."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


@pytest.mark.parametrize("make", [AIOKafkaAdminClient, AIOKafkaConsumer, AIOKafkaProducer])
@pytest.mark.parametrize(
    ("answered", "more", "waits_for"),
    [
        ((), {}, API_VERSIONS),
        ((API_VERSIONS,), {}, METADATA),
        ((API_VERSIONS,), SASL, SASL_HANDSHAKE),
    ],
)
async def test_a_start_that_is_cancelled_leaves_no_connection(
    broker: MuteBroker,
    make: Callable[..., Any],
    answered: tuple[int, ...],
    more: dict[str, str],
    waits_for: int,
) -> None:
    broker.answered = answered
    kafka = make(**options(broker), **more)
    starting = asyncio.create_task(kafka.start())
    await broker.is_asked(waits_for)
    held = await cancelled(starting)
    await broker.all_closed()
    assert (await end(kafka, 60), held.args, broker.came) == (None, (), 1)


async def test_a_start_that_failed_can_be_tried_again(broker: MuteBroker) -> None:
    broker.answered = (API_VERSIONS,)
    admin = AIOKafkaAdminClient(**options(broker))
    starting = asyncio.create_task(admin.start())
    await broker.is_asked(METADATA)
    await cancelled(starting)
    broker.answered = ALL
    await admin.start()
    assert await end(admin, 60) is None
    await broker.all_closed()


async def test_a_request_that_is_cancelled_while_it_connects_leaves_no_connection(broker: MuteBroker) -> None:
    client = Client(**options(broker))
    await client.bootstrap()
    broker.answered = ()
    asking = asyncio.create_task(client.send(0, MetadataRequest([])))
    await until(lambda: broker.came == 2)
    held = await cancelled(asking)
    await broker.all_closed()
    assert (await end(client, 60), held.args) == (None, ())


async def test_a_consumer_that_does_not_end_in_time_is_cut_off(broker: MuteBroker) -> None:
    consumer = AIOKafkaConsumer(**options(broker), group_id="group", enable_auto_commit=False)
    await consumer.start()
    consumer.subscribe(pattern="none")
    await broker.is_asked(FIND_COORDINATOR)
    assert isinstance(await end(consumer, 0), TimeoutError)
    await broker.all_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_is_cancelled_while_it_ends_a_client_cuts_it_off(broker: MuteBroker) -> None:
    consumer = AIOKafkaConsumer(**options(broker), group_id="group", enable_auto_commit=False)
    await consumer.start()
    consumer.subscribe(pattern="none")
    await broker.is_asked(FIND_COORDINATOR)
    ending = asyncio.create_task(end(consumer, 3600))
    await asyncio.sleep(0)
    await cancelled(ending)
    await broker.all_closed()


def test_what_is_written_to_a_connection_that_was_reset_fails_as_kafka_errors_do() -> None:
    async def main() -> None:
        async with mute_broker() as broker:
            client = Client(**options(broker))
            await client.bootstrap()
            assert await client.ready(0)
            reader = client._conns[0, ConnectionGroup.DEFAULT]._reader
            broker.reset_all()
            while reader.exception() is None:  # until the moment before aiokafka notices
                await asyncio.sleep(0)
            with pytest.raises(KafkaConnectionError):
                await client.send(0, MetadataRequest([]))
            assert (await client.send(0, MetadataRequest([]))).brokers
            assert await end(client, 60) is None

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # asyncio's own takes it and drops it
        runner.run(main())


async def test_a_request_whose_connection_another_one_removed_fails_as_kafka_errors_do(
    broker: MuteBroker,
) -> None:
    client = Client(**options(broker))
    await client.bootstrap()
    assert await client.ready(0)
    client._conns[0, ConnectionGroup.DEFAULT]._request_timeout = 0.2
    broker.answered = ()
    broker.asked.clear()
    asking = asyncio.create_task(client.send(0, MetadataRequest([])))
    await broker.is_asked(METADATA)
    del client._conns[0, ConnectionGroup.DEFAULT]
    with pytest.raises(KafkaError):
        await asking
    assert await end(client, 60) is None


async def test_a_task_for_metadata_that_failed_goes_on_and_answers_whoever_waits(broker: MuteBroker) -> None:
    client = Client(**options(broker))
    await client.bootstrap()
    assert await client.ready(0, group=ConnectionGroup.COORDINATION)
    broker.versions = (1, 0)  # no broker says so: an AssertionError
    assert not await client.force_metadata_update()
    broker.versions = (0, 0)
    assert await client.force_metadata_update()
    assert await end(client, 60) is None
    await broker.all_closed()


async def test_fetching_goes_on_after_an_error_that_aiokafka_does_not_expect(
    kafka: AnyKafka, unique: str
) -> None:
    kafka.create_topic(unique, 1)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(unique, b"said")
    consumer = AIOKafkaConsumer(unique, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    send, failed = consumer._client.send, asyncio.Event()

    async def fails_once(*what: Any, **how: Any) -> Any:
        if failed.is_set():
            return await send(*what, **how)
        failed.set()
        raise RuntimeError

    consumer._client.send = fails_once
    await failed.wait()
    assert (await consumer.getone()).value == b"said"
    assert await end(consumer, 60) is None


async def test_what_connects_while_its_client_closes_is_closed(broker: MuteBroker) -> None:
    client = Client(**options(broker))
    await client.bootstrap()
    broker.answered = ()
    connecting = asyncio.create_task(client.ready(0))
    await until(lambda: broker.came == 2)
    await client.close()
    await broker.all_closed()
    assert (await connecting, await client.ready(0), broker.came) == (False, False, 2)


async def test_what_a_frozen_broker_does_not_read_holds_up_no_end(broker: MuteBroker) -> None:
    client = Client(**options(broker))
    await client.bootstrap()
    assert await client.ready(0)
    for transport in broker.open:
        transport.pause_reading()
    asking = asyncio.create_task(client.send(0, MetadataRequest(["topic" * 1_000] * 10_000)))
    await asyncio.sleep(0)
    assert isinstance(await end(client, 0), TimeoutError)
    for transport in broker.open:
        transport.resume_reading()
    await broker.all_closed()
    await asyncio.wait([asking])
    assert asking.exception() is not None
