"""Both services see what becomes of their topics while they run, and say it once."""

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, Gauge
from structlog.testing import capture_logs

from ingest.runtime.topic_check import Wanted, decisions, keywords, parked, webhooks
from ingest.runtime.topic_watch import TopicWatch
from tests.deadline import DEADLINE_S
from tests.kafka.kafka import AnyKafka, Kafka


def figure() -> Gauge:
    return Gauge("unfit", "As in life.", ["topic", "kind"], registry=CollectorRegistry())


def wrong(gauge: Gauge) -> set[tuple[str, str]]:
    (metric,) = gauge.collect()
    return {(one.labels["topic"], one.labels["kind"]) for one in metric.samples if one.value}


async def test_a_topic_that_is_altered_deleted_or_fixed_is_logged_when_it_happens(
    kafka_real: Kafka, unique: str
) -> None:
    topics = {
        kind: f"{unique}.{number}" for number, kind in enumerate((webhooks, decisions, parked, keywords))
    }
    for kind, topic in topics.items():
        kafka_real.create_topic(
            topic, 1, config={"cleanup.policy": "compact" if kind is keywords else "delete"}
        )
    gauge = figure()
    wanted: list[Wanted] = [kind(topic) for kind, topic in topics.items()]
    watch = TopicWatch(lambda: {"bootstrap_servers": kafka_real.bootstrap}, wanted, gauge)

    async def after(change: Callable[..., None], *arguments: str) -> set[tuple[str, str]]:
        await asyncio.to_thread(change, *arguments)
        before = {(problem.topic, problem.kind) for problem in watch.problems}
        async with asyncio.timeout(DEADLINE_S):
            while {(problem.topic, problem.kind) for problem in watch.problems} == before:
                await watch.look()
        return wrong(gauge)

    with capture_logs() as logs:
        await watch.look()
        await watch.look()
        assert (watch.looks, watch.problems, wrong(gauge), logs) == (2, [], set(), [])
        seen = await after(kafka_real.configure_topic, topics[webhooks], "cleanup.policy", "compact")
        assert seen == {(topics[webhooks], "compacted")}
        seen = await after(kafka_real.configure_topic, topics[webhooks], "cleanup.policy", "delete")
        assert seen == set()
        seen = await after(kafka_real.configure_topic, topics[decisions], "max.message.bytes", "1000")
        assert seen == {(topics[decisions], "too_small")}
        seen = await after(kafka_real.delete_topic, topics[parked])
        assert seen == {(topics[decisions], "too_small"), (topics[parked], "missing")}
        await watch.look()
    assert [line["event"] for line in logs] == ["topic_unfit", "topic_fixed", "topic_unfit", "topic_unfit"]


@pytest.mark.embedded_gap("librdkafka's mock cluster describes no settings")
async def test_settings_are_described(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    watch = TopicWatch(lambda: {"bootstrap_servers": kafka.bootstrap}, [keywords(unique)], figure())
    await watch.look()
    assert watch.looks == 1
    assert [problem.kind for problem in watch.problems] == ["not_compacted"]


async def test_while_kafka_is_away_nothing_ends(unique: str) -> None:
    watch = TopicWatch(lambda: {"bootstrap_servers": "127.0.0.1:1"}, [webhooks(unique)], figure())
    await watch.look()
    assert (watch.looks, watch.problems) == (0, [])
