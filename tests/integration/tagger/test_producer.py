"""The tagger's producer: one client at a time, whatever Kafka answers, and nothing that Kafka refuses blocks it."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, TypeVar, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.runtime.partitioner import partition_of
from tagger.kafka import producer as producers
from tagger.kafka.producer import NotTaken, Producer
from tagger.metrics import Metrics
from tagger.simulator.stage.broker import EmbeddedBroker

METRICS: Final = Metrics()
PRODUCE: Final = 0  # https://kafka.apache.org/protocol: API keys
MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, INVALID_TIMESTAMP, OUT_OF_ORDER_SEQUENCE = 10, 19, 32, 45
TOPIC_AUTHORIZATION_FAILED: Final = 29
WAIT_S: Final = 60.0
KEYS: Final = [b"%d" % number for number in range(20)]

Make = Callable[..., Producer]
T = TypeVar("T")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"d": 1}) as broker:
        yield broker


@pytest.fixture
async def make(broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    """Producers with short waits, stopped at the end; then no client of theirs is left."""
    made: list[Producer] = []

    def one(patience_s: float = math.inf) -> Producer:
        made.append(Producer({"bootstrap_servers": broker.bootstrap}, METRICS, patience_s))
        return made[-1]

    monkeypatch.setattr(producers, "RETRY_S", 0.05)
    monkeypatch.setattr(producers, "RETRY_S_MAX", 0.1)
    yield one
    for producer in made:
        await producer.stop()
    assert clients() == 0


def clients() -> int:
    """aiokafka clients that live in this process: each has one task that keeps its metadata fresh."""
    return sum("_md_synchronizer" in str(task.get_coro()) for task in asyncio.all_tasks())


def replaced() -> float:
    return sum(sample.value for metric in METRICS.producers_replaced.collect() for sample in metric.samples)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not done():
            await asyncio.sleep(0.01)


async def in_time(what: Awaitable[T]) -> T:
    async with asyncio.timeout(WAIT_S):
        return await what


async def stored(broker: EmbeddedBroker) -> list[bytes]:
    """The keys on the topic, in order."""
    place = TopicPartition("d", 0)
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end, keys = (await consumer.end_offsets([place]))[place], []
        while await consumer.position(place) < end:
            keys += [record.key for record in (await consumer.getmany(place, timeout_ms=200)).get(place, [])]
        return keys


async def test_while_replicas_lack_the_same_producer_tries_on_and_nothing_is_written_twice(
    broker: EmbeddedBroker, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer, before = make(), replaced()
    await in_time(producer.send("d", b"first", {}))
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 20)
    keys = [b"%d" % n for n in range(20)]
    await in_time(asyncio.gather(*(producer.send("d", key, {}) for key in keys)))
    assert (clients(), replaced() - before) == (1, 0)
    assert sorted(await stored(broker)) == sorted([b"first", *keys])


async def test_however_often_a_producer_is_given_up_there_are_never_more_than_two(
    broker: EmbeddedBroker, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producers, "PATIENCE_S", 0.1)
    monkeypatch.setattr(producers, "PATIENCE_S_MAX", 0.1)
    monkeypatch.setattr(producers, "STOP_DEADLINE_S", 0.1)
    producer, before, most = make(), replaced(), 0
    await in_time(producer.send("d", b"first", {}))
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 10_000)
    sending = [asyncio.create_task(producer.send("d", b"%d" % n, {})) for n in range(20)]
    async with asyncio.timeout(WAIT_S):
        while replaced() - before < 5:
            await asyncio.sleep(0.01)
            most = max(most, clients())
    broker.heal(PRODUCE)
    assert await in_time(asyncio.gather(*sending)) == [None] * 20
    assert most <= 2


async def test_what_kafka_will_never_take_is_told_to_the_sender_and_costs_nobody_the_producer(
    broker: EmbeddedBroker, make: Make
) -> None:
    producer, before = make(), replaced()
    for number, (code, told) in enumerate(
        [(MESSAGE_TOO_LARGE, "MessageSizeTooLargeError"), (INVALID_TIMESTAMP, "InvalidTimestampError")]
    ):
        broker.inject(PRODUCE, code, code)  # with others, and by itself
        assert await in_time(producer.send("d", b"bad", {})) == NotTaken(told)
        assert await in_time(producer.send("d", b"good-%d" % number, {})) is None
    assert (clients(), replaced() - before) == (1, 0)
    assert await stored(broker) == [b"good-0", b"good-1"]


async def test_a_decision_too_large_for_any_topic_is_refused_without_asking_kafka(make: Make) -> None:
    producer = make()
    assert await in_time(producer.send("d", b"k", {"a": "x" * (1 << 20)})) == NotTaken(
        "MessageSizeTooLargeError"
    )
    assert clients() == 0


async def test_records_that_shared_a_batch_with_one_that_is_refused_are_stored(
    broker: EmbeddedBroker, make: Make
) -> None:
    producer = make()
    await in_time(producer.send("d", b"first", {}))
    broker.inject(PRODUCE, MESSAGE_TOO_LARGE)
    keys = [b"%d" % n for n in range(20)]
    assert await in_time(asyncio.gather(*(producer.send("d", key, {}) for key in keys))) == [None] * 20
    assert sorted(await stored(broker)) == sorted([b"first", *keys])


async def test_records_that_do_not_fit_into_one_batch_are_sent_alone(
    broker: EmbeddedBroker, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producers, "RECORD_BYTES_MAX", 200)
    producer = make()
    await in_time(producer.send("d", b"first", {}))
    assert await in_time(asyncio.gather(*(producer.send("d", key, {}) for key in KEYS))) == [None] * 20
    assert sorted(await stored(broker)) == sorted([b"first", *KEYS])


async def test_a_partition_without_a_leader_holds_up_no_other(broker: EmbeddedBroker, make: Make) -> None:
    broker.create_topic("two", 2)
    producer = make()
    stuck, free = (next(key for key in KEYS if partition_of(key, 2) == number) for number in (0, 1))
    await in_time(asyncio.gather(producer.send("two", stuck, {}), producer.send("two", free, {})))
    broker.lead("two", 0, there=False)
    waiting = asyncio.create_task(producer.send("two", stuck, {}))
    for _ in range(5):
        assert await in_time(producer.send("two", free, {})) is None
    assert not waiting.done()
    broker.lead("two", 0, there=True)
    assert await in_time(waiting) is None


async def test_a_fault_in_a_batch_reaches_everybody_who_waits_for_it(make: Make) -> None:
    producer = make()
    await in_time(producer.send("d", b"first", {}))
    producer._ack_s = cast(float, "soon")
    sending = (producer.send("d", key, {}) for key in KEYS)
    told = await in_time(asyncio.gather(*sending, return_exceptions=True))
    assert {type(error) for error in told} == {TypeError}
    producer._ack_s = producers.PATIENCE_S
    assert await in_time(producer.send("d", b"good", {})) is None


async def test_whoever_still_waits_when_it_stops_is_cancelled(broker: EmbeddedBroker, make: Make) -> None:
    producer = make()
    await in_time(producer.send("d", b"first", {}))
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 10_000)
    sending = [asyncio.create_task(producer.send("d", key, {})) for key in KEYS]
    await asyncio.sleep(0)  # each comes to its first wait
    await in_time(producer.stop())
    told = await in_time(asyncio.gather(*sending, return_exceptions=True))
    assert {type(error) for error in told} == {asyncio.CancelledError}


async def test_nothing_is_connected_for_whoever_sends_after_it_stopped(
    broker: EmbeddedBroker, make: Make
) -> None:
    producer = make()
    broker.down()
    waiting = asyncio.create_task(producer.send("d", b"k", {}))
    await until(lambda: not producer._making.locked() and bool(producer._waiting))  # between two tries
    broker.up()
    await in_time(producer.stop())
    told = await in_time(asyncio.gather(waiting, producer.send("d", b"late", {}), return_exceptions=True))
    assert {type(error) for error in told} == {asyncio.CancelledError}
    assert (clients(), await stored(broker)) == (0, [])


async def test_a_right_that_lacks_is_waited_for(broker: EmbeddedBroker, make: Make) -> None:
    producer, before = make(), replaced()
    broker.inject(PRODUCE, *[TOPIC_AUTHORIZATION_FAILED] * 5)
    assert await in_time(producer.send("d", b"k", {})) is None
    assert replaced() == before


async def test_a_producer_out_of_sequence_is_replaced(broker: EmbeddedBroker, make: Make) -> None:
    producer, before = make(), replaced()
    await in_time(producer.send("d", b"first", {}))
    broker.inject(PRODUCE, OUT_OF_ORDER_SEQUENCE)
    assert await in_time(producer.send("d", b"second", {})) is None
    assert replaced() - before == 1
    await until(lambda: clients() == 1)


async def test_while_kafka_is_away_senders_wait_and_a_command_gives_up(
    broker: EmbeddedBroker, make: Make
) -> None:
    producer, command = make(), make(patience_s=0.5)
    broker.down()
    sending = asyncio.create_task(producer.send("d", b"k", {}))
    with pytest.raises((OSError, TimeoutError, RuntimeError)):  # KafkaError is a RuntimeError
        await in_time(command.send("d", b"never", {}))
    assert not sending.done()
    broker.up()
    assert await in_time(sending) is None


async def test_health_says_how_long_a_record_waits(broker: EmbeddedBroker, make: Make) -> None:
    producer = make()
    loop_s = asyncio.get_running_loop().time  # the monotonic clock, as `notes` is asked with
    assert producer.notes(loop_s()) == []
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 10_000)
    sending = asyncio.create_task(producer.send("d", b"k", {}))
    await until(lambda: clients() == 1)
    assert producer.notes(loop_s()) == []
    assert "in-sync replicas" in producer.notes(loop_s() + producers.SLOW_S + 1)[0]
    broker.heal(PRODUCE)
    await in_time(sending)
    assert producer.notes(loop_s() + 100) == []
