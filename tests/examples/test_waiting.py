"""examples/queue knows who waits: from incoming_chat on, until an agent writes or the thread ends."""

from typing import Any, Final

import pytest

from examples.queue.waiting import Key, Wait, take
from tests.webhooks import AGENT, CUSTOMER, chat_deactivated, get_chat, incoming_chat, incoming_event, message

QUEUE: Final = {"position": 3, "wait_time": 120, "queued_at": "2026-11-28T14:02:11.000000Z"}
BEGAN: Final = incoming_chat(get_chat(active=True, queue=QUEUE))
KEY: Final[Key] = ("C", "T")


def said(author: str | None, **more: Any) -> dict[str, Any]:
    return incoming_event("C", "T", message("T_2", author=author, **more))


@pytest.mark.parametrize(
    ("webhook", "over"),
    [
        (said(AGENT), True),
        (said(CUSTOMER), False),
        (said(AGENT, visibility="agents"), False),
        (said(None), False),  # a system message has no author
        (incoming_event("C", "U", message("U_1", author=AGENT)), False),
        (chat_deactivated("C", "T"), True),
        (BEGAN, False),  # LiveChat repeats what was not answered in time
    ],
)
def test_the_wait_is_over_when_an_agent_writes_or_the_thread_ends(
    webhook: dict[str, Any], over: bool
) -> None:
    waiting: dict[Key, Wait] = {}
    wait = Wait("org", CUSTOMER, 3, 100.0)
    assert take(waiting, BEGAN, 100.0) == (KEY, wait, True)
    assert take(waiting, webhook, 160.0) == ((KEY, wait, False) if over else None)
    assert (KEY in waiting) is not over


@pytest.mark.parametrize(
    "chat", [get_chat(active=True), get_chat(active=False, queue=QUEUE), get_chat(active=True, queue=None)]
)
def test_who_is_not_in_the_queue_does_not_wait(chat: dict[str, Any]) -> None:
    waiting: dict[Key, Wait] = {}
    assert take(waiting, incoming_chat(chat), 0.0) is None
    assert waiting == {}
