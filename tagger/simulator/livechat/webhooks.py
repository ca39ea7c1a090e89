"""Sends webhooks as LiveChat does, or worse on request. The HTTP client is passed in.

HTTP 200 within about 10 s is success; anything else is retried up to 3 times within about a minute, then the webhook
is lost. https://platform.text.com/docs/guides/livechat-apps
"""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import orjson

from tagger.simulator.livechat.account import CHATS_MAX

ATTEMPTS_LOGGED_MAX: Final = 100_000
# Webhooks in flight, about 2 kB each; beyond that new ones are lost, as after a minute.
PENDING_MAX: Final = 50_000
POSTS_MAX: Final = 200  # in flight; the time-out of a webhook begins when it is posted

# (url, body, time-out in seconds) → HTTP status; None if no answer came in time.
Post = Callable[[str, bytes, float], Awaitable[int | None]]


@dataclass(slots=True)
class Sending:
    """How the sender behaves from now on; may change at any time."""

    patience_s: float = 10.0
    retry_after_s: tuple[float, ...] = (5.0, 15.0, 30.0)  # LiveChat does not publish the spacing
    in_order: bool = True  # each webhook of a chat waits for the first attempt of the previous one
    held_back_s_max: float = 0.0  # each webhook waits for a random part of it
    duplicate_share: float = 0.0  # sent again although they were answered 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST. `status` is None if no answer came in time."""

    at: float
    action: str
    chat_id: str
    thread_id: str
    number: int  # from 1
    status: int | None


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One webhook in flight."""

    url: str
    body: bytes = field(repr=False)
    action: str
    chat_id: str
    thread_id: str


@dataclass(slots=True)
class Sender:
    """Sends each webhook in a task, and counts what becomes of it."""

    post: Post
    clock: Callable[[], float]
    rng: random.Random
    sending: Sending = field(default_factory=Sending)
    counts: Counter[str] = field(
        default_factory=Counter
    )  # sent, stored (answered 200), given_up, lost, attempts
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=ATTEMPTS_LOGGED_MAX))
    # thread id → when its chat_deactivated was answered 200; the oldest are dropped
    ended_at: dict[str, float] = field(default_factory=dict)
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(POSTS_MAX))
    _pending: set[asyncio.Task[None]] = field(default_factory=set)
    _last_of_chat: dict[str, asyncio.Event] = field(default_factory=dict)

    def send(self, url: str, envelope: dict[str, Any], chat_id: str, thread_id: str) -> None:
        """Send a webhook in the background."""
        if len(self._pending) >= PENDING_MAX:
            self.counts["lost"] += 1
            return
        self.counts["sent"] += 1
        delivery = _Delivery(url, orjson.dumps(envelope), envelope["action"], chat_id, thread_id)
        before, tried = self._last_of_chat.get(chat_id), asyncio.Event()
        self._last_of_chat[chat_id] = tried
        task = asyncio.create_task(self._send(delivery, before if self.sending.in_order else None, tried))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def sent(self, timeout_s: float) -> bool:
        """Wait until none is in flight; False if that takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._pending:
                    await asyncio.wait(set(self._pending))
        return not self._pending

    async def close(self) -> None:
        """Cancel what is in flight."""
        tasks = set(self._pending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, delivery: _Delivery, before: asyncio.Event | None, tried: asyncio.Event) -> None:
        """`before` is set once the chat's previous webhook was tried; `tried` is the same for this one."""
        try:
            if self.sending.held_back_s_max:
                await asyncio.sleep(self.rng.uniform(0, self.sending.held_back_s_max))
            if before is not None:
                await before.wait()
            number = await self._send_until_stored(delivery, tried)
            if number and self.rng.random() < self.sending.duplicate_share:
                await self._attempt(delivery, number + 1)
        finally:
            tried.set()
            if self._last_of_chat.get(delivery.chat_id) is tried:
                del self._last_of_chat[delivery.chat_id]

    async def _send_until_stored(self, delivery: _Delivery, tried: asyncio.Event) -> int:
        """The number of the attempt that was answered 200; 0 if the webhook was given up."""
        for number, wait_s in enumerate((0.0, *self.sending.retry_after_s), 1):
            await asyncio.sleep(wait_s)
            stored = await self._attempt(delivery, number)
            tried.set()
            if stored:
                self.counts["stored"] += 1
                if delivery.action == "chat_deactivated":
                    while len(self.ended_at) >= CHATS_MAX:
                        del self.ended_at[next(iter(self.ended_at))]
                    self.ended_at[delivery.thread_id] = self.clock()
                return number
        self.counts["given_up"] += 1
        return 0

    async def _attempt(self, delivery: _Delivery, number: int) -> bool:
        async with self._turns:
            status = await self.post(delivery.url, delivery.body, self.sending.patience_s)
        self.counts["attempts"] += 1
        what = (delivery.action, delivery.chat_id, delivery.thread_id)
        self.attempts.append(Attempt(self.clock(), *what, number, status))
        return status == HTTPStatus.OK
