"""What happens: the disk of `ingest`'s spool is full while Kafka is away; the disk of the broker's log is full.
What must hold: T C L N M Q; what could not be stored was not answered 200, and when there is room again all goes on.
Measured: a limit on the size of a process's files stands for a full disk, so that nobody needs rights to mount one: a
write fails with EFBIG instead of ENOSPC. Kafka ends where its only log cannot be written, so it is started again.
"""

import asyncio
import resource
from typing import Final

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.world import World
from tests.integration.watch import figures
from tests.kafka.broker import Broker

SIZE_MAX: Final = resource.RLIMIT_FSIZE
ROOM_BYTES: Final = 200_000  # that are left in a spool; a webhook has about 600
AGAIN_S: Final = (5.0, 15.0, 30.0, 30.0)
NO_LIMIT: Final = resource.RLIM_INFINITY


def leave(pid: int | None, bytes_max: int) -> None:
    """No file of the process may become larger; NO_LIMIT: there is room again."""
    assert pid is not None
    resource.prlimit(pid, SIZE_MAX, (bytes_max, NO_LIMIT))


async def fails(w: World) -> bool:
    return (await figures(w.ingests[0]))["ingest_spool_failures_total"] > 0


@pytest.mark.long
async def test_a_full_spool_answers_503_and_goes_on_when_there_is_room(
    world: MakeWorld, kafka_own: Broker
) -> None:
    async with world(kafka=kafka_own, spool=True) as w:
        w.stage.livechat.sender.sending.retry_after_s = AGAIN_S
        async with w.chats(per_s=12):
            await w.killed(kafka_own)
            leave(w.ingests[0].pid, ROOM_BYTES)
            await until(lambda: fails(w))
            await w.ended(10)
            leave(w.ingests[0].pid, NO_LIMIT)
            await w.ended(10)
            await w.back(kafka_own)
            await w.tagged(20)
        w.proof.did("the spool's disk was full")
        await w.everything_holds()


@pytest.mark.long
async def test_a_broker_whose_log_is_full_stores_nothing_and_goes_on_when_there_is_room(
    world: MakeWorld, kafka_own: Broker
) -> None:
    async with world(kafka=kafka_own) as w:
        async with w.chats():
            await w.tagged(10)
            largest = max(file.stat().st_size for file in kafka_own.data.rglob("*.log"))
            leave(kafka_own.pid, largest + ROOM_BYTES // 10)
            await until(lambda: kafka_own.pid is None)
            await w.ended(10)
            await asyncio.to_thread(kafka_own.kill)  # it ended by itself; this only notes it
            await w.back(kafka_own)
            await w.tagged(20)
        w.proof.did("the log's disk was full")
        await w.everything_holds()
