"""What happens: the topic of webhooks is compacted by mistake, so that of each chat only the last record is left.
What must hold: T C L N M Q for ends that are left; the topic is told to be unfit; chats without a beginning are fetched.
Measured: by gaps between the offsets on the topic, the tagger's metrics, and the tags.
"""

import asyncio
from typing import Final

import orjson
import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.topics import Topics
from tests.faults.webhook import Webhook
from tests.faults.world import World
from tests.integration.watch import figures

AT_ONCE: Final = {
    "segment.ms": "1000",  # a segment that is written to is not compacted
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "20000",  # until then whoever checks has read it
    "cleanup.policy": "compact",
}
GONE_MIN: Final = 100
LOOK_S: Final = 2.0


async def left(w: World) -> tuple[set[str], int]:
    """Of the topic as it is now: the threads whose end it has, and how many records it lacks."""
    topics = Topics(w.stage.bootstrap, (w.names.webhooks,))
    try:
        found, ends = await asyncio.to_thread(topics.read_on)
    finally:
        topics.close()
    webhooks = [Webhook.of(orjson.loads(message.value() or b"null")) for message in found]
    ended = {one.thread for one in webhooks if one is not None and one.action == "chat_deactivated"}
    return ended, sum(ends.values()) - len(found)


@pytest.mark.long
async def test_the_topic_of_webhooks_is_compacted(world: MakeWorld) -> None:
    """Where the end of a thread is not the last record of its chat, it is gone, and nobody hears of it."""
    async with world(partitions=1) as w:
        async with w.chats(3):
            await w.tagged(5)
            for setting, value in AT_ONCE.items():
                await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, setting, value)
            w.proof.did("the topic was compacted")

            async def is_told() -> bool:
                shown = await figures(w.stage.tagger, topic=w.names.webhooks, kind="compacted")
                return shown["tagger_topic_unfit"] > 0

            await until(is_told, LOOK_S)
            await w.stop(w.stage.tagger)

            async def is_compacted() -> bool:
                ended, gone = await left(w)
                return gone >= GONE_MIN and len(await w.truth.undecided() & ended) >= 10

            await until(is_compacted, LOOK_S)
        await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, "cleanup.policy", "delete")
        ended, gone = await left(w)
        w.proof.count("records gone", gone)
        w.give_up(await w.truth.undecided() - ended)
        await w.start(w.stage.tagger)
        await w.everything_holds()
        assert any(call.method == "get_chat" for call in w.stage.livechat.calls)
