"""What a stage shows of itself from outside: a service's metrics, and what is on a topic."""

from collections import defaultdict
from collections.abc import AsyncIterator

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tagger.kafka.reader import oldest_unfinished_ms
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import PARTITIONS, Stage


async def figures(service: Service, **labels: str) -> dict[str, float]:
    """Every metric, added up over the labels that are not given; 0 for one that has no value."""
    sums: dict[str, float] = defaultdict(float)
    async for sample in _samples(service):
        if labels.items() <= sample.labels.items():
            sums[sample.name] += sample.value
    return sums


async def highest(service: Service, name: str) -> float:
    """A metric where it is highest: of ages, the oldest."""
    return max([sample.value async for sample in _samples(service) if sample.name == name], default=0.0)


async def labelled(service: Service, name: str, label: str) -> str:
    """The label of an info metric; "" where there is none yet."""
    return next(iter([sample.labels[label] async for sample in _samples(service) if sample.name == name]), "")


async def held(service: Service) -> int:
    """How many partitions a tagger reads."""
    return len([sample async for sample in _samples(service) if sample.name == "tagger_position"])


async def _samples(service: Service) -> AsyncIterator[Sample]:
    async with aiohttp.ClientSession() as session, session.get(f"{service.admin_url}/metrics") as answer:
        page = await answer.text()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            yield sample


async def finished(stage: Stage) -> bool:
    """Whether the committed offset has passed all that was stored, and the metric says so."""
    options, names = {"bootstrap_servers": stage.bootstrap}, stage.names
    if await oldest_unfinished_ms(options, names.webhooks, names.group) is not None:
        return False
    return (await figures(stage.tagger))["tagger_lag_records"] == 0


async def everything_on(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> list[bytes]:
    """The values of all records."""
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await reader.start()
    try:
        tps = [TopicPartition(topic, number) for number in range(partitions)]
        reader.assign(tps)
        ends = await reader.end_offsets(tps)
        for tp in tps:
            reader.seek(tp, 0)  # aiokafka's seek_to_beginning may lose its wake-up and wait for 40 s
        found: list[bytes] = []
        while len(found) < sum(ends.values()):
            for batch in (await reader.getmany(timeout_ms=500)).values():
                found += [record.value for record in batch]
        return found
    finally:
        await reader.stop()
