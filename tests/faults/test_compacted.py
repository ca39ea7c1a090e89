"""What happens: the topic of webhooks is compacted by mistake, so that of each chat only the last record is left.
What must hold: T C L N M Q; the topic is said to be unfit, and a chat without its beginning is fetched from LiveChat.
Measured: by gaps between the offsets on the topic, the tagger's metrics, and the tags.
"""

import asyncio
from typing import Final

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.topics import Topics
from tests.faults.world import World
from tests.integration.watch import figures

SOON: Final = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "1000",
    "cleanup.policy": "compact",
}


async def missing_records(w: World) -> int:
    """How many were there once and are no longer."""
    topics = Topics(w.stage.bootstrap, (w.names.webhooks,))
    try:
        found, ends = await asyncio.to_thread(topics.read_on)
    finally:
        topics.close()
    return sum(ends.values()) - len(found)


@pytest.mark.long
async def test_the_topic_of_webhooks_is_compacted(world: MakeWorld) -> None:
    async with world(partitions=1) as w:
        async with w.chats():
            await w.tagged(5)
            for setting, value in SOON.items():
                await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, setting, value)
            w.proof.did("the topic was compacted")

            async def is_told() -> bool:
                shown = await figures(w.stage.tagger, topic=w.names.webhooks, kind="compacted")
                return shown["tagger_topic_unfit"] > 0

            await until(is_told)
            await w.stop(w.stage.tagger)

            async def is_compacted() -> bool:
                return await missing_records(w) > 0 and bool(await w.truth.undecided())

            await until(is_compacted)
            gone = await missing_records(w)

            async def more_are_gone() -> bool:
                return await missing_records(w) > gone + 100

            await until(more_are_gone)
            w.proof.count("records were gone", await missing_records(w))
            await w.start(w.stage.tagger)
        await w.everything_holds()
