"""A topic's records as they come, for as long as somebody watches: over restarts of brokers, and whatever is damaged.

Promises that a record comes once, and that what does not come is told: while Kafka is away nothing is lost, and what was
deleted meanwhile, or cannot be read, is counted.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from tagger.kafka.log import Chunk, follow, opened
from tagger.kafka.reader import NO_KAFKA, TopicMissingError

# Between two tries. Each takes up to 15 s itself.
RETRY_S: Final = 0.5
RETRY_S_MAX: Final = 5.0


class Away(NamedTuple):
    """Kafka does not answer, and is tried again until it does."""

    error_type: str


class Back(NamedTuple):
    """Kafka answers again. What came meanwhile follows."""


class Missed(NamedTuple):
    """So many records cannot be shown: Kafka deleted them before they were read."""

    partition: int
    records: int


News = Chunk | Away | Back | Missed


async def keep_following(
    options: Callable[[], Mapping[str, Any]], topic: str, positions: Mapping[int, int] | None = None
) -> AsyncGenerator[News, None]:
    """Yield what comes from now on, or from these positions, until the caller stops.

    As `log.follow`, an empty chunk of each partition comes first. Raises one of NO_KAFKA, or TopicMissingError, only
    before that.
    """
    at = dict(positions or {})
    wait_s, away, resumes = RETRY_S, False, positions is not None
    while True:
        try:
            async with aclosing(_from(options(), topic, at, resumes=resumes)) as news:
                async for one in news:
                    if away:
                        yield Back()
                    wait_s, away, resumes = RETRY_S, False, True
                    if isinstance(one, Chunk):
                        at[one.partition] = one.to
                    yield one
        except (TopicMissingError, *NO_KAFKA) as error:
            if not resumes:
                raise
            if not away:
                away = True
                yield Away(type(error).__name__)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, RETRY_S_MAX)


async def _from(
    options: Mapping[str, Any], topic: str, at: dict[int, int], *, resumes: bool
) -> AsyncGenerator[Chunk | Missed, None]:
    """First what is there by now, stepping over what cannot be read, then what comes; ends at a gap.

    `at` is where each partition came to, and is kept by the caller.
    """
    if resumes:
        async with opened(options, topic, positions=at) as log:
            for stretch in log.stretches:
                if (gone := stretch.first - at.get(stretch.partition, stretch.first)) > 0:
                    yield Missed(stretch.partition, gone)
                yield Chunk(stretch.partition, (), stretch.first)
                async for chunk in log.read(stretch):
                    yield chunk
    async with aclosing(follow(options, topic, at if resumes else None)) as chunks:
        async for chunk in chunks:
            expected = at.get(chunk.partition)
            if chunk.records and expected is not None and chunk.records[0].offset > expected:
                return  # the client lost some, or Kafka deleted them: the next look tells
            yield chunk
