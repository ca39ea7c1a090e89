"""What happens: `max.message.bytes` of a topic is set below what is written to it, and later back.
What must hold: T C L N M Q; what does not fit is not answered 200, or its chat is parked, and nothing else waits for it.
Measured: by LiveChat's answers, the topics and the tags, for the topic of webhooks and for that of decisions.
"""

import asyncio
from typing import Final

import pytest

from tests.deadline import until
from tests.faults.conftest import MakeWorld

DEFAULT: Final = "1048588"
SETTING: Final = "max.message.bytes"


@pytest.mark.long
async def test_webhooks_do_not_fit_for_a_while(world: MakeWorld) -> None:
    async with world() as w:
        async with w.chats():
            await w.tagged(10)
            await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, SETTING, "1500")
            w.proof.did("max.message.bytes of webhooks was 1500 for a while")
            await until(lambda: len(w.entrance.refused()) >= 20)
            await asyncio.to_thread(w.kafka.configure_topic, w.names.webhooks, SETTING, DEFAULT)
            await w.tagged(20)
        await w.everything_holds()


@pytest.mark.long
async def test_decisions_do_not_fit_for_a_while(world: MakeWorld) -> None:
    async with world() as w:
        async with w.chats():
            await w.tagged(10)
            await asyncio.to_thread(w.kafka.configure_topic, w.names.decisions, SETTING, "700")
            w.proof.did("max.message.bytes of decisions was 700 for a while")
            await until(
                lambda: sum(told.parked for all_told in w.truth.told.values() for told in all_told) >= 5
            )
            await asyncio.to_thread(w.kafka.configure_topic, w.names.decisions, SETTING, DEFAULT)
            await w.tagged(20)
        await w.everything_holds()
