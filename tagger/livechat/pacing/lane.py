"""What is kept of one credential between calls: its queue and pace, its trouble, and known good calls.

One lane per credential, however many organizations webhooks name: a limit, an outage and a revoked token concern
the credential.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tagger.livechat.calls.answers import Transient
from tagger.livechat.calls.requests import Call, get_chat, tag_thread
from tagger.livechat.pacing.call_queue import Gate, Standing

WITNESSES_MAX: Final = 4  # one may be deleted, or lose its tag, before it is needed
LIMITED: Final = frozenset({"too_many_requests", "pending_requests_limit_reached"})
REFUSED_OF: Final = 0.05  # weight of the last call in that share, so about twenty count


class Witness(NamedTuple):
    """A call that was allowed: made again, it shows whether calls are allowed at all."""

    organization: str
    chat_id: str
    thread_id: str
    tag: str

    @property
    def read(self) -> Call:
        """Fetch its thread."""
        return get_chat(self.chat_id, self.thread_id)

    @property
    def write(self) -> Call:
        """Set its tag."""
        return tag_thread(self.chat_id, self.thread_id, self.tag)

    def stands(self, chat: Any) -> bool:
        """Whether the thread, as `get_chat` returned it, still has the tag: a person may have removed it."""
        tags = chat["thread"].get("tags")
        return isinstance(tags, list) and self.tag in tags


@dataclass(slots=True)
class Lane:
    """The lane of one credential; `name` is its organization, or empty if it serves all."""

    name: str
    gate: Gate
    error_type: str | None = None  # of the last failure, None after a success
    since: float = 0.0
    witnesses: deque[Witness] = field(default_factory=lambda: deque(maxlen=WITNESSES_MAX))  # the newest first
    went: int = 0  # calls that went through
    refused: float = 0.0  # share of recent calls whose first try came too fast
    again: int = 0  # refusals in a row of calls refused before, with successes of others between any two
    again_at: int = 0  # `went` at the last of them
    ask_at: float = 0.0  # when a refused call may ask again whether everything is refused
    # Whose turn it is among the calls held meanwhile: among those that write, and those that read.
    held: tuple[asyncio.Lock, asyncio.Lock] = field(default_factory=lambda: (asyncio.Lock(), asyncio.Lock()))
    another_at: float = 0.0  # when another organization may be asked whether it is served
    beside: int = -1  # successes of others when that was last checked

    def allowed(self, organization: str, call: Call) -> None:
        """A call succeeded: if it set a tag, remember it as a witness."""
        if call.method == "tag_thread":
            body = call.body
            self.witnesses.appendleft(Witness(organization, body["chat_id"], body["thread_id"], body["tag"]))

    def tried(self, *, again: bool, refused: bool) -> None:
        """A call came too fast, or did not; `again`: it did before."""
        if not again:
            self.refused += REFUSED_OF * (refused - self.refused)
        elif not refused:
            self.again = 0
        elif self.went > self.again_at:
            self.again, self.again_at = self.again + 1, self.went

    def troubled(self, error_type: str | None, now: float) -> None:
        """The last answer was a failure of this type; None: no failure."""
        if error_type is not None and self.error_type is None:
            self.since = now
        self.error_type = error_type

    def standing(self, now: float) -> Standing:
        """How the lane fares now."""
        pace = self.gate.pace
        since_s = now - self.since if self.error_type else 0.0
        return Standing(
            self.name, pace.rate, pace.open, pace.in_flight, self.gate.waiting, self.error_type, since_s
        )


def chat_of(organization: str, call: Call) -> str:
    """To whom a call's failure is attributed: its chat, or its method if it is for no chat."""
    return f"{organization}:{call.body.get('chat_id', call.method)}"


def is_limit(answer: object) -> bool:
    """Whether the answer says that calls come too fast, and nothing about this call."""
    return isinstance(answer, Transient) and answer.error_type in LIMITED
