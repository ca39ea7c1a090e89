"""The past as our topics have it: chats from `livechat.webhooks`, with decisions and corrections from the ledger.

Reads without a group, so it changes nothing for the service, and costs no API call. Partitions are read one after
the other: the same topic gives the same chats in the same order, and only one partition's open chats are in memory.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

from ingest.runtime.clock import now_ms
from tagger.core.limits import Limits
from tagger.core.partition.past_threads import PastThread, PastThreads
from tagger.core.review.authorship import corrected
from tagger.core.review.past_chat import PastChat
from tagger.history.counts import Counts, Moved, ignored
from tagger.history.ledger import Ledger
from tagger.kafka.log import Log, Stretch, opened

# A chat that ended just after `since` began before it, and people may have tagged it early on: reading starts this much
# earlier.
LEAD_MS: Final = Limits().chat_age_s_max * 1_000


async def fill(  # noqa: PLR0913 - a topic, and how much of it
    ledger: Ledger,
    options: Mapping[str, Any],
    topic: str,
    *,
    since_ms: int = 0,
    naming: str = "",
    moved: Moved = ignored,
) -> None:
    """Bring the ledger up to the present end of the topic of decisions, from where it was.

    Of a topic that was not read yet, it gets what was decided and corrected on chats that ended since `since_ms`, and
    some that ended before. `naming`: take only records in which this id stands, which is ten times as fast. Raises one of
    `kafka.reader.NO_KAFKA`, or TopicMissingError.
    """
    positions, done, needle = ledger.positions(topic), 0, naming.encode()
    from_ms = max(0, since_ms - LEAD_MS)
    async with opened(options, topic, since_ms=from_ms, positions=positions) as log:
        for stretch in log.stretches:
            at = stretch.first
            async for chunk in log.read(stretch):
                values = [record.value for record in chunk.records if needle in (record.value or b"")]
                ledger.take(topic, chunk.partition, values, chunk.to)
                if chunk.unreadable:
                    ledger.unusable["damaged"] += chunk.unreadable
                done, at = done + chunk.to - at, chunk.to
                moved(done, log.records)


class TopicHistory:
    """Chats that ended at or after `since_ms`, as far as the topic still has them."""

    def __init__(
        self,
        options: Mapping[str, Any],
        topic: str,
        ledger: Ledger,
        since_ms: int,
        *,
        moved: Moved = ignored,
    ) -> None:
        """`ledger` holds the decisions and corrections to be joined: see `fill`."""
        self.counts = Counts(topic, since_ms)
        self._options, self._topic, self._ledger = options, topic, ledger
        self._since_ms, self._moved = since_ms, moved

    async def chats(self) -> AsyncGenerator[PastChat, None]:
        """Yield the chats. Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError."""
        since_ms = max(0, self._since_ms - LEAD_MS)
        async with opened(self._options, self._topic, since_ms=since_ms) as log:
            before = 0
            for stretch in log.stretches:
                async for chat in self._of(log, stretch, before):
                    yield chat
                before += stretch.end - stretch.first

    async def _of(self, log: Log, stretch: Stretch, before: int) -> AsyncGenerator[PastChat, None]:
        past = PastThreads(stretch.first, complete_since_ms=0 if stretch.first == 0 else None)
        async for chunk in log.read(stretch):
            self.counts.unreadable += chunk.unreadable
            for chat in self._joined(past.take(chunk.records, now_ms())):
                yield chat
            self._moved(before + chunk.to - stretch.first, log.records)
        self.counts.open += past.open
        for chat in self._joined(past.finish()):
            yield chat
        self.counts.unreadable += sum(
            count for (name, _), count in past.count.items() if name == "unreadable"
        )

    def _joined(self, threads: Sequence[PastThread]) -> list[PastChat]:
        chats = []
        for one in threads:
            if one.ended_at_ms < self._since_ms:
                continue
            thread = one.conversation.thread
            self.counts.chats += 1
            self.counts.cut += one.incomplete is not None
            decisions, told = self._ledger.decisions_on(thread), self._ledger.told_of(thread)
            people = corrected(told, decisions)
            chats.append(PastChat(thread, one.ended_at_ms, one.conversation, decisions, people, told=told))
        return chats
