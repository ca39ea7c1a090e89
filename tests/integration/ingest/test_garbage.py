"""That reference counts free what a webhook leaves: a search for garbage stops the event loop."""

import gc
from collections import Counter

import aiohttp

from ingest.service import Service
from tests.integration.ingest.sender import Sender

WEBHOOKS = 100


async def test_what_a_webhook_leaves_is_freed_without_a_search_for_garbage(
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
    assert left.total() < WEBHOOKS, left
