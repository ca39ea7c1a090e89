"""One thread of the past with what was said in it, found by where its end stands on the topic."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ingest.runtime.clock import now_ms
from ingest.topic import split_key
from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.limits import Limits
from tagger.core.partition.past_threads import PastThreads
from tagger.core.review.past_chat import Place
from tagger.history.ledger import Ledger
from tagger.history.topic import LEAD_MS
from tagger.kafka.log import Stretch, opened


class _Record(NamedTuple):
    """A record among those of its chat alone: renumbered, so that none seems to be missing."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


async def conversation_at(
    options: Mapping[str, Any], thread: ThreadKey, place: Place, ended_at_ms: int
) -> Conversation | None:
    """Return what was said in a thread up to a record, as the topic still has it; None if it has no end of it.

    Reads hours of one partition, not the topic. Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError.
    """
    begun_ms = max(1, ended_at_ms - LEAD_MS)
    async with opened(options, place.topic, since_ms=begun_ms) as log:
        stretches = [each for each in log.stretches if each.partition == place.partition]
        if not stretches or not stretches[0].first <= place.offset < stretches[0].end:
            return None
        stretch = Stretch(place.partition, stretches[0].first, place.offset + 1)
        past: PastThreads | None = None
        number = 0
        async for chunk in log.read(stretch):
            if past is None and chunk.records:
                cut_ms = chunk.records[0].timestamp + Limits().skew_s * 1_000
                past = PastThreads(0, complete_since_ms=cut_ms if stretch.first else 0)
            for record in chunk.records:
                if past is not None and (split_key(record.key) or ("", ""))[1] == thread.chat_id:
                    past.take([_Record(number, record.timestamp, record.key, record.value)], now_ms())
                    number += 1
        ended = past.finish() if past is not None else []
    return next((each.conversation for each in ended if each.conversation.thread == thread), None)


async def last_conversation(
    options: Mapping[str, Any], ledger: Ledger, thread: ThreadKey
) -> Conversation | None:
    """Return what was said in a thread when it was last decided on; None where the topic does not tell."""
    for made in reversed(ledger.decisions_on(thread)):
        if made.place is not None:
            return await conversation_at(options, thread, made.place, made.ended_at_ms)
    return None
