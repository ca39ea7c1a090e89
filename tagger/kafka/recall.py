"""What people removed from threads that we did not see from their beginning, read from Kafka when somebody asks.

The topic of decisions has every removal below the committed offset of the webhooks. It is read from the creation of the
oldest thread asked for, in the first look-up, and from where the last one came to afterwards: so each decision is read
once, however many ask. Look-ups that come during one are served together by the next.

Whoever does not read the webhooks itself, as commands do, also names the group that does: what that has not finished,
and so not recorded, is read from the webhooks.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ingest.runtime.clock import now_ms
from ingest.topic import split_key
from tagger.core.conversation import ThreadKey
from tagger.core.records.correction import Removals, correction_record, is_of_concern
from tagger.core.records.decision import Source
from tagger.core.threads.fact_reader import skim
from tagger.core.threads.facts import Fact, TagChanged
from tagger.kafka.log import opened
from tagger.kafka.reader import committed_offsets

# Removals kept between two look-ups, about 400 bytes each. Of 100,000 chats a day people may correct one in fifty:
# these are 25 days. With more, nothing is kept, and each look-up reads again.
KEPT_MAX: Final = 50_000


class Lag(NamedTuple):
    """Whose unfinished records have removals that are not on the topic of decisions yet."""

    webhooks_topic: str
    group: str


@dataclass(slots=True, eq=False)
class _Asked:
    thread: ThreadKey
    since_ms: int
    tags: tuple[str, ...] | None = None  # None: not looked up yet


class Recall:
    """Looks up removals. Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError; then ask again."""

    def __init__(
        self,
        options: Callable[[], Mapping[str, Any]],
        topic: str,
        *,
        lag: Lag | None = None,
        one_for_all: bool = False,
        kept_max: int = KEPT_MAX,
    ) -> None:
        """`topic`: of decisions. `one_for_all`: one credential serves every organization, under any name."""
        self._options, self._topic, self._lag, self._one_for_all = options, topic, lag, one_for_all
        self._kept_max = kept_max
        self._asked: set[_Asked] = set()  # by those who wait; at most one a job under way
        self._looking = asyncio.Lock()
        self._positions: dict[int, int] = {}  # of the topic of decisions: how far it was read, by partition
        self._unfinished: dict[int, int] | None = None  # the same of the webhooks; None: not asked yet
        self._behind = Removals(one_for_all=one_for_all)  # told in webhooks that the group had not finished
        self._removals, self._fed = Removals(one_for_all=one_for_all), 0
        self._since_ms = self._came_to_ms = 0  # they were removed since then; our time of the last look-up

    async def of(self, thread: ThreadKey, since_ms: int) -> tuple[str, ...]:
        """Return the tags that people removed from a thread since then (Unix time, ms)."""
        mine = _Asked(thread, since_ms)
        self._asked.add(mine)
        try:
            async with self._looking:
                if mine.tags is None:
                    await self._look_up()
        finally:
            self._asked.discard(mine)
        assert mine.tags is not None, "it was looked up"
        return mine.tags

    async def _look_up(self) -> None:
        """Answer all who wait now; after an exception each of them looks for itself."""
        asked = [one for one in self._asked if one.tags is None]
        since_ms = min(one.since_ms for one in asked)
        if since_ms < self._since_ms or since_ms > self._came_to_ms:
            self._forget(since_ms)
        began_ms, removals = now_ms(), self._removals
        await self._read_unfinished()
        await self._read_on(removals, self._positions, self._since_ms)
        self._came_to_ms = began_ms
        if self._fed > self._kept_max:
            self._forget(0)
            removals = Removals(one_for_all=self._one_for_all)
            await self._read_on(removals, {}, since_ms, {one.thread.chat_id for one in asked})
            self._forget(0)
        for one in asked:
            one.tags = (*removals.of(one.thread), *self._behind.of(one.thread))

    def _forget(self, since_ms: int) -> None:
        """Start over, with what was removed since then."""
        self._removals, self._fed = Removals(one_for_all=self._one_for_all), 0
        self._positions.clear()
        self._since_ms = self._came_to_ms = since_ms

    async def _read_on(
        self,
        removals: Removals,
        positions: dict[int, int],
        since_ms: int,
        chats: Collection[str] | None = None,
    ) -> None:
        """Read the decisions from these positions, or from then on, to their end; only of some chats, if named."""
        async with opened(self._options(), self._topic, since_ms=since_ms, positions=positions) as log:
            for stretch in log.stretches:
                async for chunk in log.read(stretch):
                    for record in chunk.records:
                        if chats is not None and (split_key(record.key) or ("", ""))[1] not in chats:
                            continue
                        removals.take(record.value)
                        self._fed += is_of_concern(record.value)
                    positions[stretch.partition] = chunk.to
                positions[stretch.partition] = stretch.end

    async def _read_unfinished(self) -> None:
        """Read what the group had not finished at the first look-up, and what came since.

        This goes first: what the group has finished by now is on the topic of decisions when that is read.
        """
        if self._lag is None:
            return
        (topic, group), options = self._lag, self._options()
        if self._unfinished is None:
            self._unfinished = await committed_offsets(options, topic, group)
        positions = self._unfinished
        async with opened(options, topic, positions=positions) as log:
            for stretch in log.stretches:
                async for chunk in log.read(stretch):
                    for record in chunk.records:
                        if b"thread_untagged" in (record.value or b""):
                            self._note(skim(record.key, record.value), topic, chunk.partition, record)
                    positions[stretch.partition] = chunk.to
                positions[stretch.partition] = stretch.end

    def _note(self, fact: Fact, topic: str, partition: int, record: Any) -> None:
        if isinstance(fact, TagChanged) and fact.change == "removed":
            source = Source(topic, partition, record.offset)
            at_ms = max(0, record.timestamp)
            self._behind.note(correction_record(ThreadKey(*fact[:3]), fact.tag, "removed", source, at_ms))
