"""What happens: a disk damages one batch of webhooks in one partition, before the tagger has read it.
What must hold: the other partitions go on; the damaged one waits there, and lag says so; after `tagger skip`: T C L N M Q.
Measured: by the tagger's own metrics and the group's offsets; the broker gives the batch out as it lies on its disk.
"""

import asyncio
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.deadline import DEADLINE_S, until
from tests.faults.conftest import MakeWorld
from tests.faults.world import World
from tests.integration.test_repair import tagger
from tests.integration.watch import figures
from tests.kafka.broker import Broker

PARTITION: Final = 0
HEAD: Final = struct.Struct(">qi")  # first offset, bytes that follow
CRC: Final = 17  # where it stands in a batch
LAST_OFFSET_DELTA: Final = 23


class Batch(NamedTuple):
    """Where it is in its file, and which records it has."""

    place: int
    first: int
    last: int


def batches(log: bytes | bytearray) -> Iterator[Batch]:
    place = 0
    while place + HEAD.size < len(log):
        first, size = HEAD.unpack_from(log, place)
        (delta,) = struct.unpack_from(">i", log, place + LAST_OFFSET_DELTA)
        yield Batch(place, first, first + delta)
        place += HEAD.size + size


def damage(file: Path, w: World, committed: int) -> Batch:
    """Damage a batch of messages that nobody has read; an end in it would have to be looked for by `reconcile`."""
    messages = {
        one.offset
        for stored in w.truth.stored.values()
        for one in stored
        if one.partition == PARTITION and one.webhook.action == "incoming_event"
    }
    log = bytearray(file.read_bytes())
    batch = next(
        each
        for each in batches(log)
        if each.first >= committed and {*range(each.first, each.last + 1)} <= messages
    )
    log[batch.place + CRC] ^= 1  # whoever does not check, as the test's own reader, can read it still
    file.write_bytes(log)
    return batch


async def only_it_waits(w: World) -> bool:
    """Whether the damaged partition stands still, and no other has anything left."""
    shown = await figures(w.taggers[0])
    there = await figures(w.taggers[0], partition=str(PARTITION))
    return (
        shown["tagger_standing_still"] == 1 and shown["tagger_lag_records"] == there["tagger_lag_records"] > 0
    )


@pytest.mark.long
async def test_one_partition_waits_until_somebody_steps_over_it(world: MakeWorld, kafka_own: Broker) -> None:
    async with world(kafka=kafka_own, partitions=3) as w:
        async with w.chats(per_s=12):
            await w.tagged(10)
            assert await w.taggers[0].stop() == 0
            await w.ended(20)
        await w.watch.look()  # so that what is where is known
        committed = (await w.truth.committed())[PARTITION]
        await asyncio.to_thread(kafka_own.shut_down)
        (file,) = (kafka_own.data / f"{w.names.webhooks}-{PARTITION}").glob("*.log")
        batch = damage(file, w, committed)
        await w.back(kafka_own)
        await w.taggers[0].start(DEADLINE_S)
        await until(lambda: only_it_waits(w))
        async with w.chats():
            await w.tagged(10)  # of the others
        assert await w.taggers[0].stop() == 0
        ran = await tagger(w.stage, "skip", str(PARTITION), str(batch.first), "--yes")
        assert ran.code == 0, ran.errors
        await w.taggers[0].start(DEADLINE_S)
        w.proof.did("a batch was damaged")
        await w.everything_holds()
