"""How fast a restart reads its open threads again, beside a bare aiokafka loop that only parses.

    python -m tests.bench.replay [--records 300000] [--rounds 3]

Starts a real Apache Kafka, fills one partition with open chats, then in turn: (a) aiokafka `getmany` +
`orjson.loads` and nothing else, (b) our consumer from its start until the partition is live, everything
assembled. Prints and writes records a second and CPU microseconds a record, and the ratio of (b) to (a).
"""

import asyncio
import csv
import statistics
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from ingest.runtime.kafka import KafkaSettings
from ingest.topic import encode
from tagger.core.limits import Limits
from tagger.core.partition.offsets import Hint
from tagger.core.partition.offsets import encode as encode_hint
from tagger.core.partition.protocol import Job
from tagger.kafka.assigned import Assigned
from tagger.kafka.consumer import Consumer
from tagger.metrics import Metrics
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.options import given

RESULTS = Path(__file__).parent.parent / "results" / "replay.csv"
EVENTS_A_CHAT = 20
CHATS_AT_ONCE = 1_500
TEXT = "Hi there, I was charged twice for my order last week and the refund has not come. Can you check it?"


def webhook(chat: int, number: int) -> dict[str, object]:
    """The first of a chat is its `incoming_chat`, the others are events of about 900 bytes."""
    thread, customer = f"T{chat:09d}", f"b7eff798-f8df-4364-8059-{chat:012d}"
    event = {
        "id": f"{thread}_{number}",
        "custom_id": "31-0C-1C-07-DB-16",
        "created_at": "2026-11-23T12:07:56.123456Z",
        "visibility": "all",
        "type": "message",
        "text": TEXT,
        "author_id": customer if number % 2 else "agent@example.com",
        "properties": {"0805e283233042b37f460ed8fbf22160": {"string_property": "string value"}},
    }
    envelope = {
        "webhook_id": "aa9f0c3e-9a1a-4b1c-8c55-0f1fd4e6a0b2",
        "organization_id": "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex",
        "additional_data": {
            "chat_properties": {"routing": {"continuous": False, "pinned": True}},
            "chat_presence_user_ids": [customer, "agent@example.com"],
        },
    }
    if number:
        payload: dict[str, object] = {"chat_id": f"C{chat:09d}", "thread_id": thread, "event": event}
        return {**envelope, "action": "incoming_event", "payload": payload}
    users = [{"id": customer, "type": "customer"}, {"id": "agent@example.com", "type": "agent"}]
    opened = {"id": thread, "active": True, "created_at": "2026-11-23T12:00:00Z", "events": [event]}
    payload = {"chat": {"id": f"C{chat:09d}", "users": users, "thread": opened}}
    return {**envelope, "action": "incoming_chat", "payload": payload}


async def fill(bootstrap: str, topic: str, records: int) -> int:
    """Open chats, their events mixed as in life; the first record's time."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=1 << 18, linger_ms=50)
    await producer.start()
    first, together = None, CHATS_AT_ONCE
    for number in range(records):
        block, within = divmod(number, EVENTS_A_CHAT * together)
        event, chat = divmod(within, together)
        chat += block * together
        record = encode(webhook(chat, event), "org", f"C{chat:09d}", 0)
        sent = await producer.send(topic, record.value, key=record.key)
        first = first or sent
    await producer.flush()
    assert first is not None
    began = (await first).timestamp
    await producer.stop()
    return int(began)


async def bare(bootstrap: str, topic: str, records: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of reading and parsing, and nothing else."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=2 << 20)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek(TopicPartition(topic, 0), 0)
    wall, cpu, seen = time.perf_counter(), time.process_time(), 0
    while seen < records:
        for batch in (await consumer.getmany(timeout_ms=200, max_records=2_000)).values():
            for record in batch:
                orjson.loads(record.value)
            seen += len(batch)
    took = time.perf_counter() - wall, time.process_time() - cpu
    await consumer.stop()
    return took


async def ours(bootstrap: str, topic: str, records: int, hint: str) -> tuple[float, float]:
    """(wall seconds, CPU seconds) from the first record to a live partition."""
    group = f"replay-{time.time_ns()}"
    other = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await other.start()
    from aiokafka.structs import OffsetAndMetadata

    await other.commit({TopicPartition(topic, 0): OffsetAndMetadata(records, hint)})
    await other.stop()

    async def settle(assigned: Assigned, job: Job) -> None:
        raise AssertionError("a replay has no effects")

    kafka: Any = {"kafka_bootstrap_servers": bootstrap, "kafka_webhooks_topic": topic}
    consumer = Consumer(
        KafkaSettings(**kafka),
        group,
        limits=Limits(replay_records_max=10 * records),
        open_bytes_max=4 << 30,
        settle=settle,
        metrics=Metrics(),
    )
    stopping = asyncio.Event()
    await consumer.start()
    running = asyncio.create_task(consumer.run(stopping))
    while not (consumer.assigned and consumer.assigned[0].ready):
        await asyncio.sleep(0.001)
    wall, cpu = time.perf_counter(), time.process_time()
    while consumer.assigned[0].state.stats().phase != "live":
        await asyncio.sleep(0.01)
    took = time.perf_counter() - wall, time.process_time() - cpu
    stats = consumer.assigned[0].state.stats()
    assert stats.threads >= records // EVENTS_A_CHAT, "every chat is open"
    stopping.set()
    await running
    return took


async def measure(records: int, rounds: int) -> None:
    with start() as broker:
        Kafka(broker.bootstrap).create_topic("replay", 1)
        began_ms = await fill(broker.bootstrap, "replay", records)
        hint = encode_hint(Hint(0, began_ms, 0))
        rows = []
        for number in range(rounds):
            a = await bare(broker.bootstrap, "replay", records)
            b = await ours(broker.bootstrap, "replay", records, hint)
            rows.append((number, *a, *b))
            print(
                f"round {number}: bare {records / a[0]:,.0f}/s {1e6 * a[1] / records:.1f} µs CPU;"
                f" ours {records / b[0]:,.0f}/s {1e6 * b[1] / records:.1f} µs CPU;"
                f" ratio of rates {a[0] / b[0]:.2f}, of CPU {a[1] / b[1]:.2f}"
            )
        rates = statistics.median(a / b for _, a, _, b, _ in rows)
        cpus = statistics.median(a / b for _, _, a, _, b in rows)
        print(f"median: ours reads at {rates:.2f} of the bare loop's rate, {cpus:.2f} by CPU time")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["round", "bare_wall_s", "bare_cpu_s", "ours_wall_s", "ours_cpu_s", "records"])
        writer.writerows([*(f"{value:.4g}" for value in row), records] for row in rows)


def main(records: int = 300_000, rounds: int = 3) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(records, rounds))


if __name__ == "__main__":
    main(**given(main))
