"""Reads decisions from Kafka into SQLite, each one once, and writes the newest of each thread as CSV."""

import asyncio
import csv
import json
import sqlite3
import sys
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import load

GROUP = "decisions-example"  # its committed offset is where the next run goes on
TABLE = """CREATE TABLE IF NOT EXISTS decisions (
    organization, chat_id, thread_id, source, settled_at, outcome, tags,
    PRIMARY KEY (organization, chat_id, thread_id, source))"""
NEWEST = """SELECT organization, chat_id, thread_id, settled_at, outcome, tags, max(settled_at) FROM decisions
    GROUP BY organization, chat_id, thread_id ORDER BY settled_at"""


def row_of(value: bytes) -> tuple[str, ...] | None:
    """A row of the table; None for a record of another kind, such as a correction."""
    record = json.loads(value)
    if record.get("kind", "decision") != "decision":
        return None
    # A decision may be repeated. It is the same one if thread and source are the same; then the newest counts.
    # The source is null where no webhook was its cause, and SQL holds two nulls to be different: hence the text.
    source = json.dumps([record["topic"], record["partition"], record["offset"]])
    ids = (record["organization"], record["chat_id"], record["thread_id"], source)
    return (*ids, record["settled_at"], record["outcome"], ", ".join(record["tags"]))


async def read(store: sqlite3.Connection) -> int:
    """Store what is on the topic now; how many records that were."""
    settings, count = load(KafkaSettings), 0  # elsewhere: aiokafka's own arguments, as bootstrap_servers="…"
    consumer = AIOKafkaConsumer(
        settings.kafka_decisions_topic,
        **settings.client_options(),
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                count += len(records)
                rows = [row for record in records if (row := row_of(record.value))]
                store.executemany("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            store.commit()  # first the rows, then the offset: whatever ends this in between, nothing is lost
            await consumer.commit()
    finally:
        await consumer.stop()
    return count


def write(store: sqlite3.Connection, table: Path) -> int:
    """Write the newest decision of each thread; how many that are."""
    found = store.execute(NEWEST)
    names, rows = [column[0] for column in found.description], found.fetchall()
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(row[:-1] for row in [names, *rows])
    return len(rows)


if __name__ == "__main__":
    with sqlite3.connect("decisions.db") as database:
        database.execute(TABLE)
        print(f"read {asyncio.run(read(database))} records", file=sys.stderr)
        print(f"wrote {write(database, Path('decisions.csv'))} threads to decisions.csv", file=sys.stderr)
    database.close()
