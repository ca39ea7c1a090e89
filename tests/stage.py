"""What most tests of the whole way stand on: a simulated LiveChat and both services, on topics of their own."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from tagger.core.records.schemas import Topic
from tagger.simulator.livechat.account import Version
from tagger.simulator.stage.stage import PARTITIONS, VERSIONS, Names, Stage
from tests.contracts import check_topics
from tests.kafka.kafka import AnyKafka


def names_of(unique: str) -> Names:
    """Topics and a group that no other test has."""
    return Names(f"{unique}.webhooks", f"{unique}.decisions", f"{unique}.parked", unique)


@asynccontextmanager
async def a_stage(
    kafka: AnyKafka,
    unique: str,
    folder: Path,
    *,
    seed: int = 7,
    partitions: int = PARTITIONS,
    versions: Sequence[Version] = VERSIONS,
    pause_s: float = 0.0,
    oauth: bool = False,
    corrections: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Stage]:
    """Topics are made first; the rest is as `Stage` has it. At the end, the records on them must fit their schemas."""
    names = names_of(unique)
    for topic in names.topics:
        kafka.create_topic(topic, partitions)
    async with Stage(
        folder,
        seed,
        kafka.bootstrap,
        names,
        versions=versions,
        pause_s=pause_s,
        oauth=oauth,
        corrections=corrections,
        settings=settings,
    ) as stage:
        yield stage
    topics: dict[Topic, str] = dict(
        zip(("webhooks", "decisions", "parked", "keywords"), names.topics, strict=True)
    )
    assert await check_topics(kafka.bootstrap, topics)
