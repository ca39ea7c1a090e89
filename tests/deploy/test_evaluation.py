"""Every rule is evaluated on what the services really export, all series at once.

promtool is given the few series that a row is about, so it cannot see a rule that fails beside the others: a
range over two metrics whose labels are the same, a label that no service sets, a series that begins with 1.
"""

import os
import re
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import PARTITIONS, Stage
from tests.deadline import DEADLINE_S, until
from tests.deploy.watcher import RULES, Watcher, a_prometheus, in_seconds
from tests.freeze import freeze

GROUPS: Final[list[dict[str, Any]]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
EXPRESSIONS: Final = {
    rule["alert"]: rule["expr"] for group in GROUPS for rule in group["rules"] if "alert" in rule
}
RISES: Final = re.compile(r"increase\((\w+)(\{[^}]*\})?\[")  # of what an alert waits for a rise
LABEL: Final = re.compile(r'(\w+)(=~?)"([^"]*)"')
# Its label is the name of an exception, which nobody knows before: the alert asks for new series as well.
NOT_KNOWN_BEFORE: Final = frozenset({"tagger_faults_total"})


async def both_are_scraped(watcher: Watcher) -> bool:
    return len(await watcher.ask("up == 1")) == 2


def series_that_rise() -> Iterator[tuple[str, str]]:
    """(alert, selector), a selector for each value of a label that may be one of several."""
    for alert, expression in EXPRESSIONS.items():
        for metric, labels in RISES.findall(expression):
            selectors = [""]
            for name, _, values in LABEL.findall(labels):
                selectors = [f'{one}{name}="{value}",' for one in selectors for value in values.split("|")]
            for one in selectors:
                if metric not in NOT_KNOWN_BEFORE:
                    yield alert, f"{metric}{{{one}}}"


async def test_no_rule_fails_and_what_an_alert_sees_rise_begins_with_0(
    prometheus: str, tmp_path: Path
) -> None:
    async with (
        Stage(tmp_path, seed=5) as stage,
        a_prometheus(prometheus, tmp_path, stage, in_seconds(tmp_path)) as watcher,
    ):
        await until(lambda: both_are_scraped(watcher))
        # Nothing has come yet, so each of these is what the services export from the start.
        absent = [(alert, series) for alert, series in series_that_rise() if not await watcher.ask(series)]
        assert absent == []

        await stage.play(visits(5, 20))
        assert (await stage.settled(DEADLINE_S)).missing == ()
        shown = 'sum(ingest_webhooks_total{result="kafka"}) > 0 and on () sum(tagger_decisions_total) > 0'
        await until(lambda: non_empty(watcher, shown))
        seen = {rule["name"]: rule["lastEvaluation"] for rule in await watcher.rules()}

        async def all_are_evaluated_again() -> bool:
            return all(rule["lastEvaluation"] > seen[rule["name"]] for rule in await watcher.rules())

        await until(all_are_evaluated_again)
        rules = await watcher.rules()
        assert len(rules) == sum(len(group["rules"]) for group in GROUPS)
        assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


async def non_empty(watcher: Watcher, query: str) -> bool:
    return bool(await watcher.ask(query))


async def frozen(stage: Stage, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """So the metric rises before Prometheus' eyes."""
    assert stage.tagger.pid is not None
    freeze(stage.tagger.pid)
    await meanwhile()
    os.kill(stage.tagger.pid, signal.SIGCONT)


async def restarted(stage: Stage, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """So the metric begins with 1."""
    await stage.tagger.stop()
    await meanwhile()
    await stage.tagger.start()


@pytest.mark.parametrize("away", [frozen, restarted])
async def test_records_that_were_deleted_unread_raise_the_alarm(
    prometheus: str, tmp_path: Path, away: Callable[..., Awaitable[None]]
) -> None:
    async with (
        Stage(tmp_path, seed=6) as stage,
        a_prometheus(prometheus, tmp_path, stage, in_seconds(tmp_path)) as watcher,
    ):
        await stage.play(visits(6, 20))
        assert (await stage.settled(DEADLINE_S)).missing == ()
        await until(lambda: non_empty(watcher, "tagger_lost_range_total == 0"))
        assert "RecordsLost" not in await watcher.firing()

        async def deleted_unread() -> None:
            await stage.play(visits(7, 40))
            assert stage.broker is not None
            for partition in range(PARTITIONS):
                offset = await log_end(stage.bootstrap, stage.names.webhooks, partition)
                stage.broker.delete_records(stage.names.webhooks, partition, offset)

        await away(stage, deleted_unread)

        async def fires() -> bool:
            return "RecordsLost" in await watcher.firing()

        await until(fires)


async def log_end(bootstrap: str, topic: str, partition: int) -> int:
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await reader.start()
    try:
        tp = TopicPartition(topic, partition)
        return int((await reader.end_offsets([tp]))[tp])
    finally:
        await reader.stop()
