"""Records whose time cannot be, past the year 9999: the whole way to their decisions, logs and metrics."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from ingest.runtime.partitioner import partition_of
from ingest.topic import encode
from tagger.simulator.stage.stage import PARTITIONS, Stage
from tests.deadline import until
from tests.integration.tagger.scene import ended, started
from tests.integration.watch import everything_on, figures, highest
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

YEAR_10000_MS: Final = 253_402_300_800_000
TIMES: Final = {"TA": YEAR_10000_MS, "TB": 1 << 62, "TC": YEAR_10000_MS - 1, "TD": 1_790_000_000_000}


async def write(stage: Stage) -> None:
    """A chat of each time that begins and ends."""
    organization = stage.organizations[0].id
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
    await producer.start()
    try:
        for thread, at_ms in TIMES.items():
            for webhook in (started(thread, "hello"), ended(thread)):
                record = encode(webhook | {"organization_id": organization}, organization, f"CHAT{thread}", 0)
                number = partition_of(record.key, PARTITIONS)
                await producer.send_and_wait(
                    stage.names.webhooks, record.value, record.key, number, timestamp_ms=at_ms
                )
    finally:
        await producer.stop()


async def test_chats_of_no_possible_time_are_decided_committed_and_told(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    settings = {"TAGGER_DRY_RUN": "true"}  # LiveChat knows nothing of these chats
    async with a_stage(kafka_embedded, unique, tmp_path, settings=settings) as stage:
        await write(stage)

        async def decisions() -> dict[str, dict[str, Any]]:
            told = map(orjson.loads, await everything_on(stage.bootstrap, stage.names.decisions))
            return {record["thread_id"]: record for record in told}

        async def all_are_told() -> bool:
            return (await decisions()).keys() == TIMES.keys()

        async def none_is_left() -> bool:
            shown = await figures(stage.tagger)
            return shown["tagger_lag_records"] == 0 and shown["tagger_committed_offset"] == 2 * len(TIMES)

        await until(all_are_told)
        await until(none_is_left)
        records = (await decisions()).values()
        assert {(record["outcome"], record["source"]) for record in records} == {("dry_run", "webhooks")}
        assert all(datetime.fromisoformat(record["ended_at"]) for record in records)
        shown = await figures(stage.tagger)
        assert (shown["tagger_faults_total"], shown["tagger_task_restarts_total"]) == (0, 0)
        assert await highest(stage.tagger, "tagger_oldest_unsettled_age_seconds") == 0
        assert await stage.tagger.stop() == 0
    told = [orjson.loads(line) for line in (tmp_path / "tagger.log").read_bytes().splitlines()]
    assert [line["event"] for line in told if line["level"] == "error"] == []
