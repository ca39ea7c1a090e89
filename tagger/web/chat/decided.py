"""What would be decided on a chat today: from its words on Kafka, or from those that a person had fetched.

Words are looked at and let go of. What is remembered for a while is the decision, which holds none.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, NamedTuple

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.review.difference import changes, rules_by_id
from tagger.core.review.past_chat import PastChat
from tagger.history.one_chat import conversation_at
from tagger.history.stored_sets import StoredSet
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.web.chat.told import Today
from tagger.web.past import Past

READ_S_MAX: Final = 3.0  # for a chat on Kafka: hours of one partition are read; a busy one takes longer
READ_AT_ONCE: Final = 2
REMEMBERED_MAX: Final = 500  # decisions, some KB each


class _Of(NamedTuple):
    thread: ThreadKey
    settled_at_ms: int
    config: str  # of the set in force


@dataclass(slots=True)
class Remembered:
    """Decisions of today, the last used ones."""

    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READ_AT_ONCE))
    _kept: OrderedDict[_Of, Today] = field(default_factory=OrderedDict)

    async def today(
        self, past: Past, chat: PastChat, then: StoredSet | None, decider: Decider
    ) -> Today | None:
        """What is decided on what Kafka has of a thread; None where it does not have it, or not in time."""
        last = chat.decisions[-1]
        key = _Of(chat.thread, last.settled_at_ms, decider.hash)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        # What `retag` did has no record of its own; the chat's end has.
        place = next((made.place for made in reversed(chat.decisions) if made.place), None)
        if isinstance(past.filling.trouble, NO_KAFKA) or place is None:
            return None
        try:
            async with asyncio.timeout(READ_S_MAX), self.turns:
                said = await conversation_at(past.topics.options(), chat.thread, place, last.ended_at_ms)
        except (*NO_KAFKA, TopicMissingError):
            return None
        if said is None:
            return None
        made = await asyncio.to_thread(partial(decide, said, chat, then, decider))
        kept = replace(made, decision=replace(made.decision, near_misses=()))
        self._kept[key] = kept
        if len(self._kept) > REMEMBERED_MAX:
            self._kept.popitem(last=False)
        return kept


def decide(said: Conversation, chat: PastChat, then: StoredSet | None, decider: Decider) -> Today:
    """Decide on a conversation by the keywords in force, and compare it with what was decided. CPU only."""
    last, rules = chat.decisions[-1], rules_by_id(decider.rules)
    decision = decider.decide(said, last.ended_at_ms, explain=True)
    before = rules_by_id(then.rules.rules) if then else {}
    found = changes(last.tags, last.because, before, decision, rules)
    numbers = {one.event_id: at for at, one in reversed([*enumerate(said.said, 1)])}
    return Today(decision, tuple(found), rules, numbers, said.complete)
