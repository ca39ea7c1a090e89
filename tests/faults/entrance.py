"""The way from LiveChat to several `ingest`: a load balancer that notes what was answered to which webhook."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Final, NamedTuple

import orjson

from tagger.simulator.livechat.webhooks import Post
from tagger.simulator.stage.service import Service
from tests.faults.webhook import Webhook

STORED: Final = 200
CLOSED_S: Final = 0.2  # as long as nobody is there, a connection is refused after so long


class Sent(NamedTuple):
    """One attempt. `status` is None where no answer came; `ingest` counts from 0, -1: nobody was there."""

    at: float
    webhook: Webhook
    ingest: int
    status: int | None


class Entrance:
    """Takes the place of `Sender.post`: the `ingests` that run are asked in turn."""

    def __init__(self, post: Post, clock: Callable[[], float]) -> None:
        self.ingests: list[Service] = []
        self.sent: dict[str, list[Sent]] = {}  # by thread
        self._post, self._clock, self._turn = post, clock, count()

    async def post(self, _: str, body: bytes, timeout_s: float) -> int | None:
        """Send it to the next one; its answer."""
        webhook = Webhook.of(orjson.loads(body))
        assert webhook is not None, "the simulated LiveChat sends no other"
        there = [service for service in self.ingests if service.running]
        if there:
            asked = there[next(self._turn) % len(there)]
            url = f"http://127.0.0.1:{asked.settings['INGEST_PORT']}/webhooks/livechat"
            status, number = await self._post(url, body, timeout_s), self.ingests.index(asked)
        else:
            await asyncio.sleep(CLOSED_S)
            status, number = None, -1
        self.sent.setdefault(webhook.thread, []).append(Sent(self._clock(), webhook, number, status))
        return status

    def stored(self) -> set[Webhook]:
        """What was answered 200."""
        return {one.webhook for sent in self.sent.values() for one in sent if one.status == STORED}

    def refused(self) -> set[Webhook]:
        """What was never answered 200."""
        return {one.webhook for sent in self.sent.values() for one in sent} - self.stored()

    def answers(self) -> set[int]:
        """The statuses of all answers that came."""
        return {one.status for sent in self.sent.values() for one in sent if one.status is not None}
