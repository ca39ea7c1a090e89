"""That reference counts free what a webhook leaves: garbage collection stops the event loop."""

import gc
from collections import Counter
from typing import Final

import aiohttp

from ingest.service import Service
from tests.integration.ingest.sender import Sender

WEBHOOKS: Final = 100


async def test_what_a_webhook_leaves_is_freed_without_garbage_collection(
    service: Service, session: aiohttp.ClientSession
) -> None:
    """Each batch once left a cycle of 13 objects."""
    sender = Sender(session, service.port)
    await sender.chat(0, 10)  # makes what lasts
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await sender.chat(1, WEBHOOKS)
        gc.collect()
        left = Counter(type(one).__qualname__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert set(sender.statuses) == {200}
    # However long it takes: connections that close meanwhile leave a few of each type, a cycle in a webhook one for each.
    assert max(left.values(), default=0) < WEBHOOKS // 2, left
